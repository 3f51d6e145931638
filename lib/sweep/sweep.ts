import type { Control } from '../event/control';
import { sumOf, type Census } from './census';
import { SignalFeed } from './feed';
import { GapSearch, lookAgain, untilSecondLook, type Suspicion } from './gap';
import { isSuspicion, type Finding } from './judge';
import { BYTES_PER_UNIT, isComplete, mayResume, newPass, type Pass } from './pass';
import type { DoubtState, SweepStore } from './ports';
import { survey, type Survey } from './survey';

const HOUR_MS = 3_600_000;
/** What a scheduled run has for reading. */
const RUN_SECONDS = 840;

export interface SweepOptions {
  /** Milliseconds after which an item should have been published, and a signal acted on. */
  readonly sweepAfterMs: number;
  /** How often a run is scheduled, milliseconds: how soon the next one goes on with a pass. Default an hour. */
  readonly sweepEveryMs?: number;
  /** At which the store reads: the table is looked at in parts that fit. */
  readonly readUnitsPerSecond: number;
  /** Whether the run goes on with the pass of the run before, and leaves its own to the next. Default true. */
  readonly resumes?: boolean;
  /** Noted on the signals. */
  readonly by: string;
  /** Milliseconds that are left; `Infinity` when there is no limit. */
  readonly remainingMs: () => number;
  readonly now: () => number;
  readonly onPage?: (scanned: number) => void;
}

/** What became of the doubt whether the stream has shown everything. `unknown`: it could not be written. */
export type Doubt = 'none' | 'began' | 'stands' | 'ended' | 'unknown';

/** Counts are those of the pass, with the runs before that it went on from. */
export interface SweepReport extends Census {
  readonly startedAt: number;
  readonly durationMs: number;
  /** Consumed by the scan of this run. */
  readonly readUnits: number;
  /** Whether the pass has now seen the whole table. */
  readonly complete: boolean;
  readonly heldKeys: number;
  /** Epoch milliseconds: when the key that is held longest was first held. */
  readonly oldestHoldAt?: number;
  readonly signalsSent: number;
  readonly signalsReplaced: number;
  readonly doubt: Doubt;
  /** What could not be read or written; everything else was done all the same, and the next run does the rest. */
  readonly failures: readonly unknown[];
}

/** With so many findings a run acts on them before it reads on, which bounds its memory. */
export const MAX_FINDINGS = 20_000;
/** After this time a run acts on what it found and saves how far it got: a run that dies loses no more. */
const LEG_MS = 3 * 60_000;
/** No more is read: the signals are sent and the doubt is settled within this time. */
const RESERVE_MS = 60_000;
/** No more is sent: the progress is saved and the doubt is settled within this time. */
const SETTLE_RESERVE_MS = 15_000;
/** How far clocks of writers and an eventually consistent scan may be behind. */
const DOUBT_MARGIN_MS = 5 * 60_000;
/** Suspicions that are looked at again in one leg. */
const LOOKED_AT = 1_000;
/**
 * What waits for longer is presumed lost, without a proof: the relay must look keys up before the stream drops records,
 * after 24 hours. For a table that one run can read; a larger one is seen less often, and has less time.
 */
const PRESUMED_LOST_AFTER_MS = 12 * HOUR_MS;
/** The age at which everything must have been noticed. */
const NOTICED_AFTER_MS = 22 * HOUR_MS;
/** What is drained on a mere suspicion, while the stream gives no answer. */
const DRAINED_ON_SUSPICION = 16;

/**
 * Finds what the stream has lost or nobody finished, and asks the relay for it: one signal a key, the oldest first, as
 * fast as the relay acts on them.
 *
 * Publishes nothing and releases nothing by itself: two runs at once, or one beside a relay at work, cost a look-up at
 * worst. Resolves with what was found and done; rejects only when it could not begin.
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

/** A pass of several runs sees an item less often than each hour. */
function presumedLostAfterMs(
  tableBytes: number,
  { sweepAfterMs, sweepEveryMs = HOUR_MS, readUnitsPerSecond }: SweepOptions,
): number {
  const runs = Math.max(1, Math.ceil(tableBytes / (readUnitsPerSecond * BYTES_PER_UNIT * RUN_SECONDS)));
  return Math.max(sweepAfterMs, Math.min(PRESUMED_LOST_AFTER_MS, NOTICED_AFTER_MS - runs * sweepEveryMs));
}

interface RunTimes {
  readonly startedAt: number;
  /** The doubt when the run began, which may have noted another stream since. */
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
    this.#gap = new GapSearch(store, (why) => ({ by, at: now(), why }), now, options.sweepAfterMs);
  }

  readonly #goesOn = (): boolean => this.#options.remainingMs() > RESERVE_MS;

  readonly #mayAct = (): boolean => this.#options.remainingMs() > SETTLE_RESERVE_MS;

  /** Reads a part, acts on what it found, saves how far it got, and so on to the end of the pass or of the time. */
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
      // What could not be acted on is read again by the next run.
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
    const { now, onPage, sweepAfterMs } = this.#options;
    const endsAt = now() + LEG_MS;
    if (!isFirst) this.#control = await this.#store.readControl().catch(() => this.#control);
    return survey(this.#store, this.#control, {
      before: startedAt - sweepAfterMs,
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

  /** `openSince`: when the oldest suspicion was committed that a second look confirmed. */
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
    // Those beyond are few only after a loss or in an outage; the feed is slow enough for them.
    const confirmed = [...first, ...suspicions.slice(LOOKED_AT)];
    const openSince = confirmed.reduce((earliest, { since = 0 }) => Math.min(earliest, since), Infinity);
    return { suspicions: confirmed, openSince: openSince === Infinity ? undefined : openSince };
  }

  /** Notes a loss that is proved or presumed, and answers the keys to ask for. */
  async #ask(suspicions: readonly Suspicion[]): Promise<readonly Suspicion[]> {
    const presumed = this.#options.now() - this.#times.presumedLostAfterMs;
    const isPresumed = suspicions.some(({ since = Infinity }) => since <= presumed);
    // Before the search, which may fail: nothing but this note keeps the order of what the stream is about to drop.
    if (isPresumed) await this.#beginDoubt();
    // Every second one: the others are left alone, so that they can prove something.
    await this.#gap.search(
      suspicions.filter((_, at) => at % 2 === 0),
      this.#mayAct,
    );
    // Before the signals: a run that dies between must not leave signals that hide from the next run what they were for.
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
    const doubt = await this.#settleDoubt(pass, complete).catch((error: unknown): Doubt => {
      this.#failures.push(error);
      return 'unknown';
    });
    // The relay releases the others by itself, and they have an alarm of their own.
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

  async #settleDoubt(pass: Pass, complete: boolean): Promise<Doubt> {
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

/** The relay sees a new stream with its first record; here it is seen without one. A first stream is the relay's to note. */
async function noteCurrentStream(
  store: SweepStore,
  control: Control,
  streamArn: string | undefined,
): Promise<DoubtState> {
  if (streamArn === undefined || control.streamArn === undefined || control.streamArn === streamArn) return control;
  return store.noteStream(control, streamArn);
}

/** Somebody may have changed the state since it was read: another sweep has ended an older doubt, for one. */
async function beginDoubt(store: SweepStore, known: DoubtState, since: number): Promise<void> {
  if (await store.beginDoubt(known, since)) return;
  const current = await store.readControl();
  if (current.doubtSince !== undefined && current.doubtSince >= since) return;
  if (!(await store.beginDoubt(current, since)))
    throw new Error('The doubt could not be begun: others keep changing it.');
}
