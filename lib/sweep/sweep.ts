import type { Control } from '../event/control';
import { newSignal, type Request, type Signal } from '../event/signal';
import { sumOf, type Census } from './census';
import type { Finding } from './judge';
import { newPass, type Pass } from './pass';
import type { DoubtState, SweepStore } from './ports';
import { survey, type Survey } from './survey';

export interface SweepOptions {
  /** Milliseconds after which an item should have been published, and a signal acted on. */
  readonly sweepAfterMs: number;
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

/** One run inserts at most this many signals: each is a drain, and a relay has other work beside them. */
export const MAX_SIGNALS = 1_000;
const SIGNALS_AT_ONCE = 16;
/** The signals are sent and the doubt is settled within this time. */
const RESERVE_MS = 60_000;
/** How far clocks of writers and an eventually consistent scan may be behind. */
const DOUBT_MARGIN_MS = 5 * 60_000;

/**
 * Finds what the stream has lost or nobody finished, and asks the relay for it: one signal a key, the oldest first.
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
  const begun = stored ?? newPass(startedAt, table.bytes, options.readUnitsPerSecond);
  const found = await survey(store, control, {
    before: startedAt - options.sweepAfterMs,
    now: startedAt,
    segments: begun.segments,
    from: begun.next,
    maxFindings: MAX_SIGNALS,
    goesOn: () => options.remainingMs() > RESERVE_MS,
    onPage: options.onPage,
  });
  const pass = goneOn(begun, found);
  const complete = pass.next === pass.segments;
  const failures = [...found.failures];
  const attempt = async <T>(what: Promise<T>, otherwise: T): Promise<T> =>
    what.catch((error: unknown) => {
      failures.push(error);
      return otherwise;
    });
  // Before the signals: whoever dies between must not leave signals that hide from the next run what they were for.
  const doubt = await attempt(
    settleDoubt(store, control, read.doubtSince, { pass, complete, found, startedAt }),
    'unknown',
  );
  const acted = await act(store, found.findings, options);
  if (resumes && (stored !== undefined || !complete)) {
    await attempt(store.writePass(complete ? undefined : pass), undefined);
  }
  const holds = [...control.holds.values()];
  return {
    ...pass.census,
    startedAt,
    durationMs: options.now() - startedAt,
    readUnits: found.readUnits,
    complete,
    heldKeys: holds.length,
    oldestHoldAt:
      holds.length === 0 ? undefined : holds.reduce((oldest, { since }) => Math.min(oldest, since), Infinity),
    signalsSent: acted.sent,
    signalsReplaced: acted.replaced,
    doubt,
    failures: [...failures, ...acted.failures],
  };
}

function goneOn(pass: Pass, { next, census, uncoveredSince }: Survey): Pass {
  const oldest = Math.min(pass.uncoveredSince ?? Infinity, uncoveredSince ?? Infinity);
  return {
    ...pass,
    next,
    census: sumOf(pass.census, census),
    uncoveredSince: oldest === Infinity ? undefined : oldest,
  };
}

/** The relay sees a new stream with its first record; here it is seen without one. A first stream is the relay's to note. */
async function noteCurrentStream(
  store: SweepStore,
  control: Control,
  streamArn: string | undefined,
): Promise<DoubtState> {
  if (streamArn === undefined || control.streamArn === undefined || control.streamArn === streamArn) return control;
  return store.noteStream(control, streamArn);
}

interface Acted {
  sent: number;
  replaced: number;
  readonly failures: unknown[];
}

async function act(store: SweepStore, findings: readonly Finding[], options: SweepOptions): Promise<Acted> {
  const done: Acted = { sent: 0, replaced: 0, failures: [] };
  const waiting = [...findings];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        await actOn(store, next, options, done);
      } catch (error) {
        done.failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: SIGNALS_AT_ONCE }, worker));
  return done;
}

async function actOn(store: SweepStore, finding: Finding, { by, now }: SweepOptions, done: Acted): Promise<void> {
  switch (finding.kind) {
    case 'due':
    case 'orphan': {
      const request: Request = { by, at: now(), why: WHY[finding.kind] };
      await store.send(newSignal(finding.pk, now(), { kind: 'drain', from: finding.from, request }));
      done.sent++;
      return;
    }
    case 'lost-signal': {
      const { signal } = finding;
      if ((await store.replace(signal, successorOf(signal, now()))) === 'replaced') done.replaced++;
      return;
    }
    case 'unreadable-signal':
      await store.setAside(finding, finding.why);
  }
}

const WHY = {
  due: 'pending for too long: the stream has lost its record',
  orphan: 'held, and nobody is at work on it',
} as const;

/** Who asked for it, when and why stays as it was. */
const successorOf = ({ pk, sk: _, ...signal }: Signal, now: number): Signal => newSignal(pk, now, signal);

interface Seen {
  readonly pass: Pass;
  readonly complete: boolean;
  readonly found: Survey;
  readonly startedAt: number;
}

/** @param before - the doubt when the run began, which may have noted another stream since. */
async function settleDoubt(
  store: SweepStore,
  control: Control,
  before: number | undefined,
  { pass, complete, found, startedAt }: Seen,
): Promise<Doubt> {
  const { doubtSince } = control;
  if (found.hasLoss) {
    await beginDoubt(store, control, startedAt);
    return before === undefined ? 'began' : 'stands';
  }
  if (doubtSince === undefined) return 'none';
  if (before !== doubtSince) return 'began';
  const isSound =
    complete &&
    doubtSince + DOUBT_MARGIN_MS <= pass.startedAt &&
    (pass.uncoveredSince === undefined || pass.uncoveredSince >= doubtSince + DOUBT_MARGIN_MS);
  return isSound && (await store.endDoubt(control)) ? 'ended' : 'stands';
}

/** Somebody may have changed the state since it was read: another sweep has ended an older doubt, for one. */
async function beginDoubt(store: SweepStore, known: DoubtState, since: number): Promise<void> {
  if (await store.beginDoubt(known, since)) return;
  const current = await store.readControl();
  if (current.doubtSince !== undefined && current.doubtSince >= since) return;
  if (!(await store.beginDoubt(current, since)))
    throw new Error('The doubt could not be begun: others keep changing it.');
}
