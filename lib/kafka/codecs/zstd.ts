import { zstdDecompressSync } from 'node:zlib';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { MAX_DECOMPRESSED_BYTES } from './lz77-output';
import { zstdCompress } from './zstd-compress';

const ZSTD = {
  compress: (encoder: { readonly buffer: Buffer }): Promise<Buffer> => Promise.resolve(zstdCompress(encoder.buffer)),
  decompress: (buffer: Buffer): Promise<Buffer> =>
    Promise.resolve(zstdDecompressSync(buffer, { maxOutputLength: MAX_DECOMPRESSED_BYTES })),
};

/** Registers zstd in both directions for all clients of the process, by Node's zlib; a second call changes nothing. */
export function registerZstd(): void {
  CompressionCodecs[CompressionTypes.ZSTD] = () => ZSTD;
}
