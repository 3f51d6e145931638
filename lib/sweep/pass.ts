import { EMPTY_CENSUS, type Census } from './census';
import type { KeyState } from './judge';
import type { ScanKey } from './ports';

/** A segment that was begun and not seen to its end. */
export interface Cut {
  readonly segment: number;
  /** The key after which the scan goes on; the segment's beginning without one. */
  readonly after?: ScanKey;
  /** The key at which the segment was cut, as far as it was judged. */
  readonly key?: KeyState;
}

/**
 * A look at the whole table, in one run or in several: a run goes on where the one before stopped, inside a segment and
 * inside a key, so that every item is seen however large the table or a key is. Segments before `next` that are not
 * among `cuts` were seen to their end.
 */
export interface Pass {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds when it was last written. */
  readonly savedAt?: number;
  /** Segments that the table is scanned in. */
  readonly segments: number;
  /** The first segment that was not begun. */
  readonly next: number;
  readonly cuts: readonly Cut[];
  /** Of all items that were seen. */
  readonly census: Census;
  /** When the oldest item was committed that was open, is behind no hold, and may have been lost. */
  readonly uncoveredSince?: number;
}

/** An item or a signal that was seen waiting, and the probe that was put under its key after that. */
export interface Probe {
  readonly pk: string;
  /** Of the item or signal. */
  readonly sk: string;
  /** Of the item. */
  readonly id?: string;
  /** Sort key of the probe. */
  readonly probe: string;
  /** Epoch milliseconds. */
  readonly sentAt: number;
}

/** A pass that nobody went on with for so long is given up: what was written meanwhile must be seen soon. */
const LONGEST_PAUSE_MS = 12 * 3_600_000;

/** Whether a run at `now` may go on with the pass. */
export const mayResume = ({ savedAt, startedAt }: Pass, now: number): boolean =>
  Math.abs(now - (savedAt ?? startedAt)) <= LONGEST_PAUSE_MS;

export const isComplete = ({ next, segments, cuts }: Pass): boolean => next === segments && cuts.length === 0;

const MIN_SEGMENTS = 16;
/** DynamoDB takes no more. */
const MAX_SEGMENTS = 1_000_000;
const SEGMENT_BYTES = 256 * 1024 * 1024;
/** One eventually consistent read unit is two of 4 KB. */
export const BYTES_PER_UNIT = 8 * 1024;
/** A segment takes no longer than this, were it read alone. */
const SEGMENT_SECONDS = 50;

/** Segments so small that a run gets through many, at the rate at which it may read. */
export function newPass(startedAt: number, tableBytes: number, readUnitsPerSecond: number): Pass {
  const segmentBytes = Math.min(SEGMENT_BYTES, readUnitsPerSecond * BYTES_PER_UNIT * SEGMENT_SECONDS);
  const segments = Math.min(MAX_SEGMENTS, Math.max(MIN_SEGMENTS, Math.ceil(tableBytes / segmentBytes)));
  return { startedAt, segments, next: 0, cuts: [], census: EMPTY_CENSUS };
}
