import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../lib/event/errors';
import { Random } from '../../../lib/testing/random';
import type { Fault } from '../history';
import type { World } from '../world/world';
import type { ChaosFault } from './fault';

/** How often a fault was applied: alone, and while another one was. */
export interface Applied {
  alone: number;
  together: number;
}

interface Active {
  readonly name: string;
  isTogether: boolean;
}

export interface ScheduleOptions {
  readonly world: World;
  readonly seed: number;
  readonly faults: readonly ChaosFault[];
  /** Whether no further fault begins. */
  readonly isOver: () => boolean;
  readonly onFault: (text: string) => void;
}

const PAUSE_MS = { from: 500, below: 2_500 } as const;
/** In each round, for a fault that finds nothing that it could happen to. */
const MOST_TRIES = 3;

/**
 * Applies faults at random times: one of the brokers after the other, and next to them one of everything else after the
 * other. Each is applied once before one is repeated; one that found nothing to happen to is tried again after the
 * others, and also when the time is up, if it never found anything.
 */
export class FaultSchedule {
  readonly applied = new Map<string, Applied>();
  readonly history: Fault[] = [];
  /** Faults that could not be applied or repaired, with the reason. */
  readonly failures: string[] = [];
  readonly #options: ScheduleOptions;
  /** Faults that once found nothing to happen to. */
  readonly #tried = new Set<string>();
  readonly #active = new Set<Active>();

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  /** Resolves when the time is up and every fault is repaired. */
  async run(): Promise<void> {
    const { faults, world, seed } = this.#options;
    const possible = faults.filter(({ unavailable }) => unavailable?.(world) === undefined);
    const ofBrokers = possible.filter(({ group }) => group === 'brokers');
    const others = possible.filter(({ group }) => group !== 'brokers');
    await Promise.all([this.#lane(ofBrokers, new Random(seed)), this.#lane(others, new Random(seed + 1))]);
  }

  async #lane(faults: readonly ChaosFault[], random: Random): Promise<void> {
    while (faults.length > 0 && !this.#options.isOver()) {
      await this.#round(shuffled(faults, random), random, this.#options.isOver);
    }
    const missing = faults.filter(({ name }) => this.#tried.has(name) && !this.applied.has(name));
    await this.#round(missing, random, () => false);
  }

  async #round(faults: readonly ChaosFault[], random: Random, isOver: () => boolean): Promise<void> {
    let left = faults;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const untouched: ChaosFault[] = [];
      for (const fault of left) {
        if (isOver()) return;
        await sleep(PAUSE_MS.from + random.integer(PAUSE_MS.below));
        if (await this.#apply(fault, random)) continue;
        this.#tried.add(fault.name);
        untouched.push(fault);
      }
      left = untouched;
    }
  }

  /** Returns whether it found something to happen to. */
  async #apply(fault: ChaosFault, random: Random): Promise<boolean> {
    const { world, onFault } = this.#options;
    const { name } = fault;
    const at = Date.now();
    const active = { name, isTogether: this.#active.size > 0 };
    for (const other of this.#active) other.isTogether = true;
    this.#active.add(active);
    onFault([...this.#active].map((each) => each.name).join(' + '));
    let lastsMs = 0;
    try {
      const result = await fault.apply({ world, random });
      if (result === false) return false;
      if (typeof result === 'number') lastsMs = result;
      const applied = this.applied.get(name) ?? { alone: 0, together: 0 };
      applied[active.isTogether ? 'together' : 'alone']++;
      this.applied.set(name, applied);
    } catch (error) {
      this.failures.push(`${name}: ${messageOf(error)}`);
    } finally {
      this.#active.delete(active);
      this.history.push({ kind: 'fault', name, at, until: Date.now() + lastsMs });
    }
    return true;
  }
}

function shuffled<T>(all: readonly T[], random: Random): T[] {
  const left = [...all];
  return all.map(() => left.splice(random.integer(left.length), 1)[0]!);
}
