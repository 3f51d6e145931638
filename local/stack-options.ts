import { LocalStackError, refuseUnknownKeys } from './errors';
import type { TopicSpec } from './kafka/topics';
import type { OnProgress } from './progress';

export interface StackOptions {
  /** Topics to create, and the ones that the relay may write to. On a cluster of yours, existing ones are left as they are. */
  readonly topics: readonly TopicSpec[];
  /** Nodes of the Kafka cluster to start. Default 1. */
  readonly nodes?: 1 | 3;
  /** A running cluster to use instead, `host:port` each. Default: the environment's `KAFKA_BROKERS`, separated by commas. */
  readonly brokers?: readonly string[];
  /** A running DynamoDB Local to use instead. Default: the environment's `DYNAMODB_ENDPOINT`. */
  readonly dynamodbEndpoint?: string;
  /** More context for the CDK app, such as `{ retentionSeconds: 0, compression: 'gzip' }`. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** A synthesized template to run instead of the CDK app's. */
  readonly template?: string;
  /** Variables of the relay to add or replace. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Variables of the sweeper to add or replace. */
  readonly sweeperEnvironment?: Readonly<Record<string, string>>;
  /** What only relay and sweeper take for DynamoDB, so that a test can put a faulty proxy between: from the true endpoint to its own. */
  readonly relayDynamodbEndpoint?: (endpoint: string) => string | Promise<string>;
  /** Whether the event source mapping starts. Default true. Without it, `stack.mapping.start()` does. */
  readonly mapping?: boolean;
  /** Stops the relay's process between invocations, as Lambda freezes it. Default false. */
  readonly freeze?: boolean;
  /** How often each shard is asked for records. Default 250 ms, as Lambda does. */
  readonly pollIntervalMs?: number;
  /** Where the description for other programs is written. Default: nowhere. */
  readonly stackFile?: string;
  readonly onProgress?: OnProgress;
}

const OPTIONS: Readonly<Record<keyof StackOptions, true>> = {
  topics: true,
  nodes: true,
  brokers: true,
  dynamodbEndpoint: true,
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

/** Options with what the environment adds. */
export type ResolvedStackOptions = StackOptions & Required<Pick<StackOptions, 'nodes' | 'onProgress'>>;

/** @throws LocalStackError `invalid-option`, naming the option, the value got and what is allowed. */
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
  if (options.topics.length === 0) refuse('topics', '[]', 'at least one topic: the relay may write to these alone');
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
