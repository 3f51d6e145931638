import type { Control } from '../event/control';
import { sumOf, type Census } from './census';
import { SignalFeed } from './feed';
import { GapSearch, lookAgain, untilSecondLook, type Suspicion } from './gap';
import { isSuspicion, type Finding } from './judge';
import { BYTES_PER_UNIT, isComplete, mayResume, newPass, type Pass } from './pass';
import type { DoubtState, SweepStore } from './ports';
import { survey, type Survey } from './survey';

const HOUR_MS = 3_600_000;
/** Time that a scheduled run has for reading. */
const RUN_SECONDS = 840;

export interface SweepOptions {
  /** Milliseconds after which an unpublished item or a signal is overdue. */
  readonly overdueAfterMs: number;
  /** Interval of the scheduled runs in milliseconds, after which the next run continues a pass. Default: one hour. */
  readonly sweepIntervalMs?: number;
  /** Read rate of the store; the table is read in parts that fit. */
  readonly readUnitsPerSecond: number;
  /** Whether the run resumes the pass of the previous run and saves its own for the next one. Default: `true`. */
  readonly resumes?: boolean;
  /** Author that is recorded on the signals. */
  readonly by: string;
  /** Returns the milliseconds left; `Infinity` without a limit. */
  readonly remainingMs: () => number;
  readonly now: () => number;
  readonly onPage?: (scanned: number) => void;
}

/** State of the gap suspicion after a run. `unknown`: it could not be written. */
export type GapSuspicion = 'none' | 'began' | 'stands' | 'ended' | 'unknown';

/** Counts of the pass, including the earlier runs that it resumes. */
export interface SweepReport extends Census {
  readonly startedAt: number;
  readonly durationMs: number;
  /** Read units of this run's scan. */
  readonly readUnits: number;
  /** Whether the pass has now read the whole table. */
  readonly complete: boolean;
  readonly heldKeys: number;
  /** Epoch milliseconds at which the key that is held longest was first held. */
  readonly oldestHoldAt?: number;
  readonly signalsSent: number;
  readonly signalsReplaced: number;
  readonly doubt: GapSuspicion;
  /** Errors of failed reads and writes. The other work was done, and the next run does the rest. */
  readonly failures: readonly unknown[];
}

/** With this many findings a run acts on them before it reads more, which bounds its memory. */
export const MAX_FINDINGS = 20_000;
/** After this time a run acts on its findings and saves its progress, so that a run that dies loses no more. */
const LEG_MS = 3 * 60_000;
/** Reserve of time after reading, to send signals and to settle the gap suspicion. */
const RESERVE_MS = 60_000;
/** Reserve of time after sending, to save the progress and to settle the gap suspicion. */
const SETTLE_RESERVE_MS = 15_000;
/** Maximum lag of writers' clocks and of an eventually consistent scan. */
const DOUBT_MARGIN_MS = 5 * 60_000;
/** Number of suspicions that get a second look in one leg. */
const LOOKED_AT = 1_000;
/**
 * Items that wait longer are presumed lost without proof: the relay must look keys up before the stream drops records,
 * after 24 hours. Applies to a table that one run can read; a larger one has less time.
 */
const PRESUMED_LOST_AFTER_MS = 12 * HOUR_MS;
/** The age at which every loss must have been noticed. */
const NOTICED_AFTER_MS = 22 * HOUR_MS;
/** Number of suspected keys that are drained while no probe has returned. */
const DRAINED_ON_SUSPICION = 16;

/**
 * Finds items that the stream has lost and work that was not finished, and requests it from the relay: one signal per
 * key, oldest first, as fast as the relay acts on them.
 *
 * Publishes and releases nothing itself. Two concurrent runs, or a run next to an active relay, cost at most a look-up.
 * Resolves with the findings and actions; rejects only if the run could not begin.
 */
export async function sweep(store: SweepStore, options: SweepOptions): Promise<SweepReport> {
  const startedAt = options.now();
  const { resumes = true } = options;
  const table = await store.describe();
  const read = await store.readControl();
  const control: Control = { ...read, ...(await noteCurrentStream(store, read, table.streamArn)) };
  const stored = resumes ? await store.readPass() : undefined;
  const begun =
    stored !== undefined && mayResume(stored, startedAt)
      ? stored
      : newPass(startedAt, table.bytes, options.readUnitsPerSecond);
  const run = new SweepRun(
    store,
    options,
    { startedAt, before: read.doubtSince, presumedLostAfterMs: presumedLostAfterMs(table.bytes, options) },
    control,
  );
  return run.report(await run.legs(begun, { saves: resumes, isStored: stored !== undefined }));
}

/** A pass of several runs reads each item less often than once per interval. */
function presumedLostAfterMs(
  tableBytes: number,
  { overdueAfterMs, sweepIntervalMs = HOUR_MS, readUnitsPerSecond }: SweepOptions,
): number {
  const runs = Math.max(1, Math.ceil(tableBytes / (readUnitsPerSecond * BYTES_PER_UNIT * RUN_SECONDS)));
  return Math.max(overdueAfterMs, Math.min(PRESUMED_LOST_AFTER_MS, NOTICED_AFTER_MS - runs * sweepIntervalMs));
}

interface RunTimes {
  readonly startedAt: number;
  /** The gap suspicion before this run, which itself may have recorded a new stream since. */
  readonly before: number | undefined;
  readonly presumedLostAfterMs: number;
}

interface Leg {
  readonly pass: Pass;
  readonly readUnits: number;
}

class SweepRun {
  readonly #store: SweepStore;
  readonly #options: SweepOptions;
  readonly #times: RunTimes;
  readonly #feed: SignalFeed;
  readonly #gap: GapSearch;
  readonly #failures: unknown[] = [];
  #control: Control;
  #hasLoss = false;
  #isUnknown = false;

  constructor(store: SweepStore, options: SweepOptions, times: RunTimes, control: Control) {
    const { by, now } = options;
    this.#store = store;
    this.#options = options;
    this.#times = times;
    this.#control = control;
    this.#feed = new SignalFeed(store, { by, now, goesOn: this.#mayAct });
    this.#gap = new GapSearch(store, (why) => ({ by, at: now(), why }), now, options.overdueAfterMs);
  }

  readonly #goesOn = (): boolean => this.#options.remainingMs() > RESERVE_MS;

  readonly #mayAct = (): boolean => this.#options.remainingMs() > SETTLE_RESERVE_MS;

  /** Reads a part, acts on its findings and saves the progress; repeats until the pass or the time ends. */
  async legs(begun: Pass, { saves, isStored }: { readonly saves: boolean; readonly isStored: boolean }): Promise<Leg> {
    let pass = begun;
    let readUnits = 0;
    let mustDelete = isStored;
    for (let isFirst = true; ; isFirst = false) {
      const leg = await this.#survey(pass, isFirst);
      readUnits += leg.readUnits;
      this.#failures.push(...leg.failures);
      const reached = goneOn(pass, leg);
      const handled = await this.#handle(leg.findings);
      // The next run reads the part again whose findings were not acted on.
      if (handled.isDone) pass = { ...reached, uncoveredSince: earlierOf(reached.uncoveredSince, handled.openSince) };
      const isEnd = !handled.isDone || isComplete(pass) || leg.failures.length > 0 || !this.#goesOn();
      if (saves && (mustDelete || !isComplete(pass))) {
        mustDelete = true;
        await this.#attempt(
          this.#store.writePass(isComplete(pass) ? undefined : { ...pass, savedAt: this.#options.now() }),
        );
      }
      if (isEnd) break;
    }
    await this.#attempt(this.#gap.save());
    return { pass, readUnits };
  }

  async #survey(pass: Pass, isFirst: boolean): Promise<Survey> {
    const { startedAt } = this.#times;
    const { now, onPage, overdueAfterMs } = this.#options;
    const endsAt = now() + LEG_MS;
    if (!isFirst) this.#control = await this.#store.readControl().catch(() => this.#control);
    return survey(this.#store, this.#control, {
      before: startedAt - overdueAfterMs,
      now: now(),
      segments: pass.segments,
      from: pass.next,
      cuts: pass.cuts,
      maxFindings: MAX_FINDINGS,
      goesOn: this.#goesOn,
      isEnough: () => now() >= endsAt,
      onPage,
    });
  }

  /** `openSince`: when the oldest suspicion that the second look confirmed was committed. */
  async #handle(findings: readonly Finding[]): Promise<{ readonly isDone: boolean; readonly openSince?: number }> {
    const suspicions = findings.filter((finding): finding is Suspicion => isSuspicion(finding));
    const others = findings.filter((finding) => !isSuspicion(finding));
    let asked: readonly Finding[] = [];
    let openSince: number | undefined;
    if (suspicions.length > 0) {
      try {
        const confirmed = await this.#confirm(suspicions);
        openSince = confirmed.openSince;
        asked = await this.#ask(confirmed.suspicions);
      } catch (error) {
        this.#failures.push(error);
        openSince = 0;
      }
    }
    return { isDone: await this.#feed.act([...asked, ...others]), openSince };
  }

  async #confirm(
    suspicions: readonly Suspicion[],
  ): Promise<{ readonly suspicions: readonly Suspicion[]; readonly openSince?: number }> {
    await untilSecondLook(this.#store);
    const first = await lookAgain(this.#store, suspicions.slice(0, LOOKED_AT));
    // There are more than that only after a loss or in an outage; the feed is slow enough for them.
    const confirmed = [...first, ...suspicions.slice(LOOKED_AT)];
    const openSince = confirmed.reduce((earliest, { since = 0 }) => Math.min(earliest, since), Infinity);
    return { suspicions: confirmed, openSince: openSince === Infinity ? undefined : openSince };
  }

  /** Records a proven or presumed loss, and returns the keys to request. */
  async #ask(suspicions: readonly Suspicion[]): Promise<readonly Suspicion[]> {
    const presumed = this.#options.now() - this.#times.presumedLostAfterMs;
    const isPresumed = suspicions.some(({ since = Infinity }) => since <= presumed);
    // Before the search, which may fail: only this note keeps the order of records that the stream will drop.
    if (isPresumed) await this.#beginDoubt();
    // Probes every second suspicion; if the others are drained, these stay untouched and can still prove a loss.
    await this.#gap.search(
      suspicions.filter((_, at) => at % 2 === 0),
      this.#mayAct,
    );
    // Before the signals are sent: if the run died in between, they would hide their cause from the next run.
    if (this.#gap.isProven) await this.#beginDoubt();
    if (this.#gap.isProven) return suspicions;
    if (!this.#gap.isFirst) return [];
    const timed = suspicions.filter(({ since }) => since !== undefined);
    const others = timed.filter((_, at) => at % 2 === 1);
    return (others.length > 0 ? others : timed).slice(0, DRAINED_ON_SUSPICION);
  }

  async #beginDoubt(): Promise<void> {
    if (this.#hasLoss) return;
    this.#hasLoss = true;
    try {
      await beginDoubt(this.#store, this.#control, this.#times.startedAt);
    } catch (error) {
      this.#isUnknown = true;
      this.#failures.push(error);
    }
  }

  async report({ pass, readUnits }: Leg): Promise<SweepReport> {
    const complete = isComplete(pass);
    const doubt = await this.#settleDoubt(pass, complete).catch((error: unknown): GapSuspicion => {
      this.#failures.push(error);
      return 'unknown';
    });
    // The relay releases partition holds itself, and they have their own alarm.
    const holds = [...this.#control.holds.values()].filter(({ awaits }) => awaits === undefined);
    return {
      ...pass.census,
      startedAt: this.#times.startedAt,
      durationMs: this.#options.now() - this.#times.startedAt,
      readUnits,
      complete,
      heldKeys: holds.length,
      oldestHoldAt:
        holds.length === 0 ? undefined : holds.reduce((oldest, { since }) => Math.min(oldest, since), Infinity),
      signalsSent: this.#feed.sent,
      signalsReplaced: this.#feed.replaced,
      doubt,
      failures: [...this.#failures, ...this.#gap.failures, ...this.#feed.failures],
    };
  }

  async #settleDoubt(pass: Pass, complete: boolean): Promise<GapSuspicion> {
    const { before } = this.#times;
    const { doubtSince } = this.#control;
    if (this.#isUnknown) return 'unknown';
    if (this.#hasLoss) return before === undefined ? 'began' : 'stands';
    if (doubtSince === undefined) return 'none';
    if (before !== doubtSince) return 'began';
    const isSound =
      complete &&
      doubtSince + DOUBT_MARGIN_MS <= pass.startedAt &&
      (pass.uncoveredSince === undefined || pass.uncoveredSince >= doubtSince + DOUBT_MARGIN_MS);
    return isSound && (await this.#store.endDoubt(this.#control)) ? 'ended' : 'stands';
  }

  async #attempt(what: Promise<void>): Promise<void> {
    await what.catch((error: unknown) => void this.#failures.push(error));
  }
}

function goneOn(pass: Pass, { next, cuts, census, uncoveredSince }: Survey): Pass {
  return {
    ...pass,
    next,
    cuts,
    census: sumOf(pass.census, census),
    uncoveredSince: earlierOf(pass.uncoveredSince, uncoveredSince),
  };
}

const earlierOf = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);

/** The relay notices a new stream by its first record, the sweeper without one. The relay sets the first one. */
async function noteCurrentStream(
  store: SweepStore,
  control: Control,
  streamArn: string | undefined,
): Promise<DoubtState> {
  if (streamArn === undefined || control.streamArn === undefined || control.streamArn === streamArn) return control;
  return store.noteStream(control, streamArn);
}

/** The state may have changed since it was read, for example because another sweep ended an older suspicion. */
async function beginDoubt(store: SweepStore, known: DoubtState, since: number): Promise<void> {
  if (await store.beginDoubt(known, since)) return;
  const current = await store.readControl();
  if (current.doubtSince !== undefined && current.doubtSince >= since) return;
  if (!(await store.beginDoubt(current, since)))
    throw new Error('The doubt could not be begun: others keep changing it.');
}
