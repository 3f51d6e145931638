import type { Fault } from './faults';
import type { Expectation, Observation } from './observation';

/** An expected effect, and how long after the beginning of its phase it was seen. */
export interface EffectStatus {
  readonly text: string;
  readonly seenAfterMs?: number;
}

/** A fault with its state. */
export interface FaultStatus extends Pick<Fault, 'name' | 'label' | 'shortcut'> {
  readonly isOn: boolean;
  /** Whether it lasts until it is ended. */
  readonly lasts: boolean;
  /** Whether it was tried at all. */
  readonly wasTried: boolean;
  /** Epoch milliseconds at which it began, or ended. */
  readonly sinceMs?: number;
  /** The key that it wrote. */
  readonly key?: string;
  /** The effects while it lasts; after its end, those of the recovery. */
  readonly effects: readonly EffectStatus[];
}

/** The beginning of a phase of a fault: what the observation compares with. */
export interface Beginning {
  readonly atMs: number;
  readonly arrived: number;
  readonly applied: number;
  readonly relayPid: number | undefined;
  /** Keys that were held before the fault began. */
  readonly heldBefore: ReadonlySet<string>;
}

export interface TrialObserver {
  /** @param fault - the beginning of the fault, when its recovery begins */
  begin(fault?: Beginning): Beginning;
  observe(beginning: Beginning, key: string | undefined): Observation;
}

interface Trial {
  readonly isOn: boolean;
  readonly beginning: Beginning;
  readonly key?: string;
  readonly expected: readonly Expectation[];
  readonly seenAtMs: Map<Expectation, number>;
}

/** The faults that were tried, and which of their expected effects have been seen. */
export class FaultTrials {
  readonly #faults: readonly Fault[];
  readonly #observer: TrialObserver;
  readonly #trials = new Map<string, Trial>();
  /** One change at a time: a fault must not end before it has begun. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(faults: readonly Fault[], observer: TrialObserver) {
    this.#faults = faults;
    this.#observer = observer;
  }

  /**
   * Begins or ends a fault. A fault that is on already, or off already, stays as it is.
   *
   * @throws RangeError for a fault that this stack does not have.
   */
  set(name: string, on: boolean): Promise<void> {
    const fault = this.#faults.find((each) => each.name === name);
    if (fault === undefined) {
      const known = this.#faults.map((each) => each.name).join(', ');
      return Promise.reject(new RangeError(`There is no fault "${name}"; there are ${known}.`));
    }
    const change = this.#changing.then(() => this.#change(fault, on));
    this.#changing = change.catch(() => undefined);
    return change;
  }

  /** Looks for the expected effects of all faults. */
  check(nowMs: number): void {
    for (const { beginning, key, expected, seenAtMs } of this.#trials.values()) {
      if (seenAtMs.size === expected.length) continue;
      const observation = this.#observer.observe(beginning, key);
      for (const each of expected) {
        if (!seenAtMs.has(each) && each.isSeen(observation)) seenAtMs.set(each, nowMs);
      }
    }
  }

  statuses(): FaultStatus[] {
    return this.#faults.map((fault) => {
      const { name, label, shortcut, expected } = fault;
      const trial = this.#trials.get(name);
      return {
        ...{ name, label, shortcut, lasts: fault.end !== undefined },
        ...{ isOn: trial?.isOn ?? false, wasTried: trial !== undefined },
        ...{ sinceMs: trial?.beginning.atMs, key: trial?.key },
        effects: (trial?.expected ?? expected).map((each) => {
          const atMs = trial?.seenAtMs.get(each);
          return { text: each.text, seenAfterMs: atMs === undefined ? undefined : atMs - (trial?.beginning.atMs ?? 0) };
        }),
      };
    });
  }

  async #change(fault: Fault, on: boolean): Promise<void> {
    const known = this.#trials.get(fault.name);
    if (on === (known?.isOn ?? false)) return;
    const start = (trial: Pick<Trial, 'isOn' | 'key' | 'expected'>, beginning: Beginning): void => {
      this.#trials.set(fault.name, { ...trial, beginning, seenAtMs: new Map() });
    };
    if (!on) {
      await fault.end?.();
      const beginning = this.#observer.begin(known?.beginning);
      start({ isOn: false, key: known?.key, expected: fault.recovery }, beginning);
      return;
    }
    const trial = { isOn: fault.end !== undefined, expected: fault.expected };
    // Before it begins: some faults take seconds, and their effects appear meanwhile.
    const beginning = this.#observer.begin();
    start(trial, beginning);
    try {
      start({ ...trial, key: await fault.begin() }, beginning);
    } catch (error) {
      this.#trials.delete(fault.name);
      throw error;
    }
  }
}
