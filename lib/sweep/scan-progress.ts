import type { ItemKey, ItemRef } from '../event/item';
import { EMPTY_COUNTS, type TableCounts } from './table-counts';
import type { KeyState } from './evaluate-key';

/** A segment that was begun and not read to its end. */
export interface UnfinishedSegment {
  readonly segment: number;
  /** The key after which the scan resumes; without it, the scan starts at the beginning of the segment. */
  readonly after?: ItemKey;
  /** State of the key at which the reading stopped. */
  readonly key?: KeyState;
}

/**
 * A scan of the whole table, in one run or in several. Each run resumes where the previous one stopped, even inside a
 * segment or a key, so that every item is read however large the table or a key is. Segments before `next` that are not
 * `unfinished` were read to their end.
 */
export interface ScanProgress {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds of the last write. */
  readonly savedAt?: number;
  readonly segments: number;
  /** The first segment that was not begun. */
  readonly next: number;
  readonly unfinished: readonly UnfinishedSegment[];
  readonly counts: TableCounts;
  /** Epoch milliseconds at which the oldest item was committed that was open, behind no hold and not acted on. */
  readonly uncoveredSince?: number;
  /** Whether an earlier run of this scan found something to act on, or keys were held. */
  readonly hasFindings?: boolean;
}

/** The notes of earlier runs about complete passes over the table. */
export interface PassHistory {
  /** Epoch milliseconds at which the last complete pass began. */
  readonly startedAt?: number;
  /** Whether it found nothing to act on, and nothing held or suspected. */
  readonly isSettled?: boolean;
  /** Epoch milliseconds at which the sweeper last noticed a change of the event source mapping. */
  readonly mappingChangedAt?: number;
  /** The event source mapping as it was described then; a change of the mapping changes it. */
  readonly mapping?: string;
}

/** Maximum lag of writers' clocks and of an eventually consistent scan. */
export const SCAN_MARGIN_MS = 5 * 60_000;

/** An item or a signal that was seen waiting, and the probe that was then sent for its key. */
export interface StreamProbe extends ItemRef {
  readonly probe: string;
  /** Epoch milliseconds. */
  readonly sentAt: number;
}

/** A scan without progress for this long is abandoned, because items written meanwhile must be read soon. */
const LONGEST_PAUSE_MS = 12 * 3_600_000;

export const mayResume = ({ savedAt, startedAt }: ScanProgress, now: number): boolean =>
  Math.abs(now - (savedAt ?? startedAt)) <= LONGEST_PAUSE_MS;

/**
 * The scan without an oldest pending item that was in flight when an earlier run met it: by now it would look overdue.
 */
export function resumed(stored: ScanProgress, overdueAfterMs: number): ScanProgress {
  const { savedAt, startedAt, counts } = stored;
  const { oldestPendingAt = -Infinity } = counts;
  if (oldestPendingAt <= (savedAt ?? startedAt) - overdueAfterMs) return stored;
  return { ...stored, counts: { ...counts, oldestPendingAt: undefined, oldestPendingKey: undefined } };
}

export const isComplete = ({ next, segments, unfinished }: ScanProgress): boolean =>
  next === segments && unfinished.length === 0;

const MIN_SEGMENTS = 16;
/** DynamoDB's maximum. */
const MAX_SEGMENTS = 1_000_000;
const SEGMENT_BYTES = 256 * 1024 * 1024;
/** One read unit covers two eventually consistent reads of 4 KB. */
export const BYTES_PER_UNIT = 8 * 1024;
/** Maximum duration of a segment that is read alone. */
const SEGMENT_SECONDS = 50;

/** A new scan, with segments so small that a run completes many at its read rate. */
export function newProgress(startedAt: number, tableBytes: number, readUnitsPerSecond: number): ScanProgress {
  const segmentBytes = Math.min(SEGMENT_BYTES, readUnitsPerSecond * BYTES_PER_UNIT * SEGMENT_SECONDS);
  const segments = Math.min(MAX_SEGMENTS, Math.max(MIN_SEGMENTS, Math.ceil(tableBytes / segmentBytes)));
  return { startedAt, segments, next: 0, unfinished: [], counts: EMPTY_COUNTS };
}

/** The scan as it is stored; some attributes keep the names that the first versions gave them. */
type StoredProgress = Omit<ScanProgress, 'counts' | 'unfinished'> & {
  readonly cuts: ScanProgress['unfinished'];
  readonly census: Omit<TableCounts, 'unprocessableSignals' | 'unprocessableKeys'> & {
    readonly signalsSetAside: number;
    readonly setAsideKeys: readonly string[];
  };
};

export function encodeProgress({ counts, unfinished: cuts, ...progress }: ScanProgress): StoredProgress {
  const { unprocessableSignals: signalsSetAside, unprocessableKeys: setAsideKeys, ...others } = counts;
  return { ...progress, cuts, census: { ...others, signalsSetAside, setAsideKeys } };
}

export function decodeProgress(stored: unknown): ScanProgress | undefined {
  if (stored === undefined) return undefined;
  // Only `encodeProgress` writes it.
  const { census, cuts: unfinished, ...progress } = stored as StoredProgress;
  const { signalsSetAside: unprocessableSignals, setAsideKeys: unprocessableKeys, ...others } = census;
  return { ...progress, unfinished, counts: { ...others, unprocessableSignals, unprocessableKeys } };
}
