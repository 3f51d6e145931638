import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { messageOf, OutboxError } from '../../event/errors';
import { decompressLz4 } from './lz4';
import { MAX_DECOMPRESSED_BYTES } from './lz77-output';
import { decompressSnappy } from './snappy';
import { registerZstd } from './zstd';

/** Limits of decompressed bytes per partition and fetch response. The first batch of a partition always passes. */
const MAX_PARTITION_BYTES = 4 * 1024 * 1024;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Length of a batch's header, which precedes the compressed records. */
const BATCH_HEADER_BYTES = 61;

/** kafkajs treats this name as a response that the broker cut off, and fetches the rest again. */
class RestOfAnswer extends Error {
  override readonly name = 'KafkaJSPartialMessageError';
}

interface Answer {
  /** Offset in the buffer where the last decompressed batch ends. */
  end: number;
  partitionBytes: number;
  answerBytes: number;
}

/**
 * Bounds the memory of one fetch response. Fetch limits count compressed bytes, but kafkajs decompresses a whole
 * response at once, and a megabyte of batches can expand to a gigabyte. All batches of a response share one buffer, and
 * the batches of a partition lie next to each other.
 */
export class Expansion {
  readonly #answers = new WeakMap<ArrayBufferLike, Answer>();

  /** @throws RestOfAnswer for a batch that is not the first of its partition, once a limit is reached. */
  before(compressed: Buffer): void {
    const answer = this.#answers.get(compressed.buffer);
    if (answer === undefined || !follows(compressed, answer)) return;
    if (answer.partitionBytes >= MAX_PARTITION_BYTES || answer.answerBytes >= MAX_ANSWER_BYTES) {
      throw new RestOfAnswer('Enough of this answer is decompressed; the rest is fetched again.');
    }
  }

  after(compressed: Buffer, bytes: number): void {
    const answer = this.#answers.get(compressed.buffer) ?? { end: -1, partitionBytes: 0, answerBytes: 0 };
    this.#answers.set(compressed.buffer, {
      end: compressed.byteOffset + compressed.length,
      partitionBytes: bytes + (follows(compressed, answer) ? answer.partitionBytes : 0),
      answerBytes: bytes + answer.answerBytes,
    });
  }
}

const follows = (compressed: Buffer, { end }: Answer): boolean => compressed.byteOffset - BATCH_HEADER_BYTES === end;

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
