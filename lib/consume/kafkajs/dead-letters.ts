import { CompressionTypes, type IHeaders, type Kafka, type Message, type Producer, type RecordMetadata } from 'kafkajs';
import { DEAD_LETTER_OVERHEAD_BYTES, deadLetterTopic } from '../../event/consumer-name';
import { DEAD_LETTER_HEADERS } from '../../event/dead-letter';
import { messageOf, OutboxError } from '../../event/errors';
import { checkOption, integer } from '../../event/option-rules';
import { formatReceipt } from '../../event/receipt';
import { maxMessageBytesOf } from '../../kafka/max-message-bytes';
import { protocolErrorOf } from '../../kafka/protocol-error';
import type { DeadLetterNote, DeadLetters } from '../ports';
import { withAdmin, type MaybeAdmin } from './admin';
import { bytesOf, type ConsumedRecord } from '../record';
import { withRepeatedLog } from './repeated-log';
import { Semaphore } from '../semaphore';
import { atMost } from '../../timing/wait';
import { withinTime } from '../../timing/within-time';

/** Dead letters that can be closed. */
export interface KafkaDeadLetters extends DeadLetters {
  /**
   * Gives sends in flight 2 seconds to end, rejects the others, and disconnects. A later send is rejected. A second
   * call waits for the first.
   */
  close(): Promise<void>;
}

/** The consumer whose dead letters are sent, and the client that sends them. */
export interface DeadLetterOptions {
  /** With `admin`, the refusal of a message that is too large names the limit of its topic. */
  readonly kafka: Pick<Kafka, 'producer'> & MaybeAdmin;
  /** The consumer's name: its dead letters go to `<topic>.<consumer>.dlt`. */
  readonly consumer: string;
  /**
   * How long one send may take, including the connection to the brokers. The consumer's `callTimeoutMs` limits it as
   * well: a larger value has no effect. An integer from 1 to 3600000.
   *
   * @default 10000
   */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = integer({ min: 1, max: 3600_000, default: 10_000 });
const CLOSE_MS = 2_000;
/** Per topic. */
const CONCURRENT_SENDS = 32;

const TOO_LARGE: readonly unknown[] = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'];

/**
 * Sends dead letters by kafkajs, compressed with gzip, acknowledged by all in-sync replicas. The topics must exist, and
 * their `max.message.bytes` must be at least 4 KB above that of the topics they belong to. Neither topics nor the
 * messages of one topic wait for each other.
 *
 * A send rejects with `dead-letter-too-large`, with `topic-missing`, or with `service-unavailable` if it fails
 * otherwise or takes too long. It may be retried: unless the message was too large, it uses a new producer.
 *
 * @throws OutboxError `invalid-option` for a `timeoutMs` that is out of its range.
 */
export function kafkajsDeadLetters(options: DeadLetterOptions): KafkaDeadLetters {
  const { kafka, consumer, timeoutMs = TIMEOUT_MS.default } = options;
  checkOption(TIMEOUT_MS, 'timeoutMs', timeoutMs);
  const topics = new Map<string, TopicSender>();
  const sending = new Set<Promise<unknown>>();
  const end = new AbortController();
  let isClosing = false;
  let closed: Promise<void> | undefined;

  const send = async (record: ConsumedRecord, note: DeadLetterNote): Promise<void> => {
    const topic = deadLetterTopic(record.topic, consumer);
    if (isClosing) throw unavailable(topic, 'the consumer has ended', undefined);
    const sender = topics.get(topic) ?? new TopicSender(topic, { kafka, timeoutMs, end: end.signal });
    topics.set(topic, sender);
    try {
      await sender.send(record, note);
    } catch (error) {
      // A new connection finds a new topic or cluster; the next send must not depend on one that never recovers.
      if (!(error instanceof OutboxError && error.is('dead-letter-too-large')) && topics.get(topic) === sender) {
        topics.delete(topic);
        void sender.disconnect();
      }
      throw error;
    }
  };

  const close = async (): Promise<void> => {
    isClosing = true;
    await atMost(CLOSE_MS, Promise.allSettled(sending));
    end.abort();
    await atMost(CLOSE_MS, Promise.all([...topics.values()].map((sender) => sender.disconnect())));
  };

  return {
    send: (record, note) => tracked(sending, send(record, note)),
    close: () => (closed ??= close()),
  };
}

/** Sends to one topic by a producer of its own: kafkajs looks topics up together, and a failing one fails all. */
class TopicSender {
  readonly #topic: string;
  readonly #options: SenderOptions;
  readonly #semaphore = new Semaphore(CONCURRENT_SENDS);
  readonly #producer: Producer;
  readonly #connected: Promise<void>;
  /** Calls of kafkajs that have not ended, awaited or not. */
  readonly #calls = new Set<Promise<unknown>>();

  constructor(topic: string, options: SenderOptions) {
    this.#topic = topic;
    this.#options = options;
    const { kafka } = options;
    // Not idempotent: kafkajs gives the sequence number of a failed send to another message, which the broker then
    // takes for a duplicate. Without retries, because kafkajs would reconnect after it was disconnected.
    this.#producer = withRepeatedLog(kafka, () =>
      kafka.producer({ allowAutoTopicCreation: false, retry: { retries: 0 } }),
    );
    this.#connected = tracked(this.#calls, this.#producer.connect());
  }

  async send(record: ConsumedRecord, note: DeadLetterNote): Promise<void> {
    const { timeoutMs, end } = this.#options;
    await this.#semaphore.use(async () => {
      try {
        await withinTime(() => this.#sendSmallest(record, note), {
          ms: timeoutMs,
          onTimeout: () => new Error(`no acknowledgement within ${timeoutMs} ms`),
          signal: end,
          onAbort: () => new Error('the consumer has ended'),
          unref: true,
        });
      } catch (error) {
        throw await this.#explained(error, record);
      }
    });
  }

  /** Resolves when kafkajs has no connection left. */
  async disconnect(): Promise<void> {
    // A failed disconnect loses nothing: each send is acknowledged or has rejected.
    const disconnect = (): Promise<void> => this.#producer.disconnect().catch(() => undefined);
    const calls = [...this.#calls];
    await disconnect();
    if (calls.length === 0) return;
    // A call that was in flight can have connected again.
    await Promise.allSettled(calls);
    await disconnect();
  }

  /** Compressed, because the message may not fit otherwise. Sent uncompressed if gzip has made the data longer. */
  async #sendSmallest(record: ConsumedRecord, note: DeadLetterNote): Promise<void> {
    await this.#connected;
    const message = { key: record.key, value: record.value, headers: headersOf(record, note) };
    try {
      await this.#sendAs(CompressionTypes.GZIP, message);
    } catch (error) {
      if (!TOO_LARGE.includes(protocolErrorOf(error))) throw error;
      await this.#sendAs(CompressionTypes.None, message);
    }
  }

  async #sendAs(compression: CompressionTypes, message: Message): Promise<void> {
    const { timeoutMs: timeout } = this.#options;
    const sent = this.#producer.send({ topic: this.#topic, acks: -1, timeout, compression, messages: [message] });
    if (!isAcknowledged(await tracked(this.#calls, sent), this.#topic)) {
      // kafkajs resolves like this when a leader moves.
      throw new Error('the send resolved, but the response has no offset');
    }
  }

  async #explained(cause: unknown, record: ConsumedRecord): Promise<OutboxError> {
    const type = protocolErrorOf(cause);
    if (TOO_LARGE.includes(type)) return tooLarge(this.#topic, record, await this.#limit(), cause);
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION') {
      return new OutboxError(
        'topic-missing',
        `Topic "${this.#topic}" does not exist, and the dead letter of ${formatReceipt(record)} waits for it. ` +
          `Create it with a "max.message.bytes" that is ${DEAD_LETTER_OVERHEAD_BYTES} above that of "${record.topic}": ` +
          `npx outbox topic create ${this.#topic} --like ${record.topic}`,
        { topics: [this.#topic] },
        { cause },
      );
    }
    return unavailable(this.#topic, messageOf(cause), cause);
  }

  /** The `max.message.bytes` of the topic; `undefined` if it cannot be read. */
  async #limit(): Promise<number | undefined> {
    const { kafka, end } = this.#options;
    try {
      const [limit] = await withAdmin(kafka, end, (admin) => maxMessageBytesOf(admin, [this.#topic]));
      return limit?.[1];
    } catch {
      return undefined;
    }
  }
}

interface SenderOptions extends Pick<DeadLetterOptions, 'kafka'> {
  readonly timeoutMs: number;
  /** Aborted when the sender must end. */
  readonly end: AbortSignal;
}

function tracked<T>(unsettled: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  unsettled.add(promise);
  const forget = (): void => void unsettled.delete(promise);
  promise.then(forget, forget);
  return promise;
}

function tooLarge(topic: string, record: ConsumedRecord, limit: number | undefined, cause: unknown): OutboxError {
  const receipt = formatReceipt(record);
  const bytes = bytesOf(record);
  const takes = limit === undefined ? 'which takes less' : `which takes ${limit} bytes ("max.message.bytes")`;
  return new OutboxError(
    'dead-letter-too-large',
    `The dead letter of ${receipt} does not fit topic "${topic}", ${takes}: the message has ${bytes} bytes, uncompressed. ` +
      `It is sent again until it fits, and its key waits. Raise "max.message.bytes" of "${topic}" to ${bytes + DEAD_LETTER_OVERHEAD_BYTES}.`,
    { topic, receipt, bytes, ...(limit === undefined ? {} : { maxBytes: limit }) },
    { cause },
  );
}

const unavailable = (topic: string, why: string, cause: unknown): OutboxError<'service-unavailable'> =>
  new OutboxError(
    'service-unavailable',
    `Kafka has not acknowledged a dead letter on topic "${topic}": ${why}.`,
    { service: 'Kafka', place: topic, action: 'sending a dead letter', why },
    { cause },
  );

/** One message has one partition. The response must name it, with the offset of the message. */
const isAcknowledged = (answer: readonly RecordMetadata[], topic: string): boolean =>
  answer.length === 1 &&
  answer.every(
    ({ topicName, errorCode, baseOffset }) =>
      topicName === topic && errorCode === 0 && baseOffset !== undefined && /^\d+$/.test(baseOffset),
  );

const headersOf = (record: ConsumedRecord, { reason, message, stack }: DeadLetterNote): IHeaders => ({
  ...(record.headers as IHeaders),
  [DEAD_LETTER_HEADERS.reason]: reason,
  [DEAD_LETTER_HEADERS.message]: message,
  [DEAD_LETTER_HEADERS.topic]: record.topic,
  [DEAD_LETTER_HEADERS.partition]: String(record.partition),
  [DEAD_LETTER_HEADERS.offset]: String(record.offset),
  [DEAD_LETTER_HEADERS.timestamp]: String(record.timestamp),
  ...(stack === undefined ? {} : { [DEAD_LETTER_HEADERS.stack]: stack }),
});
