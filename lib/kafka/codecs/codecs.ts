import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { OutboxError } from '../../event/errors';
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

/** Every compression that a topic can have; gzip is built into kafkajs, and zstd writes as well. */
const CODECS = [
  [CompressionTypes.GZIP, 'gzip', undefined],
  [CompressionTypes.Snappy, 'snappy', decompressSnappy],
  [CompressionTypes.LZ4, 'lz4', decompressLz4],
  [CompressionTypes.ZSTD, 'zstd', undefined],
] as const satisfies readonly (readonly [keyof typeof CompressionCodecs, string, Decompress | undefined])[];

/** kafkajs reads gzip of any size: a batch of a megabyte may expand to a gigabyte. */
const BUILT_IN_GZIP: unknown = CompressionCodecs[CompressionTypes.GZIP];
const gunzip = promisify(zlib.gunzip);
const decompressGzip = (buffer: Buffer): Promise<Buffer> => gunzip(buffer, { maxOutputLength: MAX_DECOMPRESSED_BYTES });

const registered = new WeakSet<() => Codec>();
const expansion = new Expansion();

/**
 * Teaches kafkajs to read batches of every compression, because a topic or a broker with a `compression.type` of its own
 * stores other batches than the relay sent. A codec that the application has registered before stays in use.
 * It concerns all clients of the process; a second call changes nothing.
 *
 * A batch that cannot be read fails with the OutboxError `unreadable-batch`. Of an answer that expands to more than 4 MiB for
 * a partition, or 16 MiB for all, kafkajs fetches the rest again; the first batch of each partition is always read.
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
      // What kafkajs says of a compression that it cannot write stays true.
      compress: (encoder) => known().compress(encoder),
      decompress: async (buffer) => {
        expansion.before(buffer);
        try {
          const records = await decompress(buffer);
          // Brokers store a batch without records uncompressed. kafkajs would read no message here, and go on.
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

/** The unreadable batch that an error of kafkajs was caused by. */
export function unreadableBatchOf(error: unknown): OutboxError<'unreadable-batch'> | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof OutboxError && cause.is('unreadable-batch')) return cause;
  }
  return undefined;
}

/** kafkajs decodes without saying for which partition; whoever reads adds the place. */
function unreadable(codec: string, cause: unknown): OutboxError<'unreadable-batch'> {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new OutboxError(
    'unreadable-batch',
    `A batch compressed with ${codec} cannot be read: ${why}.`,
    { codec, why },
    { cause },
  );
}
