import { OutboxError } from '../event/errors';

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

const VARIABLES = {
  tableName: 'OUTBOX_TABLE_NAME',
  outboxName: 'OUTBOX_NAME',
  brokers: BROKERS_VARIABLE,
  auth: 'OUTBOX_KAFKA_AUTH',
  secretArn: 'OUTBOX_KAFKA_SECRET_ARN',
  compression: 'OUTBOX_COMPRESSION',
  retentionSeconds: 'OUTBOX_RETENTION_SECONDS',
  maxBatchBytes: 'OUTBOX_MAX_BATCH_BYTES',
  requestTimeoutMs: 'OUTBOX_REQUEST_TIMEOUT_MS',
  order: 'OUTBOX_ORDER',
  lateAfterSeconds: 'OUTBOX_LATE_AFTER_SECONDS',
  publishWithinMs: 'OUTBOX_PUBLISH_WITHIN_MS',
} as const;

/** The environment variables of a configuration. Values may be CDK tokens: nothing is inspected. */
export function encodeRelayConfig(config: RelayConfig): Record<string, string> {
  const { auth } = config;
  const secretArn = auth.kind === 'scram' || auth.kind === 'tls' ? auth.secretArn : undefined;
  return {
    [VARIABLES.tableName]: config.tableName,
    [VARIABLES.outboxName]: config.outboxName,
    [VARIABLES.brokers]: config.brokers.join(','),
    [VARIABLES.auth]: auth.kind,
    ...(secretArn === undefined ? {} : { [VARIABLES.secretArn]: secretArn }),
    [VARIABLES.compression]: config.compression,
    [VARIABLES.retentionSeconds]: String(config.retentionSeconds),
    [VARIABLES.maxBatchBytes]: String(config.maxBatchBytes),
    [VARIABLES.requestTimeoutMs]: String(config.requestTimeoutMs),
    [VARIABLES.order]: config.order,
    [VARIABLES.lateAfterSeconds]: String(config.lateAfterSeconds),
    [VARIABLES.publishWithinMs]: String(config.publishWithinMs),
  };
}

/**
 * The configuration that the environment holds.
 *
 * @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed.
 */
export function decodeRelayConfig(environment: Readonly<Record<string, string | undefined>>): RelayConfig {
  const refuse = (variable: string, allowed: string): never => {
    const got = environment[variable];
    throw new OutboxError(
      'invalid-environment',
      `Environment variable ${variable} is ${got === undefined ? 'not set' : JSON.stringify(got)}; it must be ${allowed}. The Outbox construct sets it: deploy the stack again instead of editing the function.`,
      { variable, got, allowed },
    );
  };
  const text = (variable: string): string => {
    const value = environment[variable];
    return value === undefined || value === '' ? refuse(variable, 'a non-empty text') : value;
  };
  const integer = (variable: string, min: number): number => {
    const value = Number(text(variable));
    return Number.isSafeInteger(value) && value >= min ? value : refuse(variable, `an integer of at least ${min}`);
  };
  const auth = (): KafkaAuth => {
    const kind = text(VARIABLES.auth);
    switch (kind) {
      case 'iam':
      case 'none':
        return { kind };
      case 'scram':
        return { kind, secretArn: text(VARIABLES.secretArn) };
      case 'tls':
        return { kind, secretArn: environment[VARIABLES.secretArn] };
      default:
        return refuse(VARIABLES.auth, 'one of iam, scram, tls, none');
    }
  };
  const brokers = text(VARIABLES.brokers)
    .split(',')
    .map((broker) => broker.trim());
  if (!brokers.every((broker) => /^[^\s:]+:\d{1,5}$/.test(broker))) {
    refuse(VARIABLES.brokers, 'a comma-separated list of host:port');
  }
  return {
    tableName: text(VARIABLES.tableName),
    outboxName: text(VARIABLES.outboxName),
    brokers,
    auth: auth(),
    compression:
      COMPRESSIONS.find((name) => name === environment[VARIABLES.compression]) ??
      refuse(VARIABLES.compression, `one of ${COMPRESSIONS.join(', ')}`),
    retentionSeconds: integer(VARIABLES.retentionSeconds, 0),
    maxBatchBytes: integer(VARIABLES.maxBatchBytes, 1),
    requestTimeoutMs: integer(VARIABLES.requestTimeoutMs, 1),
    order:
      ORDERS.find((name) => name === environment[VARIABLES.order]) ??
      refuse(VARIABLES.order, `one of ${ORDERS.join(', ')}`),
    lateAfterSeconds: integer(VARIABLES.lateAfterSeconds, 1),
    publishWithinMs: integer(VARIABLES.publishWithinMs, 1),
  };
}
