/** So much of one partition, and of one answer of a broker, is decompressed at a time. The first batch of each always is. */
const MAX_PARTITION_BYTES = 4 * 1024 * 1024;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Of a batch before its compressed records. */
const BATCH_HEADER_BYTES = 61;

/** kafkajs takes it as the end of a partition's answer that a broker has cut, and fetches the rest again. */
class RestOfAnswer extends Error {
  override readonly name = 'KafkaJSPartialMessageError';
}

interface Answer {
  /** Where the last batch of it ends that was decompressed. */
  end: number;
  partitionBytes: number;
  answerBytes: number;
}

/**
 * Bounds what kafkajs holds of one answer. The limits of a fetch count compressed bytes, and kafkajs decompresses all of
 * them at once: a megabyte of compressed batches can expand to a gigabyte. All batches of an answer are parts of one
 * buffer, and those of a partition lie next to each other.
 */
export class Expansion {
  readonly #answers = new WeakMap<ArrayBufferLike, Answer>();

  /** @throws RestOfAnswer for a batch that is not the first of its partition, when enough was decompressed. */
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
