import { wait } from './waiting';

/** Gives the work on a lane's first tasks access to the tasks behind them. */
export interface Lane<T> {
  /**
   * Takes the first waiting task that `isWanted` accepts. If there is none, it waits for one for at most `ms`, or until
   * the signal is aborted. The task then belongs to the caller.
   */
  take(isWanted: (task: T) => boolean, ms: number, signal: AbortSignal): Promise<T | undefined>;
}

/**
 * One lane per key. The tasks of a lane run one after the other, in the order of their arrival, next to those of other
 * lanes. This class does not limit how many lanes work at the same time.
 */
export class Lanes<T> {
  readonly #work: (tasks: readonly T[], lane: Lane<T>) => Promise<void>;
  readonly #together: number;
  readonly #lanes = new Map<string, WaitingTasks<T>>();
  #idle: PromiseWithResolvers<void> | undefined;

  /** @param together - the most tasks of a key that `work` gets at once. `work` must not reject. */
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

  /** Resolves when no task is left. */
  async idle(): Promise<void> {
    if (this.#lanes.size === 0) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  async #run(key: string, lane: WaitingTasks<T>): Promise<void> {
    // All tasks of this turn arrive before the first one begins.
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
  /** Set while a caller waits for a task. Most lanes never need it. */
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
