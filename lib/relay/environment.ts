import { environmentReader, type Environment } from '../event/environment';
import { decodeHomeRegion, encodeHomeRegion, type HomeRegion } from '../event/home-region';
import { decodeBrokerConfig, encodeBrokerConfig, type BrokerConfig } from '../kafka/broker-config';

export const COMPRESSIONS = ['zstd', 'gzip', 'none'] as const;
/** How the relay compresses the batches of a partition; consumers with kafkajs need a codec for `zstd`. */
export type Compression = (typeof COMPRESSIONS)[number];

export const ORDERS = ['relaxed', 'strict'] as const;
export type Order = (typeof ORDERS)[number];

/** Everything that configures a deployed relay: written by the construct, read by the handler. */
export interface RelayConfig extends BrokerConfig {
  readonly tableName: string;
  readonly compression: Compression;
  /** How long a processed item stays readable; 0 deletes it instead of marking it. */
  readonly retentionSeconds: number;
  /** Bytes of one partition's batch; topics with a smaller `max.message.bytes` need a smaller value. */
  readonly maxBatchBytes: number;
  /** How long one request to a broker may take. */
  readonly requestTimeoutMs: number;
  /** `strict`: versions are dense from 1 on, and an item waits for the version before it. */
  readonly order: Order;
  /** A record that is older may follow others that the stream has already dropped. */
  readonly lateAfterSeconds: number;
  /** A topic partition must have failed alone for this long before its keys are held for it. */
  readonly partitionPatienceSeconds: number;
  /** No more keys than these are held for partitions that take no writes; beyond that the shard waits. */
  readonly maxPartitionHolds: number;
  /** An event that took longer, from its commit to its acknowledgement, counts as late. */
  readonly publishWithinMs: number;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName: string;
  /** Stack and path of the construct: the same over deployments, another one for each outbox. Owns the table. */
  readonly outboxId?: string;
  /**
   * Topics that events go to, the first of them when they are many: a new process asks after these in order to tell a
   * partition that takes no writes from a cluster that takes none.
   */
  readonly topics?: readonly string[];
  /** For a table with several regions; left out for one that is published from here alone. */
  readonly home?: HomeRegion;
}

export const RELAY_DEFAULTS = {
  compression: 'zstd',
  retentionSeconds: 86_400,
  /** Under Kafka's default `max.message.bytes` of 1,048,588 with room for the batch header. */
  maxBatchBytes: 1_000_000,
  requestTimeoutMs: 4_000,
  order: 'relaxed',
  /** Long before the stream drops a record, which it does after 24 hours. */
  lateAfterSeconds: 1_800,
  partitionPatienceSeconds: 60,
  maxPartitionHolds: 2_000,
  publishWithinMs: 5_000,
} as const satisfies Partial<RelayConfig>;

/** How long strict order waits for what another region may be about to replicate. */
export const REPLICATION_WAIT_MS = 10_000;

/** Connecting and sending may each take this many request timeouts, retries of the library included. */
export const ATTEMPT_TIMEOUTS = 2;

type Timing = Pick<RelayConfig, 'requestTimeoutMs'>;

/** The longest that the look-up of a topic can take: connect, ask, both once more. */
export const slowestLookUpMs = ({ requestTimeoutMs }: Timing): number => 2 * ATTEMPT_TIMEOUTS * requestTimeoutMs;

/** The longest that one publish can take: connect, send, connect anew, send again. */
export const slowestPublishMs = ({ requestTimeoutMs }: Timing): number => 4 * ATTEMPT_TIMEOUTS * requestTimeoutMs;

/** How a relay waits for DynamoDB: a request, and all attempts at it with their pauses. */
export const DYNAMODB_TIMING = { requestTimeoutMs: 3_000, attempts: 4, slowestCallMs: 15_000 } as const;

/** The longest that one round can take, marks included. The relay starts none with less time left. */
export const slowestRoundMs = (timing: Timing): number =>
  slowestLookUpMs(timing) + slowestPublishMs(timing) + DYNAMODB_TIMING.slowestCallMs;

/** The shortest timeout of a function that always gets to its first round, after it has read the holds. */
export const shortestFunctionTimeoutMs = (timing: Timing): number =>
  slowestRoundMs(timing) + DYNAMODB_TIMING.slowestCallMs;

/** The name that metrics and alarms of the outbox have. */
export const OUTBOX_NAME_VARIABLE = 'OUTBOX_NAME';

/** Whose relay a function is: of the outbox that must own the table. */
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

/** The environment variables of a configuration. Values may be CDK tokens: nothing is inspected. */
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
 * The configuration that the environment holds.
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
