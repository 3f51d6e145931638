import { fuzz } from '../../fuzz/fuzz';
import { TARGETS } from '../../fuzz/targets';

/** `npm run fuzz` runs a million. */
const INPUTS = 1_000;

it.each(TARGETS.map((target) => [target.name, target] as const))(
  'malformed inputs are refused as documented: %s',
  async (_, target) => {
    const { shortest, counts } = await fuzz(target, { first: Number(process.env['SEED'] ?? 1), count: INPUTS });
    expect(shortest).toBeUndefined();
    // Mutations that never pass, or that always do, find nothing.
    expect(counts.size).toBeGreaterThan(1);
  },
);

it('an input that makes a target fail is reported, the shortest one first', async () => {
  const failing = { name: 'x', input: () => 'x', run: () => Promise.reject(new Error('broken')) };
  const { failures, shortest } = await fuzz(failing, { first: 1, count: 3 });
  expect({ failures, input: shortest?.input, seed: shortest?.seed }).toEqual({ failures: 3, input: '"x"', seed: 1 });
});
