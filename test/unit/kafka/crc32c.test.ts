import fc from '../../builders/fast-check';
import { crc32c } from '../../../lib/kafka/crc32c';

/** By the definition: one bit at a time. */
function bitwise(data: Uint8Array): number {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * 0x82f63b78);
  }
  return ~crc >>> 0;
}

it('has the check value of its definition', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(0))).toBe(0);
});

it('is that of the polynomial, at any length and offset', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(9), (data, start) => {
      const part = data.subarray(Math.min(start, data.length));
      expect(crc32c(part)).toBe(bitwise(part));
    }),
  );
});
