import { ConfigResourceTypes, ConfigSource, type Admin, type Kafka } from 'kafkajs';
import { createTopicsWithLeaders } from '../kafka/create-topics';
import type { TopicAdmin } from './handle';
import { maxMessageBytesOf } from '../kafka/max-message-bytes';
import type { FoundTopic } from './plan';

/** Makes Kafka apply the cluster's default replication factor. */
const CLUSTER_DEFAULT = -1;

const CREATE_TIMEOUT_MS = 10_000;

/** The operations that the operator's tools need as well. */
export interface KafkaTopicAdmin extends TopicAdmin {
  /** The names of all topics that the client may describe. */
  list(): Promise<readonly string[]>;
  /** The effective limit of a topic, even if it is the cluster's default; `undefined` if it may not be read. */
  maxMessageBytes(topic: string): Promise<number | undefined>;
}

/** Administers topics by kafkajs; `admin` must be connected. */
export const kafkaTopicAdmin = (admin: Admin): KafkaTopicAdmin => ({
  list: () => admin.listTopics(),

  maxMessageBytes: async (topic) => (await maxMessageBytesOf(admin, [topic])).get(topic),

  async find(topic) {
    // kafkajs would retry a metadata request for a missing topic until its retries run out.
    if (!(await admin.listTopics()).includes(topic)) return undefined;
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
    return {
      partitions: partitions.length,
      replicationFactor: partitions[0]?.replicas.length ?? 0,
      configs: await ownConfigs(admin, topic),
    };
  },

  async create({ topic, partitions, replicationFactor = CLUSTER_DEFAULT, configs }) {
    const wanted = { topic, numPartitions: partitions, replicationFactor, configEntries: entriesOf(configs) };
    await createTopicsWithLeaders(admin, [wanted], CREATE_TIMEOUT_MS);
  },

  async grow(topic, count) {
    await admin.createPartitions({ topicPartitions: [{ topic, count }] });
  },

  async configure(topic, configs) {
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: entriesOf(configs) }],
    });
  },

  async remove(topic) {
    if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] });
  },
});

export async function withTopicAdmin<T>(client: Pick<Kafka, 'admin'>, work: (admin: KafkaTopicAdmin) => Promise<T>) {
  const admin = client.admin();
  await admin.connect();
  try {
    return await work(kafkaTopicAdmin(admin));
  } finally {
    await admin.disconnect();
  }
}

const entriesOf = (configs: FoundTopic['configs']): { name: string; value: string }[] =>
  Object.entries(configs).map(([name, value]) => ({ name, value }));

async function ownConfigs(admin: Admin, topic: string): Promise<FoundTopic['configs']> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
  });
  const entries = resources.flatMap(({ configEntries }) => configEntries);
  return Object.fromEntries(
    entries
      .filter(({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG)
      .map(({ configName, configValue }) => [configName, configValue]),
  );
}
