import { wait } from './waiting';

/** What the work on a lane's first tasks can do with those behind them. */
export interface Lane<T> {
  /**
   * Takes the first waiting task that `isWanted`, or waits for one to come: at most `ms`, and no longer than the signal
   * lets it. The task then belongs to the caller.
   */
  take(isWanted: (task: T) => boolean, ms: number, signal: AbortSignal): Promise<T | undefined>;
}

/**
 * One lane per key: its tasks run one after the other, in the order in which they came, beside those of other keys.
 * How many lanes work at the same time is not decided here.
 */
export class Lanes<T> {
  readonly #work: (tasks: readonly T[], lane: Lane<T>) => Promise<void>;
  readonly #together: number;
  readonly #lanes = new Map<string, WaitingTasks<T>>();
  #idle: PromiseWithResolvers<void> | undefined;

  /** @param together - how many tasks of a key `work` gets at once, at most. It must not reject. */
  constructor(work: (tasks: readonly T[], lane: Lane<T>) => Promise<void>, together: number) {
    this.#work = work;
    this.#together = together;
  }

  add(key: string, task: T): void {
    const lane = this.#lanes.get(key);
    if (lane !== undefined) {
      lane.push(task);
      return;
    }
    const created = new WaitingTasks<T>();
    created.push(task);
    this.#lanes.set(key, created);
    void this.#run(key, created);
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    if (this.#lanes.size === 0) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  async #run(key: string, lane: WaitingTasks<T>): Promise<void> {
    // Tasks that come together are all here before the first one begins.
    await Promise.resolve();
    for (let tasks = lane.shift(this.#together); tasks.length > 0; tasks = lane.shift(this.#together)) {
      await this.#work(tasks, lane);
    }
    this.#lanes.delete(key);
    if (this.#lanes.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}

class WaitingTasks<T> implements Lane<T> {
  readonly #tasks: T[] = [];
  /** There while somebody waits for a task: most lanes never have it. */
  #arrival: AbortController | undefined;

  push(task: T): void {
    this.#tasks.push(task);
    this.#arrival?.abort();
    this.#arrival = undefined;
  }

  shift(count: number): T[] {
    return this.#tasks.splice(0, count);
  }

  async take(isWanted: (task: T) => boolean, ms: number, signal: AbortSignal): Promise<T | undefined> {
    const end = performance.now() + ms;
    for (;;) {
      const at = this.#tasks.findIndex(isWanted);
      if (at !== -1) return this.#tasks.splice(at, 1)[0];
      const restMs = end - performance.now();
      if (restMs <= 0 || signal.aborted) return undefined;
      this.#arrival ??= new AbortController();
      await wait(restMs, AbortSignal.any([signal, this.#arrival.signal]));
    }
  }
}
