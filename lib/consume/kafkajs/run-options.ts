import type { ConsumerConfig, Kafka } from 'kafkajs';
import { anyValue, integer, optional, readOptions, required, type OptionTable } from '../../event/option-rules';
import type { Consumer } from '../consumer';
import type { MaybeAdmin } from './admin';

/** The options of {@link runConsumer}. */
export interface ConsumerRunOptions {
  /** Made by `createConsumer`. */
  readonly consumer: Consumer;
  /**
   * The client of kafkajs, with brokers and security. `admin` reads the offsets of partitions when they are assigned.
   * Without it, a committed offset that is no longer in the log is not reported, and `fromBeginning: false` then skips
   * everything up to the end.
   */
  readonly kafka: Pick<Kafka, 'consumer' | 'producer'> & MaybeAdmin;
  readonly topics: readonly string[];
  /**
   * Where a group without offsets begins. `false`: at the end that each partition has at its first assignment; that
   * offset is committed before any message is read. With `admin`, a group whose committed offset is no longer in the
   * log continues at the beginning of the log in either case.
   *
   * @default true, because a consumer that begins at the end has never seen what came before
   */
  readonly fromBeginning?: boolean;
  /**
   * Further options of kafkajs's consumer, such as `sessionTimeout`. `maxBytesPerPartition` must not be below the
   * largest batch of the topics: kafkajs reads such a partition only while those before it are paused or empty.
   *
   * @default { maxWaitTimeInMs: 500, maxBytes: 5242880, maxBytesPerPartition: 1114112 }, and kafkajs's own defaults
   */
  readonly kafkaConsumer?: Omit<ConsumerConfig, 'groupId'>;
  /** How often offsets are committed. @default 1000 */
  readonly commitIntervalMs?: number;
  /** How many messages of a partition may be unfinished before it is paused. @default 1000 */
  readonly maxBuffered?: number;
  /**
   * How many messages of a partition may wait behind an unfinished one, finished or not, before it is paused: a crash
   * delivers so many again.
   *
   * @default 10000
   */
  readonly maxUncommitted?: number;
  /**
   * How many bytes of messages of a partition may be in memory before it is paused. A larger message is taken if the
   * partition has no other one. An integer from 1 to 2^40.
   *
   * @default 8388608 (8 MiB)
   */
  readonly maxBufferedBytes?: number;
  /**
   * The same for all partitions of this consumer together. Half of it is divided evenly among them, so that a blocked
   * partition does not stop the others; the other half goes to those that need more.
   *
   * @default 33554432 (32 MiB)
   */
  readonly maxTotalBufferedBytes?: number;
  /** How long a rebalance or the end waits for messages in progress. @default 20000 */
  readonly drainTimeoutMs?: number;
}

const HOUR_MS = 3600_000;
const COUNT = { min: 1, max: HOUR_MS };
const BYTES = { min: 1, max: 2 ** 40 };

const OPTIONS = {
  consumer: anyValue(),
  kafka: anyValue(),
  topics: required(
    optional(
      (topics) => Array.isArray(topics) && topics.length > 0 && topics.every((topic) => typeof topic === 'string'),
      'an array of at least one topic name',
    ),
  ),
  fromBeginning: anyValue(true),
  kafkaConsumer: anyValue<NonNullable<ConsumerRunOptions['kafkaConsumer']>>({}),
  commitIntervalMs: integer({ ...COUNT, default: 1_000 }),
  maxBuffered: integer({ ...COUNT, default: 1_000 }),
  maxUncommitted: integer({ ...COUNT, default: 10_000 }),
  drainTimeoutMs: integer({ ...COUNT, default: 20_000 }),
  maxBufferedBytes: integer({ ...BYTES, default: 8 * 1024 * 1024 }),
  maxTotalBufferedBytes: integer({ ...BYTES, default: 32 * 1024 * 1024 }),
} satisfies OptionTable<ConsumerRunOptions>;

/** @throws OutboxError `invalid-option`. */
export const runSettings = (options: ConsumerRunOptions): Required<ConsumerRunOptions> => readOptions(options, OPTIONS);
