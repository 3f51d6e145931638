import { resolve } from 'node:path';
import { outsideOfJest } from '../../../builders/without-rule';
import { crashAtEachPoint } from '../../../simulate/crashes';
import type { World } from '../../../simulate/simulations';
import { PROFILES } from './profiles';

const STEPS = 40;
/** `npm run simulate -- --crashes` plays every point. */
const EVERY = 25;

const world = outsideOfJest<{ readonly SimulatedWorld: World }>(resolve(__dirname, 'world.ts'));

it.each(Object.entries(PROFILES).map(([name, profile], at) => [name, profile, at % EVERY] as const))(
  'every promise holds when relay or sweeper end before or after a call: %s',
  async (_, profile, first) => {
    const { SimulatedWorld } = await world;
    const { points, broken } = await crashAtEachPoint(SimulatedWorld, profile, {
      seed: 1,
      steps: STEPS,
      every: EVERY,
      first,
    });
    expect(broken).toEqual([]);
    expect(points).toBeGreaterThan(100);
  },
  120_000,
);
