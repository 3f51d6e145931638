import { PROFILES, STEPS } from './profiles';
import { SimulatedWorld } from './world';

const RUNS = 4;

beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'], now: Date.UTC(2026, 0, 2) }));
afterEach(() => jest.useRealTimers());

it.each(Object.entries(PROFILES))(
  'effects once, in order, and nothing committed that is owed: %s',
  async (_, profile) => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const wrong = await new SimulatedWorld(seed, profile).play(STEPS);
      expect({ seed, wrong: wrong.slice(0, 5) }).toEqual({ seed, wrong: [] });
    }
  },
  120_000,
);
