import { gzipSync, zstdCompressSync } from 'node:zlib';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { registerCodecs } from '../../../../lib/kafka/codecs/codecs';

type Type = keyof typeof CompressionCodecs;
interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}
const codecOf = (type: Type): Codec => (CompressionCodecs[type] as () => Codec)();
const BUILT_IN = { ...CompressionCodecs };
const LZ4 = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 3, 0, 0, 0x80, 0x61, 0x62, 0x63, 0, 0, 0, 0]);
const SNAPPY = Buffer.from([3, 0x08, 0x61, 0x62, 0x63]);

afterEach(() => Object.assign(CompressionCodecs, BUILT_IN));

it.each([
  ['gzip', CompressionTypes.GZIP, gzipSync('abc')],
  ['snappy', CompressionTypes.Snappy, SNAPPY],
  ['lz4', CompressionTypes.LZ4, LZ4],
  ['zstd', CompressionTypes.ZSTD, zstdCompressSync('abc')],
] as const)('kafkajs reads %s, and a damaged batch of it ends in a typed error', async (codec, type, compressed) => {
  registerCodecs();
  expect((await codecOf(type).decompress(compressed)).toString()).toBe('abc');
  await expect(codecOf(type).decompress(compressed.subarray(0, -2))).rejects.toMatchObject({
    code: 'unreadable-batch',
    details: { codec, why: expect.any(String) },
    message: expect.stringContaining(codec),
  });
});

it('a small batch that expands without end is unreadable, instead of filling the memory', async () => {
  registerCodecs();
  const megabytes = 200;
  // An LZ4 block: four literals, then one repetition whose length continues in bytes of 255.
  const bytes = Math.ceil((megabytes * 1024 * 1024) / 255);
  const block = Buffer.concat([
    Buffer.from([0x4f]),
    Buffer.from('aaaa'),
    Buffer.from([1, 0]),
    Buffer.alloc(bytes, 255),
  ]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(block.length + 6);
  const end = Buffer.concat([Buffer.from([0]), Buffer.from([0x50]), Buffer.from('aaaaa').subarray(0, 4)]);
  const lz4 = Buffer.concat([LZ4.subarray(0, 7), size, block, end, Buffer.alloc(4)]);
  const zstd = zstdCompressSync(Buffer.alloc(megabytes * 1024 * 1024));
  for (const [type, bomb] of [
    [CompressionTypes.GZIP, gzipSync(Buffer.alloc(megabytes * 1024 * 1024))],
    [CompressionTypes.LZ4, lz4],
    [CompressionTypes.ZSTD, zstd],
  ] as const) {
    await expect(codecOf(type).decompress(bomb)).rejects.toMatchObject({ code: 'unreadable-batch' });
  }
});

it('kafkajs writes what it wrote before: gzip and zstd, and refuses the others by its own words', async () => {
  registerCodecs();
  const encoder = { buffer: Buffer.from('abc') };
  for (const type of [CompressionTypes.GZIP, CompressionTypes.ZSTD] as const) {
    expect((await codecOf(type).decompress(await codecOf(type).compress(encoder))).toString()).toBe('abc');
  }
  expect(() => codecOf(CompressionTypes.LZ4).compress(encoder)).toThrow('LZ4 compression not implemented');
});

it('a second call changes nothing', () => {
  registerCodecs();
  const first = { ...CompressionCodecs };
  registerCodecs();
  expect(CompressionCodecs).toEqual(first);
});

it('a codec of the application stays in use, whenever it is registered', async () => {
  const theirs = (text: string) => () => ({ decompress: () => Promise.resolve(Buffer.from(text)) });
  CompressionCodecs[CompressionTypes.LZ4] = theirs('before');
  registerCodecs();
  expect((await codecOf(CompressionTypes.LZ4).decompress(LZ4)).toString()).toBe('before');
  CompressionCodecs[CompressionTypes.LZ4] = theirs('after');
  expect((await codecOf(CompressionTypes.LZ4).decompress(LZ4)).toString()).toBe('after');
});
