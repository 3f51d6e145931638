import { EMPTY_CENSUS, type Census } from './census';

/**
 * A look at the whole table, part by part, in one run or in several: a run goes on where the one before ran out of time,
 * so that every item is seen however large the table is.
 */
export interface Pass {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Parts that the table is scanned in. */
  readonly segments: number;
  /** The first part that was not seen to its end. */
  readonly next: number;
  /** Of the parts before. */
  readonly census: Census;
  /** When the oldest open item in them that is behind no hold was committed. */
  readonly uncoveredSince?: number;
}

const MIN_SEGMENTS = 16;
/** DynamoDB takes no more. */
const MAX_SEGMENTS = 1_000_000;
const SEGMENT_BYTES = 256 * 1024 * 1024;
/** One eventually consistent read unit is two of 4 KB. */
const BYTES_PER_UNIT = 8 * 1024;
/** A part takes no longer than this, were it read alone: several are read at once, and a run must end many. */
const SEGMENT_SECONDS = 50;

/** Parts so small that a run gets through many, at the rate at which it may read. */
export function newPass(startedAt: number, tableBytes: number, readUnitsPerSecond: number): Pass {
  const segmentBytes = Math.min(SEGMENT_BYTES, readUnitsPerSecond * BYTES_PER_UNIT * SEGMENT_SECONDS);
  const segments = Math.min(MAX_SEGMENTS, Math.max(MIN_SEGMENTS, Math.ceil(tableBytes / segmentBytes)));
  return { startedAt, segments, next: 0, census: EMPTY_CENSUS };
}
