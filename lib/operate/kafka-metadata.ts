import type { Admin } from 'kafkajs';
import { messageOf, OutboxError } from '../event/errors';
import { partitionName } from '../event/topic-partition';
import { maxMessageBytesOf } from '../kafka/max-message-bytes';
import { atBrokers, connectKafka, disconnect, type KafkaTarget } from './kafka-target';
import { checkReachability, unreachableBrokers } from './broker-reachability';
import { unavailable, within } from './time-limit';

/** The state of a consumer group, as its coordinator describes it. */
export interface ConsumerGroupState {
  readonly members: number;
  /** The next offset that the group reads, by `topic-partition`. A partition without a commit has none. */
  readonly committed: ReadonlyMap<string, bigint>;
}

const CALL_MS = 30_000;

/** A connection that describes topics and consumer groups. Reads only. */
export type KafkaMetadata = Awaited<ReturnType<typeof openKafkaMetadata>>;

/** @throws OutboxError `service-unavailable`, which names the brokers that cannot be reached and why. */
export async function openKafkaMetadata(target: KafkaTarget) {
  const probed = await checkReachability(target.brokers);
  const at = atBrokers(target.brokers, 'connecting');
  const brokers = probed.filter(({ error }) => error === undefined).map(({ broker }) => broker);
  if (brokers.length === 0) throw unavailable(at, `none can be reached from here: ${unreachableBrokers(probed)}`);
  const admin = (await connectKafka({ ...target, brokers })).admin();
  try {
    const topics = await within(CALL_MS, at, async () => {
      await admin.connect();
      return admin.listTopics();
    });
    return metadataOf(admin, target.brokers, new Set(topics));
  } catch (error) {
    await disconnect(admin);
    throw error instanceof OutboxError ? error : unavailable(at, messageOf(error), error);
  }
}

/** @param topics - those that the caller may describe; others are left out of every result */
function metadataOf(admin: Admin, brokers: readonly string[], topics: ReadonlySet<string>) {
  const ask = <T>(action: string, call: () => Promise<T>): Promise<T> =>
    within(CALL_MS, atBrokers(brokers, action), call);
  const known = (wanted: readonly string[]): string[] => wanted.filter((topic) => topics.has(topic));
  return {
    topics,

    /** The offset after the last message of each partition, by `topic-partition`. */
    async ends(wanted: readonly string[]): Promise<Map<string, bigint>> {
      const ends = new Map<string, bigint>();
      for (const topic of known(wanted)) {
        const offsets = await ask(`reading the offsets of topic ${topic}`, () => admin.fetchTopicOffsets(topic));
        for (const { partition, high } of offsets) ends.set(partitionName({ topic, partition }), BigInt(high));
      }
      return ends;
    },

    group: (groupId: string, wanted: readonly string[]): Promise<ConsumerGroupState> =>
      ask(`describing consumer group ${groupId}`, async () => {
        const { groups } = await admin.describeGroups([groupId]);
        const read = known(wanted);
        const offsets = read.length === 0 ? [] : await admin.fetchOffsets({ groupId, topics: read });
        const committed = new Map<string, bigint>();
        for (const { topic, partitions } of offsets) {
          for (const { partition, offset } of partitions) {
            if (BigInt(offset) >= 0n) committed.set(partitionName({ topic, partition }), BigInt(offset));
          }
        }
        return { members: groups[0]?.members.length ?? 0, committed };
      }),

    /** `max.message.bytes` of each of the topics. */
    async maxMessageBytes(wanted: readonly string[]): Promise<Map<string, number>> {
      const read = known(wanted);
      if (read.length === 0) return new Map();
      return ask('reading the configuration of topics', () => maxMessageBytesOf(admin, read));
    },

    close: () => disconnect(admin),
  };
}
