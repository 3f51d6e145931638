import { environmentReader, type Environment } from '../event/environment';
import { decodeHomeRegion, encodeHomeRegion, type HomeRegion } from '../event/home-region';
import { decodeBrokerConfig, encodeBrokerConfig, type BrokerConfig } from '../kafka/broker-config';

export const COMPRESSIONS = ['zstd', 'gzip', 'none'] as const;
/** How the relay compresses the batches of a partition; consumers with kafkajs need a codec for `zstd`. */
export type Compression = (typeof COMPRESSIONS)[number];

export const ORDERS = ['relaxed', 'strict'] as const;
export type Order = (typeof ORDERS)[number];

/** The configuration of a deployed relay: the construct writes it, the handler reads it. */
export interface RelayConfig extends BrokerConfig {
  readonly tableName: string;
  readonly compression: Compression;
  /** How long a processed item stays readable. With 0, the relay deletes items instead of marking them. */
  readonly retentionSeconds: number;
  /** Maximum bytes of one partition's batch; a topic with a smaller `max.message.bytes` needs a smaller value. */
  readonly maxBatchBytes: number;
  /** Timeout of one request to a broker. */
  readonly requestTimeoutMs: number;
  /** `strict`: versions are dense from 1 on, and an item waits for the version before it. */
  readonly order: Order;
  /** Age of a record from which the stream may have dropped records before it. */
  readonly lateAfterSeconds: number;
  /** How long a topic partition must have failed alone before its keys are held. */
  readonly partitionPatienceSeconds: number;
  /** Maximum number of keys that are held for unavailable partitions; beyond it the shard waits. */
  readonly maxPartitionHolds: number;
  /** An event that took longer from commit to acknowledgement counts as late. */
  readonly publishWithinMs: number;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName: string;
  /** Stack and path of the construct, as owner of the table: the same over deployments, different for each outbox. */
  readonly outboxId?: string;
  /**
   * Topics of the events, or the first of them if there are many. A new process asks for these to tell an unavailable
   * partition from an unavailable cluster.
   */
  readonly topics?: readonly string[];
  /** For a table with several regions; left out if only this region publishes. */
  readonly home?: HomeRegion;
}

export const RELAY_DEFAULTS = {
  compression: 'zstd',
  retentionSeconds: 86_400,
  /** Below Kafka's default `max.message.bytes` of 1,048,588, with room for the batch header. */
  maxBatchBytes: 1_000_000,
  requestTimeoutMs: 4_000,
  order: 'relaxed',
  /** Well before the stream drops a record, after 24 hours. */
  lateAfterSeconds: 1_800,
  partitionPatienceSeconds: 60,
  maxPartitionHolds: 2_000,
  publishWithinMs: 5_000,
} as const satisfies Partial<RelayConfig>;

/** How long strict order waits for an item that another region may be about to replicate. */
export const REPLICATION_WAIT_MS = 10_000;

/** Connecting and sending may each take this many request timeouts, the library's retries included. */
export const ATTEMPT_TIMEOUTS = 2;

type Timing = Pick<RelayConfig, 'requestTimeoutMs'>;

/** Maximum duration of a topic lookup: connect, ask, both once more. */
export const slowestLookUpMs = ({ requestTimeoutMs }: Timing): number => 2 * ATTEMPT_TIMEOUTS * requestTimeoutMs;

/** Maximum duration of a publish: connect, send, connect again, send again. */
export const slowestPublishMs = ({ requestTimeoutMs }: Timing): number => 4 * ATTEMPT_TIMEOUTS * requestTimeoutMs;

/** Timeouts for DynamoDB: of one request, and of all attempts with their pauses. */
export const DYNAMODB_TIMING = { requestTimeoutMs: 3_000, attempts: 4, slowestCallMs: 15_000 } as const;

/** Maximum duration of a round, marks included. The relay starts no round with less time left. */
export const slowestRoundMs = (timing: Timing): number =>
  slowestLookUpMs(timing) + slowestPublishMs(timing) + DYNAMODB_TIMING.slowestCallMs;

/** Minimum timeout of a function, so that its first round always has time after the holds are read. */
export const shortestFunctionTimeoutMs = (timing: Timing): number =>
  slowestRoundMs(timing) + DYNAMODB_TIMING.slowestCallMs;

/** The outbox's name in metrics and alarms. */
export const OUTBOX_NAME_VARIABLE = 'OUTBOX_NAME';

/** Identifies the outbox of a relay function; that outbox must own the table. */
export const OUTBOX_ID_VARIABLE = 'OUTBOX_ID';

const VARIABLES = {
  tableName: 'OUTBOX_TABLE_NAME',
  outboxName: OUTBOX_NAME_VARIABLE,
  outboxId: OUTBOX_ID_VARIABLE,
  compression: 'OUTBOX_COMPRESSION',
  retentionSeconds: 'OUTBOX_RETENTION_SECONDS',
  maxBatchBytes: 'OUTBOX_MAX_BATCH_BYTES',
  requestTimeoutMs: 'OUTBOX_REQUEST_TIMEOUT_MS',
  order: 'OUTBOX_ORDER',
  lateAfterSeconds: 'OUTBOX_LATE_AFTER_SECONDS',
  partitionPatienceSeconds: 'OUTBOX_PARTITION_PATIENCE_SECONDS',
  maxPartitionHolds: 'OUTBOX_MAX_PARTITION_HOLDS',
  publishWithinMs: 'OUTBOX_PUBLISH_WITHIN_MS',
  topics: 'OUTBOX_TOPICS',
} as const;

/** The environment variables of a configuration. Values may be CDK tokens, so they are not validated. */
export const encodeRelayConfig = (config: RelayConfig): Record<string, string> => ({
  [VARIABLES.tableName]: config.tableName,
  [VARIABLES.outboxName]: config.outboxName,
  ...(config.outboxId === undefined ? {} : { [VARIABLES.outboxId]: config.outboxId }),
  ...encodeBrokerConfig(config),
  [VARIABLES.compression]: config.compression,
  [VARIABLES.retentionSeconds]: String(config.retentionSeconds),
  [VARIABLES.maxBatchBytes]: String(config.maxBatchBytes),
  [VARIABLES.requestTimeoutMs]: String(config.requestTimeoutMs),
  [VARIABLES.order]: config.order,
  [VARIABLES.lateAfterSeconds]: String(config.lateAfterSeconds),
  [VARIABLES.partitionPatienceSeconds]: String(config.partitionPatienceSeconds),
  [VARIABLES.maxPartitionHolds]: String(config.maxPartitionHolds),
  [VARIABLES.publishWithinMs]: String(config.publishWithinMs),
  ...(config.topics === undefined ? {} : { [VARIABLES.topics]: config.topics.join(',') }),
  ...encodeHomeRegion(config.home),
});

/**
 * Reads the configuration from the environment.
 *
 * @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed.
 */
export function decodeRelayConfig(environment: Environment): RelayConfig {
  const read = environmentReader(environment, 'Outbox');
  return {
    tableName: read.text(VARIABLES.tableName),
    outboxName: read.text(VARIABLES.outboxName),
    outboxId: environment[VARIABLES.outboxId] === undefined ? undefined : read.text(VARIABLES.outboxId),
    ...decodeBrokerConfig(read),
    compression: read.oneOf(VARIABLES.compression, COMPRESSIONS),
    retentionSeconds: read.integer(VARIABLES.retentionSeconds, 0),
    maxBatchBytes: read.integer(VARIABLES.maxBatchBytes, 1),
    requestTimeoutMs: read.integer(VARIABLES.requestTimeoutMs, 1),
    order: read.oneOf(VARIABLES.order, ORDERS),
    lateAfterSeconds: read.integer(VARIABLES.lateAfterSeconds, 1),
    partitionPatienceSeconds: read.integer(
      VARIABLES.partitionPatienceSeconds,
      1,
      RELAY_DEFAULTS.partitionPatienceSeconds,
    ),
    maxPartitionHolds: read.integer(VARIABLES.maxPartitionHolds, 0, RELAY_DEFAULTS.maxPartitionHolds),
    publishWithinMs: read.integer(VARIABLES.publishWithinMs, 1),
    topics: read.optionalText(VARIABLES.topics)?.split(','),
    home: decodeHomeRegion(read),
  };
}
