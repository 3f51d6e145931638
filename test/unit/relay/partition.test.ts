import fc from '../../builders/fast-check';
import kafkajsMurmur2 from 'kafkajs/src/producer/partitioners/default/murmur2';
import { murmur2, partitionOf } from '../../../lib/relay/plan-round';

it.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('hashes %s as the Java client does', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

it('hashes any bytes as kafkajs does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const key = Buffer.from(bytes);
      expect(murmur2(key)).toBe(kafkajsMurmur2(key));
    }),
  );
});

it('hashes a part of a larger buffer by itself', () => {
  expect(murmur2(Buffer.from('-foobar-').subarray(1, 7))).toBe(-790332482);
});

it('turns a negative hash positive by its sign bit, as the Java client does, not by its magnitude', () => {
  expect(partitionOf(Buffer.from('foobar'), 7)).toBe((-790332482 & 0x7fffffff) % 7);
});

it('returns a partition that exists', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 10_000 }), (bytes, partitions) => {
      const partition = partitionOf(Buffer.from(bytes), partitions);
      expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true);
    }),
  );
});
