import {
  choiceVariable,
  decodeVariables,
  encodeVariables,
  environmentReader,
  integerVariable,
  optionalVariable,
  textVariable,
  type Environment,
  type Variables,
} from '../event/environment';
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
  /** `strict`: versions are dense, and an item waits while the version before it is being committed. */
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
  partitionPatienceSeconds: 30,
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

const VARIABLES: Variables<Omit<RelayConfig, keyof BrokerConfig | 'home'>> = {
  tableName: textVariable('OUTBOX_TABLE_NAME'),
  outboxName: textVariable(OUTBOX_NAME_VARIABLE),
  outboxId: optionalVariable(textVariable(OUTBOX_ID_VARIABLE)),
  compression: choiceVariable('OUTBOX_COMPRESSION', COMPRESSIONS),
  retentionSeconds: integerVariable('OUTBOX_RETENTION_SECONDS', 0),
  maxBatchBytes: integerVariable('OUTBOX_MAX_BATCH_BYTES', 1),
  requestTimeoutMs: integerVariable('OUTBOX_REQUEST_TIMEOUT_MS', 1),
  order: choiceVariable('OUTBOX_ORDER', ORDERS),
  lateAfterSeconds: integerVariable('OUTBOX_LATE_AFTER_SECONDS', 1),
  partitionPatienceSeconds: integerVariable(
    'OUTBOX_PARTITION_PATIENCE_SECONDS',
    1,
    RELAY_DEFAULTS.partitionPatienceSeconds,
  ),
  maxPartitionHolds: integerVariable('OUTBOX_MAX_PARTITION_HOLDS', 0, RELAY_DEFAULTS.maxPartitionHolds),
  publishWithinMs: integerVariable('OUTBOX_PUBLISH_WITHIN_MS', 1),
  topics: {
    name: 'OUTBOX_TOPICS',
    decode: (read) => read.optionalText('OUTBOX_TOPICS')?.split(','),
  },
};

/** The environment variables of a configuration. Values may be CDK tokens, so they are not validated. */
export const encodeRelayConfig = (config: RelayConfig): Record<string, string> => ({
  ...encodeVariables(VARIABLES, config),
  ...encodeBrokerConfig(config),
  ...encodeHomeRegion(config.home),
});

/**
 * Reads the configuration from the environment.
 *
 * @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed.
 */
export function decodeRelayConfig(environment: Environment): RelayConfig {
  const read = environmentReader(environment, 'Outbox');
  return { ...decodeVariables(VARIABLES, read), ...decodeBrokerConfig(read), home: decodeHomeRegion(read) };
}
