import { sweepStore } from '../sweep/dynamodb-store';
import { SWEEPER_DEFAULTS } from '../sweep/environment';
import { sweep, type SweepReport } from '../sweep/sweep';
import { checkRequest } from './redrive';
import { wait } from '../timing/wait';
import { refuse, type OutboxTarget } from './target';

/** How old an item must be, and the operator who sweeps. */
export interface SweepNowOptions {
  /** Milliseconds after which an item should have been published. Default: an hour. */
  readonly afterMs?: number;
  /** The name that is noted on the signals. */
  readonly by: string;
  /** Called after each page with the number of items scanned so far. */
  readonly onProgress?: (scanned: number) => void;
}

/** A younger item may still be on its way through a healthy relay. */
const SHORTEST_AFTER_MS = 1_000;

/**
 * Does now what the sweeper does on its schedule. A second sweep at the same time does no harm.
 *
 * @throws OutboxError `operation-refused` for a time that is too short.
 */
export async function sweepNow(target: OutboxTarget, options: SweepNowOptions): Promise<SweepReport> {
  const { client, tableName, home } = target;
  checkRequest('sweep', { by: options.by, at: Date.now(), why: 'a sweep' });
  const { afterMs = SWEEPER_DEFAULTS.overdueAfterSeconds * 1000 } = options;
  if (!Number.isSafeInteger(afterMs) || afterMs < SHORTEST_AFTER_MS) {
    refuse(
      'sweep',
      `items pending longer than ${afterMs} ms are asked for; it must be at least ${SHORTEST_AFTER_MS} ms.`,
    );
  }
  return sweep(sweepStore(client, { tableName, ...SWEEPER_DEFAULTS, home }, Date, wait), {
    overdueAfterMs: afterMs,
    readUnitsPerSecond: SWEEPER_DEFAULTS.readUnitsPerSecond,
    // The run scans the whole table, whatever the scheduled runs have seen of it.
    resumes: false,
    by: options.by,
    remainingMs: () => Infinity,
    now: Date.now,
    onPage: options.onProgress,
  });
}
