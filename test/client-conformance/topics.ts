import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
  type KafkaConfig,
} from 'kafkajs';
import { createTopics, withAdmin, type TopicSpec } from '../../local/kafka/topics';
import { waitUntil } from '../../local/wait-until';
import { readTopic, type StoredMessage } from '../local/publisher/read-topic';
import type { Testbed } from './testbed';

const PERMITTED_MS = 30_000;
const SETTLED_MS = 30_000;

/** The value of the messages that are not a client's. */
const SETTLING = 'settling';

/**
 * Creates topics and lets the brokers replicate their partitions. For the first seconds they acknowledge nothing in
 * time, and a control that fails before its first acknowledgement has nothing to lose. Each partition has a message then
 * that {@link readClientMessages} leaves out.
 */
export async function createSettledTopics(
  { cluster }: Testbed,
  topics: readonly (TopicSpec & { readonly partitions: number })[],
): Promise<void> {
  await createTopics(cluster.brokers, topics);
  const kafka = new Kafka({ clientId: 'suite', brokers: [...cluster.brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  const topicMessages = topics.map(({ topic, partitions }) => ({
    topic,
    messages: Array.from({ length: partitions }, (_, partition) => ({ partition, value: SETTLING })),
  }));
  await producer.connect();
  try {
    await waitUntil('The replication of new topics', SETTLED_MS, () =>
      producer.sendBatch({ topicMessages, acks: -1, timeout: SETTLED_MS }),
    );
  } finally {
    await producer.disconnect();
  }
}

/** All messages of a topic that a client wrote, each partition in order. */
export const readClientMessages = async ({ cluster }: Testbed, topic: string): Promise<StoredMessage[]> =>
  (await readTopic(cluster.brokers, topic)).filter(({ value }) => String(value) !== SETTLING);

/** The user of a testbed may do nothing with a topic, see it, or write it. */
export type Permission = 'none' | 'describe' | 'write';

const OPERATIONS: Readonly<Record<Permission, readonly AclOperationTypes[]>> = {
  none: [],
  describe: [AclOperationTypes.DESCRIBE],
  write: [AclOperationTypes.DESCRIBE, AclOperationTypes.WRITE],
};

/** Replaces the permissions of the testbed's user for a topic. Brokers learn of it one after the other. */
export async function permit({ cluster, login }: Testbed, topic: string, permission: Permission): Promise<void> {
  const onTopic = {
    resourceType: AclResourceTypes.TOPIC,
    resourceName: topic,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: `User:${login.username}`,
    host: '*',
    permissionType: AclPermissionTypes.ALLOW,
  };
  await withAdmin(cluster.brokers, async (admin) => {
    await admin.deleteAcls({ filters: [{ ...onTopic, operation: AclOperationTypes.ANY }] });
    const acl = OPERATIONS[permission].map((operation) => ({ ...onTopic, operation }));
    if (acl.length > 0) await admin.createAcls({ acl });
  });
}

/** Resolves when each broker lets the testbed's user see the topic; then it also lets the user do all that is permitted. */
export async function permissionKnown(testbed: Testbed, topic: string): Promise<void> {
  await Promise.all(
    testbed.addresses.login.map(async (broker) => {
      // A client asks the broker that it was given first.
      const admin = loggedIn(testbed, [broker]).admin();
      await admin.connect();
      try {
        await waitUntil(`The permission for ${topic} at ${broker}`, PERMITTED_MS, () =>
          admin.fetchTopicMetadata({ topics: [topic] }),
        );
      } finally {
        await admin.disconnect();
      }
    }),
  );
}

/** A plain kafkajs client that logs in as the testbed's user. */
export const loggedIn = ({ login }: Testbed, brokers: readonly string[], options: Partial<KafkaConfig> = {}): Kafka =>
  new Kafka({
    brokers: [...brokers],
    clientId: 'suite',
    logLevel: logLevel.NOTHING,
    ssl: true,
    sasl: login,
    ...options,
  });
