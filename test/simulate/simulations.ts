import { resolve } from 'node:path';
import * as consumer from '../unit/consume/simulation/profiles';
import * as relay from '../unit/relay/simulation/profiles';

/** The code under test of a simulation. */
export type Core = 'relay' | 'consumer';

/** The common part of both simulated worlds. */
export interface SimulatedWorld {
  /** The largest numbers that the history has seen, by name. */
  readonly peaks: object;
  /** Points at which a process may be ended by `crashAt`. */
  readonly points: number;
  play(steps: number): Promise<readonly string[]>;
}

export type World = new (seed: number, profile: object) => SimulatedWorld;

interface Simulation {
  /** The module that exports `SimulatedWorld`. */
  readonly world: string;
  readonly profiles: Readonly<Record<string, object>>;
  readonly steps: number;
  /** Steps of a history that is short enough to end the process at each of its calls. */
  readonly fewSteps: number;
  /** Of lib/, without adapters and telemetry. */
  readonly core: RegExp;
}

const UNIT = resolve(__dirname, '../unit');

export const SIMULATIONS: Readonly<Record<Core, Simulation>> = {
  relay: {
    world: resolve(UNIT, 'relay/simulation/world.ts'),
    profiles: relay.PROFILES,
    steps: relay.STEPS,
    fewSteps: 40,
    core: /^lib\/(relay|sweep)\/(?!telemetry-|environment|options|mapping-settings|dynamodb-store|lambda-mapping)[a-z-]+\.ts$/,
  },
  consumer: {
    world: resolve(UNIT, 'consume/simulation/world.ts'),
    profiles: consumer.PROFILES,
    steps: consumer.STEPS,
    fewSteps: 25,
    core: /^lib\/consume\/((?!telemetry-|environment|client)[a-z-]+|kafkajs\/partitions)\.ts$/,
  },
};

/** A violated promise, and the history in which it was. */
export interface Broken {
  readonly of: Core;
  readonly profile: string;
  readonly seed: number;
  readonly crashAt?: number;
  readonly wrong: readonly string[];
}
