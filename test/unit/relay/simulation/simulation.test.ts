import { resolve } from 'node:path';
import { outsideOfJest } from '../../../builders/without-rule';
import { PROFILES, STEPS } from './profiles';
import type { SimulatedWorld as World } from './world';

/** `RUNS=60` is for changes of the relay and the sweeper: see CONTRIBUTING.md. */
const RUNS = Number(process.env['RUNS'] ?? 21);

const world = outsideOfJest<{ readonly SimulatedWorld: typeof World }>(resolve(__dirname, 'world.ts'));

it.each(Object.entries(PROFILES))(
  'nothing is lost, overtaken, stuck or wrongly discarded: %s',
  async (_, profile) => {
    const { SimulatedWorld } = await world;
    for (let seed = 1; seed <= RUNS; seed++) {
      const wrong = await new SimulatedWorld(seed, profile).play(STEPS);
      expect({ seed, wrong }).toEqual({ seed, wrong: [] });
    }
  },
  120_000,
);
