import { wait } from '../timing/wait';

/** Gives the work on a queue's first tasks access to the tasks behind them. */
export interface KeyQueue<T> {
  /**
   * Takes the first waiting task that `matches` accepts. If there is none, it waits for one for at most `ms`, or until
   * the signal is aborted. The task then belongs to the caller.
   */
  take(matches: (task: T) => boolean, ms: number, signal: AbortSignal): Promise<T | undefined>;
}

/**
 * One queue per key. The tasks of a queue run one after the other, in the order of their arrival, next to those of other
 * queues. This class does not limit how many queues work at the same time.
 */
export class KeyQueues<T> {
  readonly #work: (tasks: readonly T[], queue: KeyQueue<T>) => Promise<void>;
  readonly #together: number;
  readonly #queues = new Map<string, QueuedTasks<T>>();
  #idle: PromiseWithResolvers<void> | undefined;

  /** @param together - the most tasks of a key that `work` gets at once. `work` must not reject. */
  constructor(work: (tasks: readonly T[], queue: KeyQueue<T>) => Promise<void>, together: number) {
    this.#work = work;
    this.#together = together;
  }

  add(key: string, task: T): void {
    const queue = this.#queues.get(key) ?? new QueuedTasks<T>();
    queue.push(task);
    if (this.#queues.has(key)) return;
    this.#queues.set(key, queue);
    void this.#run(key, queue);
  }

  /** Resolves when no task is left. */
  async idle(): Promise<void> {
    if (this.#queues.size === 0) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  async #run(key: string, queue: QueuedTasks<T>): Promise<void> {
    // All tasks of this turn arrive before the first one begins.
    await Promise.resolve();
    for (let tasks = queue.shift(this.#together); tasks.length > 0; tasks = queue.shift(this.#together)) {
      await this.#work(tasks, queue);
    }
    this.#queues.delete(key);
    if (this.#queues.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}

class QueuedTasks<T> implements KeyQueue<T> {
  readonly #tasks: T[] = [];
  /** Set while a caller waits for a task. Most queues never need it. */
  #arrival: AbortController | undefined;

  push(task: T): void {
    this.#tasks.push(task);
    this.#arrival?.abort();
    this.#arrival = undefined;
  }

  shift(count: number): T[] {
    return this.#tasks.splice(0, count);
  }

  async take(matches: (task: T) => boolean, ms: number, signal: AbortSignal): Promise<T | undefined> {
    const end = performance.now() + ms;
    for (;;) {
      const at = this.#tasks.findIndex(matches);
      if (at !== -1) return this.#tasks.splice(at, 1)[0];
      const restMs = end - performance.now();
      if (restMs <= 0 || signal.aborted) return undefined;
      this.#arrival ??= new AbortController();
      await wait(restMs, AbortSignal.any([signal, this.#arrival.signal]));
    }
  }
}
