import { zstdDecompressSync } from 'node:zlib';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { kafkaCompression } from '../../../../lib/relay/kafkajs/session';

it('names the compressions as kafkajs does', () => {
  expect([kafkaCompression('none'), kafkaCompression('gzip'), kafkaCompression('zstd')]).toEqual([
    CompressionTypes.None,
    CompressionTypes.GZIP,
    CompressionTypes.ZSTD,
  ]);
});

it('teaches kafkajs to write and read zstd', async () => {
  kafkaCompression('zstd');
  const codec = CompressionCodecs[CompressionTypes.ZSTD]() as {
    compress(encoder: { buffer: Buffer }): Promise<Buffer>;
    decompress(buffer: Buffer): Promise<Buffer>;
  };
  const plain = Buffer.from('order shipped, '.repeat(1_000));

  const packed = await codec.compress({ buffer: plain });

  expect(packed.length).toBeLessThan(plain.length / 10);
  expect(zstdDecompressSync(packed)).toEqual(plain);
  expect(await codec.decompress(packed)).toEqual(plain);
});
