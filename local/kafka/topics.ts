import { Kafka, KafkaJSConnectionError, logLevel, type Admin } from 'kafkajs';
import { createTopicsWithLeaders } from '../../lib/kafka/create-topics';
import { LocalStackError } from '../errors';
import { waitUntil } from '../wait-until';

/** A topic to create. */
export interface TopicSpec {
  readonly topic: string;
  /** Default 12. */
  readonly partitions?: number;
  /** Topic configuration, such as `{ 'max.message.bytes': '2000' }`. */
  readonly configs?: Readonly<Record<string, string>>;
}

export const DEFAULT_PARTITIONS = 12;

/** Short waits at first: a cluster on the same machine responds at once, is busy for seconds, or is not there. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 12 } as const;

/** A client for administration; without logs, because kafkajs reports every retry of a starting cluster as an error. */
export const adminClient = (brokers: readonly string[]): Kafka =>
  new Kafka({ clientId: 'local-stack', brokers: [...brokers], logLevel: logLevel.NOTHING, retry: RETRY });

/** Connects, runs `work` and disconnects. */
export async function withAdmin<T>(brokers: readonly string[], work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = adminClient(brokers).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** A broker that is still starting takes longer than the five seconds of kafkajs. */
const CREATE_TIMEOUT_MS = 60_000;

/**
 * Creates the topics that do not exist yet, with the cluster's default replication; resolves when they have leaders.
 *
 * @throws LocalStackError `not-ready` if no broker accepts a connection.
 */
export const createTopics = (brokers: readonly string[], topics: readonly TopicSpec[]): Promise<void> =>
  withAdmin(brokers, async (admin) => {
    const existing = new Set(await admin.listTopics());
    const missing = topics
      .filter(({ topic }) => !existing.has(topic))
      .map(({ topic, partitions = DEFAULT_PARTITIONS, configs = {} }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: -1,
        configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
      }));
    await createTopicsWithLeaders(admin, missing, CREATE_TIMEOUT_MS);
  }).catch((error: unknown) => {
    if (!(error instanceof Error && error.cause instanceof KafkaJSConnectionError)) throw error;
    const message = `No Kafka broker responds at ${brokers.join(', ')}. ${error.cause.message}.`;
    throw new LocalStackError('not-ready', message, { cause: error });
  });

/** Deletes a topic with everything in it. */
export const deleteTopic = (brokers: readonly string[], topic: string): Promise<void> =>
  withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));

const MOVE_TIMEOUT_MS = 30_000;

/** Moves all partitions of a topic to one node, which has their only replicas then. Resolves when it leads them. */
export const moveTopic = (brokers: readonly string[], topic: string, nodeId: number): Promise<void> =>
  withAdmin(brokers, async (admin) => {
    const partitions = async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions ?? [];
    const partitionAssignment = (await partitions()).map(({ partitionId }) => ({
      partition: partitionId,
      replicas: [nodeId],
    }));
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
    await waitUntil(`Kafka node ${nodeId} as the leader of ${topic}`, MOVE_TIMEOUT_MS, async () =>
      (await partitions()).every(({ leader }) => leader === nodeId) ? true : undefined,
    );
  });
