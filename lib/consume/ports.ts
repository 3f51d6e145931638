import type { OperatorNote } from '../event/signal';
import type { TransactionAction } from '../dynamodb/transaction';
import type { EventEnvelope, UndecodableReason } from './decode';
import type { SequenceGap } from './gap';
import type { InboxRow, InboxState } from './inbox';
import type { InboxKey } from './inbox-keys';
import type { ConsumedRecord } from './record';
import type { ConsumerRequestResult, ConsumerRequest } from './request';

/** Why a message is dead-lettered instead of being applied. */
export type DeadLetterReason =
  | UndecodableReason
  /** The handler has used all its attempts. */
  | 'handler-failed'
  /** A first delivery after a later event of its key was applied, with `onLate: 'dead-letter'`. */
  | 'late'
  /** No version, and older than the markers that would show whether it was applied. */
  | 'older-than-markers'
  /** Below the newest 16 events of its key, and no duplicate of an older one. */
  | 'lost-identity'
  /** It would have been parked, but does not fit an item. */
  | 'too-large-to-park';

/** Why a message was dead-lettered: becomes the headers of its dead letter. */
export interface DeadLetterNote {
  readonly reason: DeadLetterReason;
  readonly message: string;
  /** Redacted, for a failed handler. */
  readonly stack?: string;
}

/** The destination of messages that are not applied. */
export interface DeadLetters {
  /** Resolves when Kafka has acknowledged the whole message, and rejects otherwise. */
  send(record: ConsumedRecord, note: DeadLetterNote): Promise<void>;
}

/** A message that waits for a redrive, and its place among those of its key. */
export interface ParkedMessage extends ParkedNotes {
  readonly record: ConsumedRecord;
  readonly position: string;
}

/** The facts about a message that are stored when it is parked. */
export interface ParkedNotes {
  /** The operator's note on a dead letter that was sent again. */
  readonly resend?: OperatorNote;
  /** It lay below the window, and could not be an old duplicate. Later applied events would hide that. */
  readonly isLostIdentity?: true;
}

/** A message from the consumer's table, and the actions that are written in the same transaction. */
export interface StoredMessageOptions extends ParkedNotes {
  readonly alongside: readonly TransactionAction[];
}

/** Reads the consumer's own table, with strong consistency. */
export interface InboxStore {
  read(key: InboxKey): Promise<InboxRow>;
  isMarked(key: InboxKey, id: string): Promise<boolean>;
  nextParked(key: InboxKey): Promise<ParkedMessage | undefined>;
  parkedKeys(): AsyncIterable<InboxKey>;
}

/** Changes of a consumer's table, if its state is still as read; `park` and `unlist` need a `row` for that. */
export interface InboxActions {
  /** Replaces the row by `state`, if it still has the revision that was read. */
  row(key: InboxKey, known: InboxRow, state: InboxState, applied?: Pick<EventEnvelope, 'time'>): TransactionAction;
  /** Marks an event as applied, if it is not marked. */
  marker(key: InboxKey, id: string): TransactionAction;
  /** The same, permanently: a dead letter may be sent again after the window has forgotten its event. */
  keptMarker(key: InboxKey, id: string, resend?: OperatorNote): TransactionAction;
  /** Holds while the key is not parked. */
  notParked(key: InboxKey): TransactionAction;
  /** Parks a message behind those of its key; the same message replaces itself. `why` of the first one is the key's. */
  park(key: InboxKey, known: InboxRow, record: ConsumedRecord, why: string, notes?: ParkedNotes): TransactionAction[];
  /** Removes a parked message; fails if it is not there. */
  unpark(key: InboxKey, position: string): TransactionAction;
  /** Removes the key from the list of parked keys. */
  unlist(key: InboxKey): TransactionAction;
}

/** How many keys were parked as unreadable since a point in time. */
export interface UnreadableCount {
  /** Epoch milliseconds. */
  readonly since: number;
  readonly keys: number;
  /** 0 if no key was counted yet. */
  readonly revision: number;
}

/** The count in the consumer's table, which all its instances share. Reads are strongly consistent. */
export interface UnreadableCountStore {
  read(): Promise<UnreadableCount>;
  /** Replaces the count, if it is still the one that was read. */
  replace(known: UnreadableCount, next: Omit<UnreadableCount, 'revision'>): TransactionAction;
}

export interface RequestStore {
  /** All requests, in the order of their creation; eventually consistent. `unknown`: not of a kind of this version. */
  pending(): AsyncIterable<ConsumerRequest | { readonly unknown: string }>;
  /** Strongly consistent; `undefined` if the request is done, or of a kind that this version does not know. */
  read(id: string): Promise<ConsumerRequest | undefined>;
  /** The message of a resend; `undefined` if it was taken out of the table or has expired. */
  resentMessage(id: string): Promise<ConsumedRecord | undefined>;
  parkedAt(key: InboxKey, position: string): Promise<ConsumedRecord | undefined>;
  parkedReason(key: InboxKey): Promise<ParkedReason | undefined>;
  /** Replaces a request by its remaining work, if it still asks for the same action. */
  replace(known: ConsumerRequest, next: ConsumerRequest): TransactionAction;
  removeResentMessage(id: string): TransactionAction;
  /** Removes a request with its message, if it still asks for the same action, and stores the result. */
  complete(known: ConsumerRequest, result: ConsumerRequestResult): readonly TransactionAction[];
  /** Updates the reason why a key is parked, if it still is. */
  updateParkedReason(key: InboxKey, reason: ParkedReason): TransactionAction;
  /** Records that an event must never be applied, and why. */
  discard(key: InboxKey, discarded: DiscardedEvent, note: OperatorNote): TransactionAction;
}

export interface ParkedReason {
  /** Why its first event could not be applied. */
  readonly why: string;
  /** Epoch milliseconds. */
  readonly parkedAt: number;
}

export interface DiscardedEvent {
  readonly record: ConsumedRecord;
  readonly id: string;
  /** Why it could not be applied. */
  readonly why: string;
}

/** The outcome of a transaction. `reasons` has DynamoDB's code for each entry; `None` if the entry did not fail. */
export type WriteResult =
  | { readonly kind: 'written' }
  | { readonly kind: 'cancelled'; readonly reasons: readonly string[]; readonly cause: unknown }
  /** DynamoDB refuses the request as a whole, and would again. */
  | { readonly kind: 'rejected'; readonly cause: unknown };

export interface Transactions {
  /**
   * Writes all of the entries or none. Rejects if the outcome is unknown or DynamoDB is unavailable.
   *
   * @param options - `alone`: not together with the entries of others
   */
  write(entries: readonly TransactionAction[], options?: { readonly alone?: boolean }): Promise<WriteResult>;
}

/** The source of the current time. */
export interface ConsumerClock {
  /** Epoch milliseconds. */
  now(): number;
}

/** A part of a partition that Kafka deleted before it was read. */
export interface MessagesGone {
  readonly topic: string;
  readonly partition: number;
  /** The offset to read next; left out if kafkajs has overwritten the committed offset before the consumer ended. */
  readonly from?: bigint;
  /** The first offset of the log. */
  readonly to: bigint;
  /**
   * The number of offsets in between; left out if it is unknown, because the topic was recreated. Some offsets may have
   * had no message: compaction and transactions leave holes.
   */
  readonly count?: number;
}

/** Receives the consumer's reports. If a method throws or rejects, the error becomes a warning of the process. */
export interface ConsumerTelemetry {
  /** `latencyMs`: from the event's commit to its effect, if the commit time is known. */
  applied(event: EventEnvelope, latencyMs: number | undefined): void;
  /** `below`: the event lies before the window, so the inbox does not remember it. */
  duplicateIgnored(event: EventEnvelope, details: { readonly below: boolean }): void;
  /** A message of a replay, with `onReplay: 'ignore'`. */
  replayIgnored(event: EventEnvelope): void;
  /** A type that is not in the catalogue, with `onUnknownType: 'skip'`. */
  unknownTypeSkipped(event: EventEnvelope): void;
  /** An event that was never applied, delivered after later ones of its key. */
  late(event: EventEnvelope): void;
  /** Events before this one of its key were not received. `waits`: the event waits for them. */
  gap(event: EventEnvelope, gap: SequenceGap, details: { readonly waits: boolean }): void;
  /** An event below the newest 16 of its key has the identity of another one. It is `applied`, or else dead-lettered. */
  lostIdentity?(event: EventEnvelope, details: { readonly applied: boolean }): void;
  /** Only this key waits: for a service that its handler calls, or for its own transaction. */
  keyDelayed?(event: EventEnvelope, cause: unknown): void;
  /** A handler or its transaction failed; `attempt` counts from 1. */
  attemptFailed(event: EventEnvelope, attempt: number, cause: unknown): void;
  /** Kafka has acknowledged a dead letter. */
  deadLettered(record: ConsumedRecord, note: DeadLetterNote): void;
  /** Kafka did not acknowledge a dead letter. The consumer sends it again, and commits its offset only afterwards. */
  deadLetterFailed(record: ConsumedRecord, cause: unknown, note?: DeadLetterNote): void;
  /** An event is parked: it failed, or an earlier one of its key did. */
  parked(event: EventEnvelope, why: string): void;
  /** The key is no longer parked. */
  released(key: InboxKey): void;
  /** An operator's request was carried out or refused. */
  requestCompleted(result: ConsumerRequestResult): void;
  /** Requests of operators could not be read or carried out. The next poll tries again. */
  requestFailed(cause: unknown): void;
  /** The table (every key waits) or a service of handlers is unavailable, or too many keys are parked as unreadable. */
  outage(cause: unknown): void;
  /** The outage is over. */
  outageOver(): void;
  /** Offsets could not be committed. The next commit includes them. */
  commitFailed(cause: unknown): void;
  /** kafkajs could not read Kafka, even with its retries, and restarts after a while. No event is applied meanwhile. */
  readFailed(cause: unknown): void;
  /** The messages to read next are no longer in Kafka. The consumer continues at the beginning of the log. */
  messagesGone?(details: MessagesGone): void;
  /** The consumer waits for topics that do not exist. Repeated once a minute while they are missing. */
  topicsMissing?(details: { readonly topics: readonly string[] }): void;
  /** The group has given this consumer partitions, by topic. */
  rebalanced(details: { readonly assigned: Readonly<Record<string, readonly number[]>> }): void;
  /** Called regularly, and at the end, so that collected values can be written. */
  flush(): void;
}
