import { gzipSync, zstdCompressSync } from 'node:zlib';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { registerCodecs } from '../../../../lib/kafka/codecs/codecs';
import { decompressLz4 } from '../../../../lib/kafka/codecs/lz4';
import { decompressSnappy } from '../../../../lib/kafka/codecs/snappy';

interface Codec {
  decompress(buffer: Buffer): Promise<Buffer>;
}
const BUILT_IN = { ...CompressionCodecs };
const SNAPPY_MAGIC = [0x82, ...Buffer.from('SNAPPY'), 0];
const LZ4_HEADER = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const SKIPPABLE = [0x50, 0x2a, 0x4d, 0x18];
const ARangeError = expect.objectContaining({ name: 'RangeError' });

afterEach(() => Object.assign(CompressionCodecs, BUILT_IN));

test.each([
  ['no bytes of gzip', CompressionTypes.GZIP, []],
  ['an empty stream of gzip', CompressionTypes.GZIP, gzipSync('')],
  ['no bytes of zstd', CompressionTypes.ZSTD, []],
  ['an empty frame of zstd', CompressionTypes.ZSTD, zstdCompressSync('')],
  ['no bytes of Snappy', CompressionTypes.Snappy, []],
  ['the magic of Snappy alone', CompressionTypes.Snappy, SNAPPY_MAGIC],
  ['a cut header of Snappy', CompressionTypes.Snappy, [...SNAPPY_MAGIC, 0, 0, 0, 1, 0, 0, 0]],
  ['a header of Snappy without blocks', CompressionTypes.Snappy, [...SNAPPY_MAGIC, 0, 0, 0, 1, 0, 0, 0, 1]],
  ['a raw block of Snappy without bytes', CompressionTypes.Snappy, [0]],
  ['no bytes of LZ4', CompressionTypes.LZ4, []],
  ['an empty frame of LZ4', CompressionTypes.LZ4, [...LZ4_HEADER, 0, 0, 0, 0]],
  ['a skippable frame of LZ4', CompressionTypes.LZ4, [...SKIPPABLE, 1, 0, 0, 0, 1]],
  ['a skippable frame of LZ4 that ends too early', CompressionTypes.LZ4, [...SKIPPABLE, 0xff, 0xff, 0xff, 0xff]],
] as const)('%s is an unreadable batch, never an empty one', async (_, type, bytes) => {
  registerCodecs();
  const codec = (CompressionCodecs[type] as () => Codec)();
  await expect(codec.decompress(Buffer.from(bytes))).rejects.toMatchObject({ code: 'unreadable-batch' });
});

const lz4 = (descriptor: number, word: number, block: Buffer): Buffer => {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(word);
  return Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, descriptor, 0]), size, block, Buffer.alloc(4)]);
};
const stored = (descriptor: number, bytes: number) =>
  lz4(descriptor, (0x8000_0000 | bytes) >>> 0, Buffer.alloc(bytes, 1));

test.each([
  [0x40, 1 << 16],
  [0x50, 1 << 18],
  [0x60, 1 << 20],
  [0x70, 1 << 22],
])('a block of LZ4 with descriptor %d has at most %d bytes', (descriptor, maximum) => {
  expect(decompressLz4(stored(descriptor, maximum))).toHaveLength(maximum);
  expect(() => decompressLz4(stored(descriptor, maximum + 1))).toThrow(ARangeError);
});

test('a block of LZ4 expands to at most the maximum of its frame', () => {
  // One literal, then a repetition of at least 19 bytes at distance 1, then five literals.
  const block = (extra: number) =>
    Buffer.concat([
      Buffer.from([0x1f, 0x41, 1, 0]),
      Buffer.alloc(Math.floor(extra / 255), 255),
      Buffer.from([extra % 255, 0x50]),
      Buffer.alloc(5, 0x41),
    ]);
  const of = (bytes: number) => block(bytes - 1 - 19 - 5);
  const fits = of(1 << 16);
  expect(decompressLz4(lz4(0x40, fits.length, fits))).toHaveLength(1 << 16);
  const over = of((1 << 16) + 1);
  expect(() => decompressLz4(lz4(0x40, over.length, over))).toThrow(ARangeError);
});

test.each([0x00, 0x10, 0x20, 0x30])('a frame of LZ4 with the unknown block size %d is refused', (descriptor) => {
  expect(() => decompressLz4(stored(descriptor, 1))).toThrow(ARangeError);
});

test('a length of Snappy beyond the limit is refused before memory is reserved for it', () => {
  const input = Buffer.alloc(12 * 1024 * 1024);
  // 256 MB as a length of 32 bits in groups of seven.
  input.set([0x80, 0x80, 0x80, 0x80, 0x01]);
  expect(() => decompressSnappy(input)).toThrow(/expand to more than/);
});
