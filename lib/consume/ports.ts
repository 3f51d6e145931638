import type { Request } from '../event/signal';
import type { TransactionAction } from '../event/transaction';
import type { Envelope, UndecodableReason } from './decode';
import type { Gap } from './gap';
import type { InboxState } from './inbox';
import type { InboxKey } from './inbox-keys';
import type { ConsumedRecord } from './record';
import type { Answer, ParkingRequest } from './request';

/** Why a message is set aside instead of being applied. */
export type AsideReason =
  | UndecodableReason
  /** The handler failed as often as it may. */
  | 'handler-failed'
  /** A first delivery after a later event of its key was applied, with `onLate: 'dead-letter'`. */
  | 'late'
  /** No version, and older than the markers that would tell whether it was applied. */
  | 'older-than-markers'
  /** Below the newest 16 events of its key, and no duplicate of an older one. */
  | 'lost-identity'
  /** It would have been parked, but does not fit an item. */
  | 'too-large-to-park';

/** Why a message was set aside: becomes the headers of its dead letter. */
export interface Aside {
  readonly reason: AsideReason;
  readonly message: string;
  /** Redacted, for a failed handler. */
  readonly stack?: string;
}

/** Where messages go that are not applied. */
export interface DeadLetters {
  /** Resolves when Kafka has acknowledged the whole message, and rejects otherwise. */
  send(record: ConsumedRecord, aside: Aside): Promise<void>;
}

/** An inbox as it was read, with the revision that a write of it must find. */
export interface InboxRow {
  readonly state: InboxState;
  /** 0 when it does not exist yet. */
  readonly revision: number;
  /** Epoch milliseconds of the last apply. */
  readonly appliedAt?: number;
}

/** A message that waits for a redrive, and its place among those of its key. */
export interface ParkedMessage extends ParkedNotes {
  readonly record: ConsumedRecord;
  readonly position: string;
}

/** What is known of a message when it is parked. */
export interface ParkedNotes {
  /** The operator's note on a dead letter that was sent again. */
  readonly resend?: Request;
  /** It lay below the window, and could not be an old duplicate. Events that are applied later would hide that. */
  readonly isLostIdentity?: true;
}

/** The consumer's own table. What it answers is strongly consistent; what it rejects with is of unknown outcome. */
export interface InboxStore {
  read(key: InboxKey): Promise<InboxRow>;
  /** Whether an event without a version is marked as applied. */
  isMarked(key: InboxKey, id: string): Promise<boolean>;
  /** The next parked message of a key; `undefined` when there is none. */
  nextParked(key: InboxKey): Promise<ParkedMessage | undefined>;
  /** The keys that have parked messages. */
  parkedKeys(): AsyncIterable<InboxKey>;
}

/** The entries that change a consumer's table; each refuses when what it was decided on has changed. */
export interface InboxEntries {
  /** Replaces the row by `state`, if it still has the revision that was read. */
  row(key: InboxKey, known: InboxRow, state: InboxState, applied?: Pick<Envelope, 'time'>): TransactionAction;
  /** Marks an event without a version, if it is not marked. */
  marker(key: InboxKey, id: string): TransactionAction;
  /**
   * Marks for good an event that was set aside and is applied all the same, if it is not marked: its dead letter may be
   * sent again when the window has forgotten it. `resend`: the operator's note.
   */
  keptMarker(key: InboxKey, id: string, resend?: Request): TransactionAction;
  /** Holds as long as nothing of the key is parked. */
  notParked(key: InboxKey): TransactionAction;
  /**
   * Keeps a message behind those of its key that are parked already; a repetition replaces itself. The first one is why
   * the key is parked.
   */
  park(
    key: InboxKey,
    known: InboxRow,
    record: ConsumedRecord,
    why: string,
    notes?: ParkedNotes,
  ): readonly TransactionAction[];
  /** Takes a message out of the parking, if it is there. */
  unpark(key: InboxKey, position: string): TransactionAction;
  /** The key has no parked message any more. */
  release(key: InboxKey): TransactionAction;
}

/** How many keys were parked as unreadable since when. */
export interface BreakerState {
  /** Epoch milliseconds. */
  readonly since: number;
  readonly keys: number;
  /** 0 when nothing was counted yet. */
  readonly revision: number;
}

/** The consumer's breaker, shared by all its instances in its table. */
export interface BreakerStore {
  /** Strongly consistent. */
  read(): Promise<BreakerState>;
  /** Replaces what was read, if it still is so. */
  counted(known: BreakerState, next: Omit<BreakerState, 'revision'>): TransactionAction;
}

/** What operators ask of the consumer, in its table. */
export interface RequestStore {
  /** In the order in which they were asked; eventually consistent. */
  waiting(): AsyncIterable<ParkingRequest | UnknownRequest>;
  /** Strongly consistent; `undefined` when it is done, or nothing that this version knows. */
  read(id: string): Promise<ParkingRequest | undefined>;
  /** The message of a resend; `undefined` if it was taken out of the table or has expired. */
  resend(id: string): Promise<ConsumedRecord | undefined>;
  /** The message that is parked at a place; `undefined` if there is none. */
  parkedAt(key: InboxKey, position: string): Promise<ConsumedRecord | undefined>;
  /** Why the key is parked; `undefined` when it is not. */
  parking(key: InboxKey): Promise<Parking | undefined>;
  /** Replaces a request by what is left of it to do, if it still asks for what was read. */
  replaced(known: ParkingRequest, next: ParkingRequest): TransactionAction;
  /** Removes the message of a resend. */
  taken(id: string): TransactionAction;
  /** Removes a request with its message, if it still asks for what was read, and keeps how it ended. */
  answered(known: ParkingRequest, answer: Answer): readonly TransactionAction[];
  /** Says why a key is still parked, if it is. */
  refused(key: InboxKey, parking: Parking): TransactionAction;
  /** Notes that an event is never to be applied, and why. */
  discarded(key: InboxKey, discarded: DiscardedEvent, request: Request): TransactionAction;
}

/** What is known of a parked key. */
export interface Parking {
  /** Why its first event could not be applied. */
  readonly why: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** A request that somebody else must have written. */
export interface UnknownRequest {
  readonly unknown: string;
}

export interface DiscardedEvent {
  readonly record: ConsumedRecord;
  readonly id: string;
  /** Why it could not be applied. */
  readonly why: string;
}

/** What became of a transaction. `reasons` has DynamoDB's code for each entry, `None` for the innocent ones. */
export type WriteResult =
  | { readonly kind: 'written' }
  | { readonly kind: 'cancelled'; readonly reasons: readonly string[]; readonly cause: unknown }
  /** DynamoDB refuses the request as a whole, and would again. */
  | { readonly kind: 'refused'; readonly cause: unknown };

export interface Transactions {
  /** Writes all of the entries or none. Rejects when the outcome is unknown or DynamoDB is away. */
  /** @param options - `alone`: not together with the entries of others */
  write(entries: readonly TransactionAction[], options?: { readonly alone?: boolean }): Promise<WriteResult>;
}

/** Where the time comes from. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

/** A part of a partition that Kafka has deleted before it was read. */
export interface MessagesGone {
  readonly topic: string;
  readonly partition: number;
  /** The offset that was to be read next; left out if kafkajs has overwritten it before the consumer ended. */
  readonly from?: bigint;
  /** The first offset of the log. */
  readonly to: bigint;
  /**
   * How many offsets lie between; left out if that is unknown, because the topic was made again. Some of them may have
   * been no messages: compaction and transactions leave holes.
   */
  readonly count?: number;
}

/**
 * What the consumer tells the outside about its work. An error that a method throws, or rejects with, becomes a warning of
 * the process.
 */
export interface ConsumerTelemetry {
  /** `latencyMs`: from the event's commit to its effect, where the event tells when it was committed. */
  applied(event: Envelope, latencyMs: number | undefined): void;
  /** `below`: it lies before the window, so that nothing remembers it. */
  duplicateIgnored(event: Envelope, details: { readonly below: boolean }): void;
  /** A message of a replay, with `onReplay: 'ignore'`. */
  replayIgnored(event: Envelope): void;
  /** A type that is not in the catalogue, with `onUnknownType: 'skip'`. */
  unknownTypeSkipped(event: Envelope): void;
  /** An event that was never applied, delivered after later ones of its key. */
  late(event: Envelope): void;
  /**
   * Events before this one of its key were never seen. With `gap.otherTopics` they may have gone to those topics. `waits`:
   * it is not applied until they come.
   */
  gap(event: Envelope, gap: Gap, details: { readonly waits: boolean }): void;
  /**
   * An event below the newest 16 of its key cannot be an old duplicate: it has the identity of another one. `applied`:
   * it is applied all the same; otherwise it goes to the dead letters.
   */
  lostIdentity?(event: Envelope, details: { readonly applied: boolean }): void;
  /** The key waits alone for a service that its handler calls, or for an item that DynamoDB throttles. */
  keyDelayed?(event: Envelope, cause: unknown): void;
  /** A handler or its transaction failed; `attempt` counts from 1. */
  attemptFailed(event: Envelope, attempt: number, cause: unknown): void;
  /** Kafka has acknowledged a dead letter. */
  deadLettered(record: ConsumedRecord, aside: Aside): void;
  /** Kafka did not acknowledge a dead letter. The consumer sends it again, and commits its offset only afterwards. */
  deadLetterFailed(record: ConsumedRecord, cause: unknown, aside?: Aside): void;
  /** An event waits in the table: it failed, or one before it of its key did. */
  parked(event: Envelope, why: string): void;
  /** Nothing of the key is parked any more. */
  released(key: InboxKey): void;
  /** An operator's request was done, or is not to be done. */
  answered(answer: Answer): void;
  /** What operators ask for could not be read or done; the next look does it. */
  requestFailed(cause: unknown): void;
  /**
   * Everything waits: the consumer's table is unavailable, a service that handlers call is, or too many keys were parked
   * as unreadable.
   */
  outage(cause: unknown): void;
  /** What was unavailable answers again. */
  outageOver(): void;
  /** The offset up to which a partition is done could not be committed; it will be with a later one. */
  commitFailed(cause: unknown): void;
  /** kafkajs could not read Kafka, its retries included, and begins again after a while. Nothing is applied meanwhile. */
  readFailed(cause: unknown): void;
  /** Messages that were to be read next are not in Kafka any more. The consumer goes on at the beginning of the log. */
  messagesGone?(details: MessagesGone): void;
  /** The consumer waits for topics that do not exist. Repeated once a minute while they are missing. */
  topicsMissing?(details: { readonly topics: readonly string[] }): void;
  /** The group has given this consumer partitions, by topic. */
  rebalanced(details: { readonly assigned: Readonly<Record<string, readonly number[]>> }): void;
  /** Called now and then, and at the end: what is collected can be written. */
  flush(): void;
}
