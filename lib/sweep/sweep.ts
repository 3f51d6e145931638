import type { Control, GapState } from '../event/control';
import {
  decidePass,
  fullSweepEverySeconds,
  NOTICED_AFTER_MS,
  type PassCause,
  type PassDecision,
  type PassPolicy,
} from './full-pass';
import { EMPTY_COUNTS, holdSummary, type TableCounts } from './table-counts';
import { SignalFeed } from './signal-feed';
import { GapSearch, stillOpen, untilSecondRead } from './gap-search';
import { earlierOf, isSuspectedLoss, type Finding, type SuspectedLoss } from './evaluate-key';
import { BYTES_PER_UNIT, SCAN_MARGIN_MS, isComplete, mayResume, newProgress, type ScanProgress } from './scan-progress';
import type { SweepStore } from './ports';
import { scanTable, type ScanResult } from './scan-table';

const HOUR_MS = 3_600_000;
/** Time that a scheduled run has for reading. */
const RUN_SECONDS = 840;

export interface SweepOptions {
  /** Milliseconds after which an unpublished item or a signal is overdue. */
  readonly overdueAfterMs: number;
  /** Interval of the scheduled runs in milliseconds, after which the next run continues a scan. Default: one hour. */
  readonly sweepIntervalMs?: number;
  /** Read rate of the store; the table is read in parts that fit. */
  readonly readUnitsPerSecond: number;
  /** Whether the run resumes the scan of the previous run and saves its own progress for the next one. Default: `true`. */
  readonly resumes?: boolean;
  /**
   * Set for the scheduled runs: a run then reads the table only if it has a cause, or if the last pass is as old as
   * `intervalMs`. Left out: every run reads the table.
   */
  readonly passes?: Omit<PassPolicy, 'overdueAfterMs'>;
  /** Author that is recorded on the signals. */
  readonly by: string;
  /** Returns the milliseconds left; `Infinity` without a limit. */
  readonly remainingMs: () => number;
  readonly now: () => number;
  readonly onPage?: (scanned: number) => void;
}

/** State of the gap suspicion after a run. `unknown`: it could not be written. */
export type GapSuspicion = 'none' | 'began' | 'continues' | 'ended' | 'unknown';

/** Counts of the scan, including the earlier runs that it resumes; all zero if the table was not read. */
export interface SweepReport extends TableCounts {
  /** Why the run read the table; left out if it did not. */
  readonly cause?: PassCause;
  readonly startedAt: number;
  readonly durationMs: number;
  /** Read units of this run's scan. */
  readonly readUnits: number;
  /** Whether the scan has now read the whole table, or nothing had to be read. */
  readonly complete: boolean;
  readonly heldKeys: number;
  /** Epoch milliseconds at which the key that is held longest was first held. */
  readonly oldestHoldAt?: number;
  readonly signalsSent: number;
  readonly signalsReplaced: number;
  readonly gapSuspicion: GapSuspicion;
  /** Errors of failed reads and writes. The other work was done, and the next run does the rest. */
  readonly failures: readonly unknown[];
}

/** With this many findings a run acts on them before it reads more, which bounds its memory. */
export const MAX_FINDINGS = 20_000;
/** After this time a run acts on its findings and saves its progress, so that a run that dies loses no more. */
const PART_MS = 3 * 60_000;
/** Reserve of time after reading, to send signals and to settle the gap suspicion. */
const RESERVE_MS = 60_000;
/** Reserve of time after sending, to save the progress and to settle the gap suspicion. */
const SETTLE_RESERVE_MS = 15_000;
/** Number of suspected losses of one part that get a second read. */
const READ_AGAIN = 1_000;
/**
 * Items that wait longer are presumed lost without proof: the relay must look keys up before the stream drops records,
 * after 24 hours. Applies to a table that one run can read; a larger one has less time.
 */
const PRESUMED_LOST_AFTER_MS = 12 * HOUR_MS;
/** Number of suspected keys that are drained while no probe has returned. */
const DRAINED_ON_SUSPICION = 16;

/**
 * Finds items that the stream has lost and work that was not finished, and requests it from the relay: one signal per
 * key, oldest first, as fast as the relay acts on them.
 *
 * Publishes and releases nothing itself. Two concurrent runs, or a run next to an active relay, cost at most a look-up.
 * Resolves with the findings and actions; rejects only if the run could not begin. With `passes`, a run without a cause
 * reads the control partition alone.
 */
export async function sweep(store: SweepStore, options: SweepOptions): Promise<SweepReport> {
  const startedAt = options.now();
  const { resumes = true } = options;
  const table = await store.describe();
  const read = await store.readControl();
  const control = await noteStream(store, read, table.streamArn);
  const stored = resumes ? await store.readProgress() : undefined;
  const begun =
    stored !== undefined && mayResume(stored, startedAt)
      ? stored
      : newProgress(startedAt, table.bytes, options.readUnitsPerSecond);
  const times: RunTimes = {
    startedAt,
    gapSuspectedBefore: read.gapSuspectedSince,
    presumedLostAfterMs: presumedLostAfterMs(table.bytes, options),
  };
  const policy = passPolicy(table.bytes, options);
  const { by, now } = options;
  const decision = policy && (await decidePass(store, policy, { control, hasProgress: stored !== undefined, now, by }));
  if (decision !== undefined && decision.cause === undefined) return reportWithoutPass(startedAt, decision, options);
  const run = new SweepRun(store, options, times, control, begun);
  await run.scan({ saves: resumes, isStored: stored !== undefined });
  return run.report(decision);
}

/** The report of a run that had no cause to read the table: no key is held, no gap is suspected, and the relay acts. */
const reportWithoutPass = (startedAt: number, { failures }: PassDecision, { now }: SweepOptions): SweepReport => ({
  ...EMPTY_COUNTS,
  startedAt,
  durationMs: now() - startedAt,
  readUnits: 0,
  complete: true,
  heldKeys: 0,
  signalsSent: 0,
  signalsReplaced: 0,
  gapSuspicion: 'none',
  failures,
});

/** The relay notices a new stream by its first record, the sweeper without one. The relay sets the first one. */
async function noteStream(store: SweepStore, control: Control, streamArn: string | undefined): Promise<Control> {
  const { streamArn: known } = control;
  if (streamArn === undefined || known === undefined || known === streamArn) return control;
  return { ...control, ...(await store.noteStream(control, streamArn)) };
}

/** A scan of several runs reads each item less often than once per interval. */
const presumedLostAfterMs = (tableBytes: number, options: SweepOptions): number =>
  Math.max(
    options.overdueAfterMs,
    Math.min(PRESUMED_LOST_AFTER_MS, NOTICED_AFTER_MS - durationOfPassMs(tableBytes, options)),
  );

/** In whole intervals of runs that each read as much as they can. */
function durationOfPassMs(
  tableBytes: number,
  { sweepIntervalMs = HOUR_MS, readUnitsPerSecond }: Pick<SweepOptions, 'sweepIntervalMs' | 'readUnitsPerSecond'>,
): number {
  const runs = Math.max(1, Math.ceil(tableBytes / (readUnitsPerSecond * BYTES_PER_UNIT * RUN_SECONDS)));
  return runs * sweepIntervalMs;
}

function passPolicy(tableBytes: number, options: SweepOptions): PassPolicy | undefined {
  const { passes, overdueAfterMs, sweepIntervalMs = HOUR_MS } = options;
  if (passes === undefined) return undefined;
  const passSeconds = durationOfPassMs(tableBytes, options) / 1000;
  const intervalMs = fullSweepEverySeconds(passSeconds, passes.intervalMs / 1000) * 1000;
  // Runs do not begin at exact times.
  return { ...passes, overdueAfterMs, intervalMs: intervalMs - sweepIntervalMs / 2 };
}

interface RunTimes {
  readonly startedAt: number;
  /** The gap suspicion before this run, which itself may have recorded a new stream since. */
  readonly gapSuspectedBefore: number | undefined;
  readonly presumedLostAfterMs: number;
}

class SweepRun {
  readonly #store: SweepStore;
  readonly #options: SweepOptions;
  readonly #times: RunTimes;
  readonly #feed: SignalFeed;
  readonly #gap: GapSearch;
  readonly #failures: unknown[] = [];
  #control: Control;
  #progress: ScanProgress;
  #readUnits = 0;
  #hasLoss = false;
  #isUnknown = false;
  #hasFindings: boolean;

  constructor(store: SweepStore, options: SweepOptions, times: RunTimes, control: Control, begun: ScanProgress) {
    const { by, now, remainingMs, overdueAfterMs } = options;
    const acting = { by, now, goesOn: () => remainingMs() > SETTLE_RESERVE_MS };
    this.#store = store;
    this.#options = options;
    this.#times = times;
    this.#control = control;
    this.#progress = begun;
    this.#hasFindings = begun.hasFindings === true;
    this.#feed = new SignalFeed(store, acting);
    this.#gap = new GapSearch(store, acting, overdueAfterMs);
  }

  readonly #goesOn = (): boolean => this.#options.remainingMs() > RESERVE_MS;

  /** Reads a part, acts on its findings and saves the progress; repeats until the scan or the time ends. */
  async scan({ saves, isStored }: { readonly saves: boolean; readonly isStored: boolean }): Promise<void> {
    let mustDelete = isStored;
    for (let isFirst = true, isEnd = false; !isEnd; isFirst = false) {
      const { progress, findings, readUnits, failures } = await this.#scanPart(isFirst);
      this.#readUnits += readUnits;
      this.#failures.push(...failures);
      this.#hasFindings ||= findings.length > 0;
      const { isDone, openSince } = await this.#handle(findings);
      // The next run reads the part again whose findings were not acted on.
      if (isDone) {
        const uncoveredSince = earlierOf(progress.uncoveredSince, openSince);
        this.#progress = { ...progress, uncoveredSince, hasFindings: this.#hasFindings };
      }
      const isAllRead = isComplete(this.#progress);
      isEnd = !isDone || isAllRead || failures.length > 0 || !this.#goesOn();
      if (saves && (mustDelete || !isAllRead)) {
        mustDelete = true;
        const saved = isAllRead ? undefined : { ...this.#progress, savedAt: this.#options.now() };
        await this.#recordFailure(this.#store.writeProgress(saved));
      }
    }
    await this.#recordFailure(this.#gap.save());
  }

  async #scanPart(isFirst: boolean): Promise<ScanResult> {
    const { now, onPage, overdueAfterMs } = this.#options;
    const endsAt = now() + PART_MS;
    if (!isFirst) this.#control = await this.#store.readControl().catch(() => this.#control);
    return scanTable(this.#store, this.#control, this.#progress, {
      overdueBefore: this.#times.startedAt - overdueAfterMs,
      now: now(),
      maxFindings: MAX_FINDINGS,
      goesOn: this.#goesOn,
      isEnough: () => now() >= endsAt,
      onPage,
    });
  }

  /** `openSince`: when the oldest suspected loss that the second read confirmed was committed. */
  async #handle(findings: readonly Finding[]): Promise<{ readonly isDone: boolean; readonly openSince?: number }> {
    const suspected = findings.filter(isSuspectedLoss);
    const others = findings.filter((finding) => !isSuspectedLoss(finding));
    let requested: readonly Finding[] = [];
    let openSince: number | undefined;
    if (suspected.length > 0) {
      try {
        const confirmed = await this.#confirm(suspected);
        openSince = confirmed.reduce<number | undefined>(
          (earliest, { since = 0 }) => earlierOf(earliest, since),
          undefined,
        );
        requested = await this.#settleLosses(confirmed);
      } catch (error) {
        this.#failures.push(error);
        openSince = 0;
      }
    }
    return { isDone: await this.#feed.act([...requested, ...others]), openSince };
  }

  async #confirm(suspected: readonly SuspectedLoss[]): Promise<readonly SuspectedLoss[]> {
    await untilSecondRead(this.#store);
    const confirmed = await stillOpen(this.#store, suspected.slice(0, READ_AGAIN));
    // There are more than that only after a loss or in an outage; the feed is slow enough for them.
    return [...confirmed, ...suspected.slice(READ_AGAIN)];
  }

  /** Records a proven or presumed loss, and returns the findings to act on. */
  async #settleLosses(suspected: readonly SuspectedLoss[]): Promise<readonly SuspectedLoss[]> {
    const presumed = this.#options.now() - this.#times.presumedLostAfterMs;
    const isPresumed = suspected.some(({ since = Infinity }) => since <= presumed);
    // Before the search, which may fail: only this note keeps the order of records that the stream will drop.
    if (isPresumed) await this.#suspectGap();
    // Probes every second one; if the others are drained, these stay untouched and can still prove a loss.
    await this.#gap.search(suspected.filter((_, at) => at % 2 === 0));
    // Before the signals are sent: if the run died in between, they would hide their cause from the next run.
    if (this.#gap.isProven) await this.#suspectGap();
    if (this.#gap.isProven) return suspected;
    if (!this.#gap.isFirst) return [];
    const timed = suspected.filter(({ since }) => since !== undefined);
    const others = timed.filter((_, at) => at % 2 === 1);
    return (others.length > 0 ? others : timed).slice(0, DRAINED_ON_SUSPICION);
  }

  async #suspectGap(): Promise<void> {
    if (this.#hasLoss) return;
    this.#hasLoss = true;
    try {
      await suspectGap(this.#store, this.#control, this.#times.startedAt);
    } catch (error) {
      this.#isUnknown = true;
      this.#failures.push(error);
    }
  }

  async report(decision: PassDecision | undefined): Promise<SweepReport> {
    const complete = isComplete(this.#progress);
    const gapSuspicion = await this.#settleGapSuspicion(complete).catch((error: unknown): GapSuspicion => {
      this.#failures.push(error);
      return 'unknown';
    });
    if (decision !== undefined) {
      this.#failures.push(...decision.failures);
      if (complete) await this.#recordFailure(this.#notePass(decision, gapSuspicion));
    }
    return {
      ...this.#progress.counts,
      cause: decision?.cause ?? 'requested',
      startedAt: this.#times.startedAt,
      durationMs: this.#options.now() - this.#times.startedAt,
      readUnits: this.#readUnits,
      complete,
      ...holdSummary(this.#control.holds.values()),
      signalsSent: this.#feed.sent,
      signalsReplaced: this.#feed.replaced,
      gapSuspicion,
      failures: [...this.#failures, ...this.#gap.failures, ...this.#feed.failures],
    };
  }

  #notePass({ history }: PassDecision, gapSuspicion: GapSuspicion): Promise<void> {
    const { startedAt, counts } = this.#progress;
    const failures = this.#failures.length + this.#gap.failures.length + this.#feed.failures.length;
    const isSettled =
      !this.#hasFindings &&
      failures === 0 &&
      gapSuspicion === 'none' &&
      counts.signals + counts.unprocessableSignals === 0;
    return this.#store.writePasses({ ...history, startedAt, isSettled });
  }

  async #settleGapSuspicion(complete: boolean): Promise<GapSuspicion> {
    const progress = this.#progress;
    const { gapSuspectedBefore } = this.#times;
    const { gapSuspectedSince } = this.#control;
    if (this.#isUnknown) return 'unknown';
    if (this.#hasLoss) return gapSuspectedBefore === undefined ? 'began' : 'continues';
    if (gapSuspectedSince === undefined) return 'none';
    if (gapSuspectedBefore !== gapSuspectedSince) return 'began';
    const isSound =
      complete &&
      gapSuspectedSince + SCAN_MARGIN_MS <= progress.startedAt &&
      (progress.uncoveredSince === undefined || progress.uncoveredSince >= gapSuspectedSince + SCAN_MARGIN_MS);
    return isSound && (await this.#store.clearGapSuspicion(this.#control)) ? 'ended' : 'continues';
  }

  async #recordFailure(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => void this.#failures.push(error));
  }
}

/** The state may have changed since it was read, for example because another sweep ended an older suspicion. */
async function suspectGap(store: SweepStore, known: GapState, since: number): Promise<void> {
  if (await store.suspectGap(known, since)) return;
  const current = await store.readControl();
  if (current.gapSuspectedSince !== undefined && current.gapSuspectedSince >= since) return;
  if (!(await store.suspectGap(current, since)))
    throw new Error('The gap suspicion could not be recorded: other sweeps or relays keep changing the state item.');
}
