import fc from '../../builders/fast-check';
import { queueKeyOf } from '../../../lib/consume/inbox-keys';
import { disordered } from '../../../lib/testing/group';
import { Random } from '../../../lib/testing/random';
import { aRecord } from '../../builders/consume';

const logs = fc
  .array(fc.constantFrom('a', 'b', 'c', null), { minLength: 1, maxLength: 30 })
  .map((keys) => keys.map((key, offset) => aRecord({ key, offset })));

describe('a disordered partition', () => {
  it('has the first deliveries of each key in their order, all of them, and at least one repetition', () => {
    fc.assert(
      fc.property(logs, fc.integer(), (log, seed) => {
        const seen = disordered(log, new Random(seed));
        const first = [...new Set(seen)];
        expect(first.toSorted((a, b) => Number(a.offset - b.offset))).toEqual(log);
        for (const [key, ofKey] of Map.groupBy(first, queueKeyOf)) {
          expect(ofKey).toEqual(log.filter((record) => queueKeyOf(record) === key));
        }
        expect(seen.length).toBeGreaterThan(log.length);
      }),
    );
  });

  it('of nothing is nothing', () => {
    expect(disordered([], new Random(1))).toEqual([]);
  });
});
