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
