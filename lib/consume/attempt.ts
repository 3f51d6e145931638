import type { TransactionAction } from '../dynamodb/transaction';
import type { OperatorNote } from '../event/signal';
import type { MessageContent, UnreadableEvent } from './message-content';
import type { DeadLetterNote, InboxEntries, InboxStore, Transactions } from './ports';
import type { ConsumedRecord } from './record';
import type { RowCache } from './row-cache';

/** One attempt to apply a message. */
export interface Attempt<Content = MessageContent> {
  readonly record: ConsumedRecord;
  readonly content: Content;
  /** Counts from 1. */
  readonly number: number;
  /** An earlier attempt failed, so this one gets a transaction of its own. */
  readonly isRepeated?: boolean;
  /** Aborted when the consumer no longer needs the message. */
  readonly signal: AbortSignal;
}

/** The result of an attempt that did not fail. `stale`: the inbox has changed since it was read; decide again. */
export type AttemptResult =
  | { readonly kind: 'settled'; readonly outcome: 'applied' | 'duplicate' | 'parked' }
  | { readonly kind: 'dead-letter'; readonly note: DeadLetterNote }
  | { readonly kind: 'unreadable'; readonly event: UnreadableEvent }
  | { readonly kind: 'gap' }
  | { readonly kind: 'stale' };

export const APPLIED: AttemptResult = { kind: 'settled', outcome: 'applied' };
export const DUPLICATE: AttemptResult = { kind: 'settled', outcome: 'duplicate' };

export interface ApplyPorts {
  readonly inbox: InboxStore;
  readonly entries: InboxEntries;
  /** Writes effects together with records of the consumer. */
  readonly transactions: Transactions;
  /** Writes records of the consumer alone. */
  readonly ownWrites: Transactions;
  readonly rows: RowCache;
}

/** The outcome of a message from the consumer's table: a parked message, or a dead letter that was sent again. */
export type StoredOutcome = 'applied' | 'duplicate' | 'stale';

/** Additions to the transaction of a message from the consumer's table. */
export interface StoredMessageOptions {
  readonly alongside: readonly TransactionAction[];
  /** The operator's note on a dead letter that was sent again. */
  readonly resend?: OperatorNote | undefined;
  /** The message had lost its identity when it was parked; later events prove nothing against that. */
  readonly isLostIdentity?: boolean | undefined;
}
