import { crashAtEachPoint } from '../../../simulate/crashes';
import { PROFILES } from './profiles';
import { SimulatedWorld } from './world';

const STEPS = 25;
/** `npm run simulate -- --crashes` plays every point. */
const EVERY = 30;

beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'], now: Date.UTC(2026, 0, 2) }));
afterEach(() => jest.useRealTimers());

it.each(Object.entries(PROFILES).map(([name, profile], at) => [name, profile, (7 * at) % EVERY] as const))(
  'every promise holds when a consumer ends before or after a call: %s',
  async (_, profile, first) => {
    const { points, broken } = await crashAtEachPoint(SimulatedWorld, profile, {
      seed: 1,
      steps: STEPS,
      every: EVERY,
      first,
    });
    expect(broken).toEqual([]);
    expect(points).toBeGreaterThan(40);
  },
  120_000,
);
