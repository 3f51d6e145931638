import type { Signal } from '../event/signal';
import type { Entry } from './entry';

/** A signal on its way through an invocation. */
export interface SignalEntry {
  /** Place in the batch. */
  readonly index: number;
  readonly signal: Signal;
  /** A record without the image of its item: nothing lies in the table for the request itself. */
  readonly isUnseen?: boolean;
  state: 'open' | 'settled';
}

/** Everything of one key in a batch that needs more than publishing what the records show. */
export interface KeyWork {
  readonly pk: string;
  /** Lowest place in the batch. */
  readonly index: number;
  readonly entries: readonly Entry[];
  readonly signals: readonly SignalEntry[];
}

/** How many keys are read and drained at once: their calls to DynamoDB overlap, their publishing takes turns. */
const KEYS_AT_ONCE = 16;

/** Runs `work` for each, several at once; rejects when one does, after the others that run have ended. */
export async function forEachKey<T>(keys: readonly T[], work: (key: T) => Promise<void>): Promise<void> {
  const waiting = keys.values();
  const lane = async (): Promise<void> => {
    for (const key of waiting) await work(key);
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(KEYS_AT_ONCE, keys.length) }, lane));
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason;
}
