import { environmentReader, type Environment, type EnvironmentReader } from '../event/environment';
import { decodeHomeRegion, encodeHomeRegion, type HomeRegion } from '../event/home-region';

/** How the relay authenticates itself to the brokers. */
export type KafkaAuth =
  /** MSK IAM: SASL/OAUTHBEARER over TLS with the function's own role. */
  | { readonly kind: 'iam' }
  /** SASL/SCRAM-SHA-512 over TLS; the secret is JSON with `username` and `password`. */
  | { readonly kind: 'scram'; readonly secretArn: string }
  /** TLS; with a secret (JSON with `certificate` and `privateKey` in PEM) the client authenticates by certificate. */
  | { readonly kind: 'tls'; readonly secretArn?: string }
  /** Plain text: for a broker on the same machine. */
  | { readonly kind: 'none' };

export const COMPRESSIONS = ['zstd', 'gzip', 'none'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

export const ORDERS = ['relaxed', 'strict'] as const;
export type Order = (typeof ORDERS)[number];

/** Everything that configures a deployed relay: written by the construct, read by the handler. */
export interface RelayConfig {
  readonly tableName: string;
  /** At least one `host:port`. */
  readonly brokers: readonly string[];
  readonly auth: KafkaAuth;
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
  /** An event that took longer, from its commit to its acknowledgement, counts as late. */
  readonly publishWithinMs: number;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName: string;
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
  publishWithinMs: 5_000,
} as const satisfies Partial<RelayConfig>;

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

/** By this variable a function is known to be a relay. */
export const BROKERS_VARIABLE = 'OUTBOX_KAFKA_BROKERS';

const KAFKA_VARIABLES = {
  brokers: BROKERS_VARIABLE,
  auth: 'OUTBOX_KAFKA_AUTH',
  secretArn: 'OUTBOX_KAFKA_SECRET_ARN',
} as const;

const VARIABLES = {
  tableName: 'OUTBOX_TABLE_NAME',
  outboxName: 'OUTBOX_NAME',
  compression: 'OUTBOX_COMPRESSION',
  retentionSeconds: 'OUTBOX_RETENTION_SECONDS',
  maxBatchBytes: 'OUTBOX_MAX_BATCH_BYTES',
  requestTimeoutMs: 'OUTBOX_REQUEST_TIMEOUT_MS',
  order: 'OUTBOX_ORDER',
  lateAfterSeconds: 'OUTBOX_LATE_AFTER_SECONDS',
  publishWithinMs: 'OUTBOX_PUBLISH_WITHIN_MS',
} as const;

/** How a function reaches the brokers. */
export type BrokerConfig = Pick<RelayConfig, 'brokers' | 'auth'>;

/** The environment variables of a configuration. Values may be CDK tokens: nothing is inspected. */
export function encodeBrokerConfig({ brokers, auth }: BrokerConfig): Record<string, string> {
  const secretArn = auth.kind === 'scram' || auth.kind === 'tls' ? auth.secretArn : undefined;
  return {
    [KAFKA_VARIABLES.brokers]: brokers.join(','),
    [KAFKA_VARIABLES.auth]: auth.kind,
    ...(secretArn === undefined ? {} : { [KAFKA_VARIABLES.secretArn]: secretArn }),
  };
}

/** @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed. */
export function decodeBrokerConfig(read: EnvironmentReader): BrokerConfig {
  const brokers = read
    .text(KAFKA_VARIABLES.brokers)
    .split(',')
    .map((broker) => broker.trim());
  if (!brokers.every((broker) => /^[^\s:]+:\d{1,5}$/.test(broker))) {
    read.refuse(KAFKA_VARIABLES.brokers, 'a comma-separated list of host:port');
  }
  return { brokers, auth: decodeAuth(read) };
}

function decodeAuth(read: EnvironmentReader): KafkaAuth {
  const kind = read.text(KAFKA_VARIABLES.auth);
  switch (kind) {
    case 'iam':
    case 'none':
      return { kind };
    case 'scram':
      return { kind, secretArn: read.text(KAFKA_VARIABLES.secretArn) };
    case 'tls':
      return { kind, secretArn: read.optionalText(KAFKA_VARIABLES.secretArn) };
    default:
      return read.refuse(KAFKA_VARIABLES.auth, 'one of iam, scram, tls, none');
  }
}

/** The environment variables of a configuration. Values may be CDK tokens: nothing is inspected. */
export const encodeRelayConfig = (config: RelayConfig): Record<string, string> => ({
  [VARIABLES.tableName]: config.tableName,
  [VARIABLES.outboxName]: config.outboxName,
  ...encodeBrokerConfig(config),
  [VARIABLES.compression]: config.compression,
  [VARIABLES.retentionSeconds]: String(config.retentionSeconds),
  [VARIABLES.maxBatchBytes]: String(config.maxBatchBytes),
  [VARIABLES.requestTimeoutMs]: String(config.requestTimeoutMs),
  [VARIABLES.order]: config.order,
  [VARIABLES.lateAfterSeconds]: String(config.lateAfterSeconds),
  [VARIABLES.publishWithinMs]: String(config.publishWithinMs),
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
    ...decodeBrokerConfig(read),
    compression: read.oneOf(VARIABLES.compression, COMPRESSIONS),
    retentionSeconds: read.integer(VARIABLES.retentionSeconds, 0),
    maxBatchBytes: read.integer(VARIABLES.maxBatchBytes, 1),
    requestTimeoutMs: read.integer(VARIABLES.requestTimeoutMs, 1),
    order: read.oneOf(VARIABLES.order, ORDERS),
    lateAfterSeconds: read.integer(VARIABLES.lateAfterSeconds, 1),
    publishWithinMs: read.integer(VARIABLES.publishWithinMs, 1),
    home: decodeHomeRegion(read),
  };
}
