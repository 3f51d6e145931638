import type { Signal } from '../event/signal';
import type { BatchItem } from './batch-item';

/** A signal in progress within an invocation. */
export interface BatchSignal {
  /** Index in the batch. */
  readonly index: number;
  readonly signal: Signal;
  /** When its record was written to the stream, in epoch milliseconds, if the record has a timestamp. */
  readonly streamedAt?: number;
  /** Whether this stands for a record without an image, for which the table holds no signal. */
  readonly isUnseen?: boolean;
  state: 'open' | 'settled';
}

/** Whether the table holds the signal, as far as its record shows. */
export const isStored = ({ isUnseen }: BatchSignal): boolean => isUnseen !== true;

/** The items and signals of one key that need more than publishing the records as shown. */
export interface KeyTask {
  readonly pk: string;
  readonly items: readonly BatchItem[];
  readonly signals: readonly BatchSignal[];
}
