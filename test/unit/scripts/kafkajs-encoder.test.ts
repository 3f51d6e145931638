import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { compileFunction } from 'node:vm';
import fc from '../../builders/fast-check';
import { withoutZeroFill } from '../../../scripts/kafkajs-encoder.cjs';

interface Encoder {
  readonly buffer: Buffer;
  writeInt8(value: number): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeInt64(value: number): Encoder;
  writeVarInt(value: number): Encoder;
  writeVarLong(value: number): Encoder;
  writeString(value: string | null): Encoder;
  writeVarIntString(value: string | null): Encoder;
  writeBytes(value: Buffer | null): Encoder;
  writeVarIntBytes(value: Buffer | null): Encoder;
  writeEncoder(value: Encoder): Encoder;
}
type EncoderClass = new (initialSize?: number) => Encoder;

const FILE = require.resolve('kafkajs/src/protocol/encoder.js');
const SOURCE = readFileSync(FILE, 'utf8');

function load(source: string): EncoderClass {
  const module: { exports: unknown } = { exports: undefined };
  const run = compileFunction(source, ['require', 'module', 'exports', '__dirname']) as (...args: unknown[]) => void;
  run(createRequire(FILE), module, module.exports, dirname(FILE));
  return module.exports as EncoderClass;
}

const [Published, Bundled] = [load(SOURCE), load(withoutZeroFill(SOURCE))];

const text = fc.option(fc.string({ unit: 'binary', maxLength: 700 }), { nil: null });
const bytes = fc.option(
  fc.uint8Array({ maxLength: 1_500 }).map((values) => Buffer.from(values)),
  { nil: null },
);
const int = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
type Write = (encoder: Encoder, nested: EncoderClass) => Encoder;
const write: fc.Arbitrary<Write> = fc.oneof(
  int(8).map(
    (value): Write =>
      (encoder) =>
        encoder.writeInt8(value),
  ),
  int(16).map(
    (value): Write =>
      (encoder) =>
        encoder.writeInt16(value),
  ),
  int(32).map(
    (value): Write =>
      (encoder) =>
        encoder.writeInt32(value),
  ),
  fc.maxSafeInteger().map(
    (value): Write =>
      (encoder) =>
        encoder.writeInt64(value),
  ),
  int(32).map(
    (value): Write =>
      (encoder) =>
        encoder.writeVarInt(value),
  ),
  fc.maxSafeInteger().map(
    (value): Write =>
      (encoder) =>
        encoder.writeVarLong(value),
  ),
  text.map(
    (value): Write =>
      (encoder) =>
        encoder.writeString(value),
  ),
  text.map(
    (value): Write =>
      (encoder) =>
        encoder.writeVarIntString(value),
  ),
  bytes.map(
    (value): Write =>
      (encoder) =>
        encoder.writeBytes(value),
  ),
  bytes.map(
    (value): Write =>
      (encoder) =>
        encoder.writeVarIntBytes(value),
  ),
  bytes.map(
    (value): Write =>
      (encoder, Nested) =>
        encoder.writeEncoder(new Nested(1).writeBytes(value)),
  ),
);

it('writes the same bytes as the published one, whatever the buffers held before', () => {
  fc.assert(
    fc.property(fc.array(write, { maxLength: 40 }), fc.integer({ min: 1, max: 600 }), (writes, size) => {
      const encoded = (Class: EncoderClass) =>
        writes.reduce((encoder, act) => act(encoder, Class), new Class(size)).buffer.toString('hex');
      // Fills the buffer pool with bytes that would be visible.
      Buffer.allocUnsafe(4_000).fill(0xff);
      expect(encoded(Bundled)).toBe(encoded(Published));
    }),
    { numRuns: 500 },
  );
});

it('refuses a version of kafkajs that it was not read for', () => {
  expect(() => withoutZeroFill('Buffer.alloc(1)')).toThrow(/1 places instead of 2/);
});
