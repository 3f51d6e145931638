import { randomUUID } from 'node:crypto';
import type { Control } from '../event/control';
import { newStreamProbe } from './evaluate-key';
import type { SweepStore } from './ports';
import { SCAN_MARGIN_MS, type PassHistory } from './scan-progress';

/**
 * Why a run reads the table.
 *
 * - `requested`: by an operator, or because the sweeper does not know its event source mapping
 * - `first`: no pass over this table has been noted
 * - `unfinished`: the previous run has read a part of the table
 * - `gap-suspected`: the stream may have lost records
 * - `held-keys`: keys are held, so items wait behind them
 * - `unsettled`: the last pass found something to act on
 * - `mapping-changed`: the event source mapping was changed, and the last pass did not show the items of that time as
 *   overdue yet
 * - `interval`: the last pass is as old as is allowed
 * - `stream-not-read`: the relay has just not acted on new records within half a minute
 * - `mapping-unknown`: Lambda did not describe the mapping
 */
export type PassCause =
  | 'requested'
  | 'first'
  | 'unfinished'
  | 'gap-suspected'
  | 'held-keys'
  | 'unsettled'
  | 'mapping-changed'
  | 'interval'
  | 'stream-not-read'
  | 'mapping-unknown';

/** When the table may go unread, and the look at Lambda that this needs. */
export interface PassPolicy {
  /**
   * Describes the event source mapping: a text that changes with the mapping and with its state. Rejects if Lambda does
   * not respond or the mapping is gone.
   */
  readonly describeMapping: () => Promise<string>;
  /** Maximum milliseconds from the beginning of a pass to that of the next one. */
  readonly intervalMs: number;
  /** Milliseconds after which an unpublished item is overdue. */
  readonly overdueAfterMs: number;
}

export interface PassDecision {
  /** `undefined`: the table need not be read now. */
  readonly cause: PassCause | undefined;
  /** To be completed by the pass and noted at its end. */
  readonly history: PassHistory;
  readonly failures: readonly unknown[];
}

interface Now {
  readonly control: Control;
  readonly hasProgress: boolean;
  readonly now: () => number;
  readonly by: string;
}

/**
 * Decides whether a run reads the table. Records get lost when the mapping is changed or the stream made again, and
 * when a relay does not act for a day; each of these shows elsewhere. Without such a cause the table is read in long
 * intervals. They alone find every loss before the stream's edge.
 */
export async function decidePass(store: SweepStore, policy: PassPolicy, given: Now): Promise<PassDecision> {
  const { control, hasProgress, now } = given;
  const failures: unknown[] = [];
  const known = (await store.readPasses()) ?? {};
  const mapping = await policy.describeMapping().catch((error: unknown) => void failures.push(error));
  const isChanged = mapping !== undefined && mapping !== known.mapping;
  // A run that dies here leaves no note, so the next one notices the change too.
  const history = isChanged ? { ...known, mapping, mappingChangedAt: now() } : known;
  const decided = (cause: PassCause | undefined): PassDecision => ({ cause, history, failures });
  if (hasProgress) return decided('unfinished');
  if (control.gapSuspectedSince !== undefined) return decided('gap-suspected');
  if (control.holds.size > 0) return decided('held-keys');
  if (mapping === undefined) return decided('mapping-unknown');
  const { startedAt, isSettled, mappingChangedAt = -Infinity } = history;
  if (startedAt === undefined) return decided('first');
  if (isSettled !== true) return decided('unsettled');
  if (startedAt < mappingChangedAt + policy.overdueAfterMs + SCAN_MARGIN_MS) return decided('mapping-changed');
  const ageMs = now() - startedAt;
  // A time in the future comes from a wrong clock, and would put off the next pass.
  if (ageMs >= policy.intervalMs || ageMs < -SCAN_MARGIN_MS) return decided('interval');
  const isRead = await isStreamRead(store, given).catch((error: unknown) => {
    failures.push(error);
    return false;
  });
  return decided(isRead ? undefined : 'stream-not-read');
}

/** The age at which every loss must have been noticed. */
export const NOTICED_AFTER_MS = 22 * 3_600_000;

/**
 * The seconds from the beginning of a pass to that of the next one, if nothing gives a cause. The longer a pass takes,
 * and the later an item is overdue, the sooner the next one begins: every loss must be noticed in time.
 */
export const fullSweepEverySeconds = (
  passSeconds: number,
  intervalSeconds: number,
  overdueAfterSeconds: number,
): number =>
  Math.max(passSeconds, Math.min(intervalSeconds, NOTICED_AFTER_MS / 1000 - passSeconds - overdueAfterSeconds));

/** Random keys are in random shards. */
const PROBED_KEYS = 4;
const POLL_MS = 2_000;
const PATIENCE_MS = 30_000;

/** Whether the relay acts on new records within half a minute, as four probes of random keys show. */
async function isStreamRead(store: SweepStore, { now, by }: Now): Promise<boolean> {
  const sent = await Promise.all(
    Array.from({ length: PROBED_KEYS }, () =>
      store.send(
        newStreamProbe(`sweeper-probe#${randomUUID()}`, now(), {
          ...{ by, at: now(), why: 'to see whether the relay acts on new records' },
        }),
      ),
    ),
  );
  for (let waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
    await store.pause(POLL_MS);
    if ((await store.read(sent)).length === 0) return true;
  }
  return false;
}
