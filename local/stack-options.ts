import { LocalStackError, refuseUnknownKeys } from './errors';
import type { TopicSpec } from './kafka/topics';
import type { OnProgress } from './progress';

export interface StackOptions {
  /** Topics to create; the relay may write only to these. On a cluster of yours, existing topics stay unchanged. */
  readonly topics: readonly TopicSpec[];
  /** Nodes of the Kafka cluster to start. Default 1. */
  readonly nodes?: 1 | 3;
  /** Version of Apache Kafka, such as `3.8.1`. Default: the variable `KAFKA_VERSION`, or that of `local/kafka/pom.xml`. */
  readonly kafkaVersion?: string;
  /** A running cluster to use instead, `host:port` each. Default: the variable `KAFKA_BROKERS`, separated by commas. */
  readonly brokers?: readonly string[];
  /** A running DynamoDB Local to use instead. Default: the variable `DYNAMODB_ENDPOINT`. */
  readonly dynamodbEndpoint?: string;
  /**
   * The access key of every client of the stack: letters and digits. Without `-sharedDb`, DynamoDB Local keeps a
   * database for each access key. Default `local`.
   */
  readonly accessKeyId?: string;
  /** More context for the CDK app, such as `{ retentionSeconds: 0, compression: 'gzip' }`. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** A synthesized template to run instead of the CDK app's. */
  readonly template?: string;
  /** Variables of the relay to add or replace. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Variables of the sweeper to add or replace. */
  readonly sweeperEnvironment?: Readonly<Record<string, string>>;
  /** Maps the DynamoDB endpoint to one only for relay and sweeper, so that a test can insert a faulty proxy. */
  readonly relayDynamodbEndpoint?: (endpoint: string) => string | Promise<string>;
  /** Whether `startStack` starts the event source mapping. Default true. If false, call `stack.mapping.start()`. */
  readonly mapping?: boolean;
  /** Stops the relay's process between invocations, as Lambda freezes it. Default false. */
  readonly freeze?: boolean;
  /** Interval between two reads of a shard. Default 250 ms, as in Lambda. */
  readonly pollIntervalMs?: number;
  /** Where the description for other programs is written. Default: nowhere. */
  readonly stackFile?: string;
  readonly onProgress?: OnProgress;
}

const OPTIONS: Readonly<Record<keyof StackOptions, true>> = {
  topics: true,
  nodes: true,
  kafkaVersion: true,
  brokers: true,
  dynamodbEndpoint: true,
  accessKeyId: true,
  context: true,
  template: true,
  environment: true,
  sweeperEnvironment: true,
  relayDynamodbEndpoint: true,
  mapping: true,
  freeze: true,
  pollIntervalMs: true,
  stackFile: true,
  onProgress: true,
};

const BROKER = /^[^\s:,]+:\d{1,5}$/;

/** Options, completed from environment variables and defaults. */
export type ResolvedStackOptions = StackOptions & Required<Pick<StackOptions, 'nodes' | 'onProgress'>>;

/** @throws LocalStackError `invalid-option`, naming the option, its value and the allowed values. */
export function resolveStackOptions(
  options: StackOptions,
  environment: Readonly<Record<string, string | undefined>>,
): ResolvedStackOptions {
  refuseUnknownKeys('startStack', options, Object.keys(OPTIONS));
  const { KAFKA_BROKERS: kafkaBrokers, DYNAMODB_ENDPOINT: dynamodbEndpoint } = environment;
  const given = kafkaBrokers === undefined || kafkaBrokers === '' ? undefined : kafkaBrokers.split(',');
  const brokers = (options.brokers ?? given)?.map((broker) => broker.trim());
  const malformed = brokers?.find((broker) => !BROKER.test(broker));
  if (malformed !== undefined || brokers?.length === 0) {
    refuse('brokers (or KAFKA_BROKERS)', malformed ?? '', 'a list of host:port');
  }
  const nodes = options.nodes ?? 1;
  if (![1, 3].includes(nodes)) refuse('nodes', String(nodes), '1 or 3');
  if (options.topics.length === 0) refuse('topics', '[]', 'at least one topic: the relay may write only to these');
  return {
    ...options,
    nodes,
    brokers,
    dynamodbEndpoint: options.dynamodbEndpoint ?? (dynamodbEndpoint === '' ? undefined : dynamodbEndpoint),
    onProgress: options.onProgress ?? (() => undefined),
  };
}

function refuse(option: string, got: string, allowed: string): never {
  throw new LocalStackError('invalid-option', `The option ${option} is "${got}"; it must be ${allowed}.`);
}
