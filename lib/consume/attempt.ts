import type { DecodedEvent, MessageContent, UnreadableEvent } from './decode';
import type { InboxView } from './inbox-view';
import type { InboxWriter } from './inbox-writer';
import type { DeadLetterNote, Transactions } from './ports';
import type { ConsumedRecord } from './record';

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
  readonly view: InboxView;
  readonly writer: InboxWriter;
  /** Writes effects together with records of the consumer. */
  readonly transactions: Transactions;
  readonly tracer: AttemptTracer;
}

/** Shows to observers which attempts run, such as in a span. */
export interface AttemptTracer {
  /**
   * Runs the handlers of the attempts, and the commit of their effects. Returns or throws as `work` does, whatever the
   * observers do. `work` returns whether the events were applied.
   */
  process(attempts: readonly Attempt<DecodedEvent>[], work: () => Promise<boolean>): Promise<boolean>;
}

/** The outcome of a message from the consumer's table: a parked message, or a dead letter that was sent again. */
export type StoredOutcome = 'applied' | 'duplicate' | 'stale';
