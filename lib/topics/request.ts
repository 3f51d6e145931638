import { OutboxError } from '../event/errors';
import { TOPIC_PATTERN } from '../event/item';
import { jsonObject } from '../event/options';

export interface WantedTopic {
  readonly topic: string;
  readonly partitions: number;
  /** @default - the cluster's default */
  readonly replicationFactor?: number;
  /** Topic properties, such as `{ 'retention.ms': '604800000' }`. Other properties set on the topic stay unchanged. */
  readonly configs: Readonly<Record<string, string>>;
  /** Messages have keys: adding partitions moves keys, which breaks their order. */
  readonly keyed: boolean;
  /** The number of partitions that a topic with keys may grow to. */
  readonly acknowledgedPartitions?: number;
}

export interface TopicRequest extends WantedTopic {
  readonly cluster: string;
  /** `check` changes nothing: it only refuses what `apply` would refuse. */
  readonly mode: 'apply' | 'check';
  readonly onRemoval: 'retain' | 'delete';
}

type Properties = Readonly<Record<string, unknown>>;

/** The properties of the custom resource, as texts: CloudFormation converts every property to text. */
export const encodeTopicRequest = (request: TopicRequest): Record<string, string> => ({
  Cluster: request.cluster,
  Topic: request.topic,
  Partitions: String(request.partitions),
  ...(request.replicationFactor === undefined ? {} : { ReplicationFactor: String(request.replicationFactor) }),
  Configs: JSON.stringify(request.configs),
  Keyed: String(request.keyed),
  ...(request.acknowledgedPartitions === undefined
    ? {}
    : { AcknowledgedPartitions: String(request.acknowledgedPartitions) }),
  Mode: request.mode,
  OnRemoval: request.onRemoval,
});

/** @throws OutboxError `operation-refused`, naming the property that is missing or wrong. */
export function decodeTopicRequest(properties: Properties): TopicRequest {
  const fail = (name: string, allowed: string): never => {
    const why = `property ${name} is ${JSON.stringify(properties[name])}; it must be ${allowed}. The OutboxTopics construct sets it.`;
    throw new OutboxError('operation-refused', `topic: ${why}`, { operation: 'topic', why });
  };
  const text = (name: string): string => {
    const value = properties[name];
    return typeof value === 'string' && value !== '' ? value : fail(name, 'a non-empty text');
  };
  const count = (name: string): number => {
    const value = Number(text(name));
    return Number.isSafeInteger(value) && value >= 1 ? value : fail(name, 'an integer of at least 1');
  };
  const optionalCount = (name: string): number | undefined =>
    properties[name] === undefined ? undefined : count(name);
  const oneOf = <T extends string>(name: string, allowed: readonly T[]): T =>
    allowed.find((one) => one === properties[name]) ?? fail(name, `one of ${allowed.join(', ')}`);
  const topic = text('Topic');
  if (!TOPIC_PATTERN.test(topic)) fail('Topic', 'a Kafka topic name');
  return {
    cluster: text('Cluster'),
    topic,
    partitions: count('Partitions'),
    replicationFactor: optionalCount('ReplicationFactor'),
    configs: configsOf(text('Configs')) ?? fail('Configs', 'a JSON object of texts'),
    keyed: oneOf('Keyed', ['true', 'false']) === 'true',
    acknowledgedPartitions: optionalCount('AcknowledgedPartitions'),
    mode: oneOf('Mode', ['apply', 'check']),
    onRemoval: oneOf('OnRemoval', ['retain', 'delete']),
  };
}

function configsOf(text: string): Readonly<Record<string, string>> | undefined {
  const configs = jsonObject(text);
  const areTexts = configs !== undefined && Object.values(configs).every((value) => typeof value === 'string');
  return areTexts ? (configs as Record<string, string>) : undefined;
}
