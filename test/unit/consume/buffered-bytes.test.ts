import fc from '../../builders/fast-check';
import { BufferedBytes } from '../../../lib/consume/buffered-bytes';

class Partition {
  bufferedBytes = 0;
  readonly signal = new AbortController().signal;
}

const LIMITS = { maxBufferedBytes: 400, maxTotalBufferedBytes: 1_000 };

it('never grants more than its total, nor more than its limit to one partition, and always a share to each', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.record({ at: fc.nat(7), bytes: fc.integer({ min: 1, max: 500 }), takes: fc.boolean() }), {
        maxLength: 60,
      }),
      (count, steps) => {
        const memory = new BufferedBytes(LIMITS);
        memory.assign(count);
        const partitions = Array.from({ length: count }, () => new Partition());
        const roomOf = (partition: Partition): number =>
          memory.roomOf(
            partition,
            partitions.filter((other) => other !== partition),
          );
        for (const { at, bytes, takes } of steps) {
          const partition = partitions[at % count];
          if (partition === undefined) continue;
          if (!takes) partition.bufferedBytes = Math.max(0, partition.bufferedBytes - bytes);
          else if (bytes <= roomOf(partition)) partition.bufferedBytes += bytes;
          for (const each of partitions) {
            expect(each.bufferedBytes).toBeLessThanOrEqual(LIMITS.maxBufferedBytes);
            expect(each.bufferedBytes + roomOf(each)).toBeGreaterThanOrEqual(Math.min(500 / count, 400) - 1e-9);
          }
          expect(partitions.reduce((sum, each) => sum + each.bufferedBytes, 0)).toBeLessThanOrEqual(1_000 + 1e-9);
        }
      },
    ),
  );
});

it('counts the messages that an ended assignment keeps in memory, and leaves the others their shares', () => {
  const memory = new BufferedBytes(LIMITS);
  memory.assign(5);
  const partition = new Partition();
  expect(memory.roomOf(partition, [])).toBe(400);
  expect(memory.roomOf(partition, [{ bufferedBytes: 400, signal: AbortSignal.abort() }])).toBe(200);
  expect(memory.roomOf(partition, [{ bufferedBytes: 5_000, signal: AbortSignal.abort() }])).toBe(100);
});
