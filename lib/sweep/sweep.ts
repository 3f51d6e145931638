import type { Control } from '../event/control';
import { newSignal, type Request, type Signal } from '../event/signal';
import type { Census } from './census';
import type { Finding } from './judge';
import type { DoubtState, SweepStore } from './ports';
import { survey, type Survey } from './survey';

export interface SweepOptions {
  /** Milliseconds after which an item should have been published, and a signal acted on. */
  readonly sweepAfterMs: number;
  /** Parts that the table is scanned in. */
  readonly segments: number;
  /** Noted on the signals. */
  readonly by: string;
  /** Milliseconds that are left; `Infinity` when there is no limit. */
  readonly remainingMs: () => number;
  readonly now: () => number;
  readonly onPage?: (scanned: number) => void;
}

/** What became of the doubt whether the stream has shown everything. */
export type Doubt = 'none' | 'began' | 'stands' | 'ended';

export interface SweepReport extends Census {
  readonly startedAt: number;
  readonly durationMs: number;
  /** Consumed by the scan. */
  readonly readUnits: number;
  /** Whether the whole table was seen. */
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
 * worst. Resolves with what was found and done.
 */
export async function sweep(store: SweepStore, options: SweepOptions): Promise<SweepReport> {
  const startedAt = options.now();
  const read = await store.readControl();
  const control: Control = { ...read, ...(await noteCurrentStream(store, read)) };
  const found = await survey(store, control, {
    before: startedAt - options.sweepAfterMs,
    segments: options.segments,
    firstSegment: Math.floor(startedAt / options.sweepAfterMs) % options.segments,
    maxFindings: MAX_SIGNALS,
    goesOn: () => options.remainingMs() > RESERVE_MS,
    onPage: options.onPage,
  });
  const acted = await act(store, found.findings, options);
  const doubt = await settleDoubt(store, { control, before: read.doubtSince }, found, startedAt);
  const holds = [...control.holds.values()];
  return {
    ...found.census,
    startedAt,
    durationMs: options.now() - startedAt,
    readUnits: found.readUnits,
    complete: found.complete,
    heldKeys: holds.length,
    oldestHoldAt:
      holds.length === 0 ? undefined : holds.reduce((oldest, { since }) => Math.min(oldest, since), Infinity),
    signalsSent: acted.sent,
    signalsReplaced: acted.replaced,
    doubt,
    failures: [...found.failures, ...acted.failures],
  };
}

/** The relay sees a new stream with its first record; here it is seen without one. A first stream is the relay's to note. */
async function noteCurrentStream(store: SweepStore, control: Control): Promise<DoubtState> {
  const streamArn = await store.currentStreamArn();
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

async function settleDoubt(
  store: SweepStore,
  { control, before }: { readonly control: Control; readonly before: number | undefined },
  found: Survey,
  startedAt: number,
): Promise<Doubt> {
  const { doubtSince } = control;
  if (found.findings.some(({ kind }) => kind === 'due')) {
    const moved = await store.beginDoubt(control, startedAt);
    return moved && before === undefined ? 'began' : 'stands';
  }
  if (doubtSince === undefined) return 'none';
  if (before !== doubtSince) return 'began';
  const sound =
    found.complete &&
    doubtSince + DOUBT_MARGIN_MS <= startedAt &&
    (found.uncoveredSince === undefined || found.uncoveredSince >= doubtSince + DOUBT_MARGIN_MS);
  return sound && (await store.endDoubt(control)) ? 'ended' : 'stands';
}
