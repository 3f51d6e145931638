import fc from '../../builders/fast-check';
import { OffsetTracker } from '../../../lib/consume/offsets';

it('commits nothing beyond the lowest unfinished message, whatever the order in which they finish', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 40 }),
      fc.infiniteStream(fc.nat()),
      (steps, picks) => {
        const tracker = new OffsetTracker();
        // Compaction leaves holes in the offsets.
        const offsets = steps.map(
          (
            (last) => (step: number) =>
              (last += BigInt(step) + 1n)
          )(0n),
        );
        for (const offset of offsets) tracker.begin(offset);
        const unfinished = [...offsets];
        while (unfinished.length > 0) {
          const [finished] = unfinished.splice((picks.next().value ?? 0) % unfinished.length, 1);
          tracker.finish(finished ?? 0n);
          tracker.finish(finished ?? 0n);

          const done = offsets.filter((offset) => unfinished[0] === undefined || offset < unfinished[0]);
          expect(tracker.committable).toBe(done.length === 0 ? undefined : (done.at(-1) ?? 0n) + 1n);
          expect(tracker.lowestUnfinished).toBe(unfinished[0]);
          expect(tracker.unfinished).toBe(unfinished.length);
        }
        expect(tracker.kept).toBe(0);
      },
    ),
  );
});
