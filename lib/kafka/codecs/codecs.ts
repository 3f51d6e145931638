import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { messageOf, OutboxError } from '../../event/errors';
import { Expansion } from './expansion';
import { decompressLz4 } from './lz4';
import { MAX_DECOMPRESSED_BYTES } from './lz77-output';
import { decompressSnappy } from './snappy';
import { registerZstd } from './zstd';

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}
type Decompress = (buffer: Buffer) => Buffer;

/** Every compression of a topic. gzip is built into kafkajs, and `registerZstd` adds zstd for both directions. */
const CODECS = [
  [CompressionTypes.GZIP, 'gzip', undefined],
  [CompressionTypes.Snappy, 'snappy', decompressSnappy],
  [CompressionTypes.LZ4, 'lz4', decompressLz4],
  [CompressionTypes.ZSTD, 'zstd', undefined],
] as const satisfies readonly (readonly [keyof typeof CompressionCodecs, string, Decompress | undefined])[];

/** kafkajs decompresses gzip without a limit: a batch of a megabyte may expand to a gigabyte. */
const BUILT_IN_GZIP: unknown = CompressionCodecs[CompressionTypes.GZIP];
const gunzip = promisify(zlib.gunzip);
const decompressGzip = (buffer: Buffer): Promise<Buffer> => gunzip(buffer, { maxOutputLength: MAX_DECOMPRESSED_BYTES });

const registered = new WeakSet<() => Codec>();
const expansion = new Expansion();

/**
 * Registers a decompressor for every compression with kafkajs, because a topic or a broker with its own
 * `compression.type` stores other batches than the relay sent. A codec that the application has already registered
 * stays in use. The registration applies to all clients of the process; a second call changes nothing.
 *
 * An unreadable batch fails with the OutboxError `unreadable-batch`. If a fetch response expands to more than 4 MiB for
 * a partition, or 16 MiB in total, kafkajs fetches the rest again. The first batch of each partition is always read.
 */
export function registerCodecs(): void {
  if (!isImplemented(CompressionCodecs[CompressionTypes.ZSTD])) registerZstd();
  for (const [type, name, own] of CODECS) {
    const known = CompressionCodecs[type] as () => Codec;
    if (registered.has(known)) continue;
    const given = known === BUILT_IN_GZIP ? decompressGzip : (buffer: Buffer) => known().decompress(buffer);
    const decompress = isImplemented(known) ? given : own;
    if (decompress === undefined) continue;
    const factory = (): Codec => ({
      // This keeps the error of kafkajs for a compression that it cannot write.
      compress: (encoder) => known().compress(encoder),
      decompress: async (buffer) => {
        expansion.before(buffer);
        try {
          const records = await decompress(buffer);
          // Brokers store a batch without records uncompressed. kafkajs would find no message here and skip the batch.
          if (records.length === 0) throw new RangeError('the compressed data have no records');
          expansion.after(buffer, records.length);
          return records;
        } catch (cause) {
          throw unreadable(name, cause);
        }
      },
    });
    registered.add(factory);
    CompressionCodecs[type] = factory;
  }
}

function isImplemented(factory: () => Codec): boolean {
  try {
    factory();
    return true;
  } catch {
    return false;
  }
}

/** The unreadable batch that caused an error of kafkajs. */
export function unreadableBatchOf(error: unknown): OutboxError<'unreadable-batch'> | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof OutboxError && cause.is('unreadable-batch')) return cause;
  }
  return undefined;
}

/** kafkajs does not pass the partition to a codec; the reader adds it to the error. */
function unreadable(codec: string, cause: unknown): OutboxError<'unreadable-batch'> {
  const why = messageOf(cause);
  return new OutboxError(
    'unreadable-batch',
    `A batch compressed with ${codec} cannot be read: ${why}.`,
    { codec, why },
    { cause },
  );
}
