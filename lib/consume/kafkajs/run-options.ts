import type { ConsumerConfig, Kafka } from 'kafkajs';
import { refuseOption, requireOptions } from '../../event/options';
import type { Consumer } from '../consumer';
import { checkByRules, count, defaultsOf } from '../options';
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
const bytes = (value: number) => count(value, 2 ** 40, 'an integer from 1 to 2^40');

const RULES = {
  commitIntervalMs: count(1_000, HOUR_MS),
  maxBuffered: count(1_000, HOUR_MS),
  maxUncommitted: count(10_000, HOUR_MS),
  drainTimeoutMs: count(20_000, HOUR_MS),
  maxBufferedBytes: bytes(8 * 1024 * 1024),
  maxTotalBufferedBytes: bytes(32 * 1024 * 1024),
} as const;

const DEFAULTS = {
  fromBeginning: true,
  kafkaConsumer: {},
  ...defaultsOf(RULES),
} as const satisfies Partial<ConsumerRunOptions>;

const OPTIONS = ['consumer', 'kafka', 'topics', ...Object.keys(DEFAULTS)];

/** @throws OutboxError `invalid-option`. */
export function runSettings(options: ConsumerRunOptions): Required<ConsumerRunOptions> {
  const given = requireOptions(options, OPTIONS);
  const { topics } = options;
  if (!Array.isArray(topics) || topics.length === 0 || !topics.every((topic) => typeof topic === 'string')) {
    refuseOption('topics', topics, 'an array of at least one topic name');
  }
  checkByRules(RULES, given);
  return { ...DEFAULTS, ...options };
}
