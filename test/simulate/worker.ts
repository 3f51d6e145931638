import { ModernFakeTimers } from '@jest/fake-timers';
import { parentPort, workerData } from 'node:worker_threads';
import { loadOutsideOfJest, PROLOGUE, SILENT_JEST } from '../builders/without-rule';
import { CoverageRecorder, type Coverage } from './coverage';
import { crashAtEachPoint } from './crashes';
import { SIMULATIONS, type Broken, type Core, type World } from './simulations';

/** Histories with random faults, or all points of one short history. */
export type Task =
  | { readonly kind: 'history'; readonly of: Core; readonly profile: string; readonly seed: number }
  | { readonly kind: 'crashes'; readonly of: Core; readonly profile: string; readonly seed: number };

/** The input of a thread. */
export interface Work {
  readonly tasks: readonly Task[];
  /** The code of each world that is played. */
  readonly bundles: Partial<Record<Core, string>>;
  /** Histories of this thread whose code is recorded; recording makes them slower. */
  readonly recorded: number;
}

/** A message of a thread. */
export type Report =
  | { readonly played: Core; readonly peaks: object }
  | { readonly broken: Broken }
  | { readonly points: number; readonly of: Core }
  | { readonly coverage: Partial<Record<Core, Coverage>> };

const tell = (report: Report): void => parentPort?.postMessage(report);

/** Consumers wait for timers, which only advance when the world says so. */
class TimedWorlds {
  readonly #timers = new ModernFakeTimers({ config: { fakeTimers: {} } as never, global: globalThis });
  readonly jest = {
    ...SILENT_JEST,
    advanceTimersByTimeAsync: (ms: number) => this.#timers.advanceTimersByTimeAsync(ms),
  };

  async play<T>(of: Core, history: () => Promise<T>): Promise<T> {
    if (of === 'relay') return history();
    this.#timers.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'], now: Date.UTC(2026, 0, 2) });
    try {
      return await history();
    } finally {
      this.#timers.useRealTimers();
    }
  }
}

async function work({ tasks, bundles, recorded }: Work): Promise<void> {
  const recorder = new CoverageRecorder();
  await recorder.start();
  const timed = new TimedWorlds();
  const worlds: Partial<Record<Core, World>> = {};
  for (const [of, code] of Object.entries(bundles) as [Core, string][]) {
    const { world } = SIMULATIONS[of];
    const loaded = loadOutsideOfJest(world, code, timed.jest) as { readonly SimulatedWorld: World };
    worlds[of] = loaded.SimulatedWorld;
  }
  for (const [at, task] of tasks.entries()) {
    if (at === recorded) await endRecording(recorder, bundles);
    const world = worlds[task.of];
    if (world === undefined) throw new Error(`There is no bundle of ${task.of}.`);
    await (task.kind === 'history' ? playOne(world, task, timed) : crash(world, task, timed));
  }
  if (tasks.length <= recorded) await endRecording(recorder, bundles);
}

async function playOne(world: World, { of, profile, seed }: Task, timed: TimedWorlds): Promise<void> {
  const { profiles, steps } = SIMULATIONS[of];
  const history = new world(seed, profiles[profile] ?? {});
  const wrong = await timed.play(of, () => history.play(steps));
  tell({ played: of, peaks: history.peaks });
  if (wrong.length > 0) tell({ broken: { of, profile, seed, wrong } });
}

async function crash(world: World, { of, profile, seed }: Task, timed: TimedWorlds): Promise<void> {
  const { profiles, fewSteps } = SIMULATIONS[of];
  // Each history begins at the same time.
  const timedWorld = class {
    readonly #history;
    constructor(ofSeed: number, faults: object) {
      this.#history = new world(ofSeed, faults);
    }
    get peaks() {
      return this.#history.peaks;
    }
    get points() {
      return this.#history.points;
    }
    play(steps: number) {
      return timed.play(of, () => this.#history.play(steps));
    }
  };
  const { points, broken } = await crashAtEachPoint(
    timedWorld,
    profiles[profile] ?? {},
    { seed, steps: fewSteps },
    (peaks) => tell({ played: of, peaks }),
  );
  tell({ points, of });
  for (const { crashAt, wrong } of broken) tell({ broken: { of, profile, seed, crashAt, wrong } });
}

async function endRecording(recorder: CoverageRecorder, bundles: Work['bundles']): Promise<void> {
  const scripts: Partial<Record<Core, { url: string; code: string; before: number }>> = {};
  for (const [of, code] of Object.entries(bundles) as [Core, string][]) {
    scripts[of] = { url: SIMULATIONS[of].world, code, before: PROLOGUE.length };
  }
  tell({ coverage: await recorder.stop(scripts as Required<typeof scripts>) });
}

void work(workerData as Work);
