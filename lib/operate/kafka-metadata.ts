import type { Admin } from 'kafkajs';
import { messageOf, OutboxError } from '../event/errors';
import { partitionName } from '../event/topic-partition';
import { maxMessageBytesOf } from '../kafka/max-message-bytes';
import { atBrokers, connectKafka, disconnect, type KafkaTarget } from './kafka-target';
import { checkReachability, unreachableBrokers, type BrokerReachability } from './broker-reachability';
import { unavailable, within } from './time-limit';

/** The state of a consumer group, as its coordinator describes it. */
export interface ConsumerGroupState {
  readonly members: number;
  /** The next offset that the group reads, by `topic-partition`. A partition without a commit has none. */
  readonly committed: ReadonlyMap<string, bigint>;
}

const CALL_MS = 30_000;

/** Describes topics and consumer groups. Reads only. */
export class KafkaMetadata {
  /** Topics that the caller may describe. */
  readonly topics: ReadonlySet<string>;
  readonly brokers: readonly BrokerReachability[];
  readonly #admin: Admin;

  /** Use {@link KafkaMetadata.open}. */
  constructor(admin: Admin, topics: ReadonlySet<string>, brokers: readonly BrokerReachability[]) {
    this.#admin = admin;
    this.topics = topics;
    this.brokers = brokers;
  }

  /** @throws OutboxError `service-unavailable`, which names the brokers that cannot be reached and why. */
  static async open(target: KafkaTarget): Promise<KafkaMetadata> {
    const brokers = await checkReachability(target.brokers);
    const at = atBrokers(target.brokers, 'connecting');
    const reachable = brokers.filter(({ error }) => error === undefined).map(({ broker }) => broker);
    if (reachable.length === 0) throw unavailable(at, `none can be reached from here: ${unreachableBrokers(brokers)}`);
    const admin = (await connectKafka({ ...target, brokers: reachable })).admin();
    try {
      const topics = await within(CALL_MS, at, async () => {
        await admin.connect();
        return admin.listTopics();
      });
      return new KafkaMetadata(admin, new Set(topics), brokers);
    } catch (error) {
      await disconnect(admin);
      throw error instanceof OutboxError ? error : unavailable(at, messageOf(error), error);
    }
  }

  /** The offset after the last message of each partition, by `topic-partition`. */
  async ends(topics: readonly string[]): Promise<Map<string, bigint>> {
    const ends = new Map<string, bigint>();
    for (const topic of topics.filter((each) => this.topics.has(each))) {
      const offsets = await this.#within(`reading the offsets of topic ${topic}`, () =>
        this.#admin.fetchTopicOffsets(topic),
      );
      for (const { partition, high } of offsets) ends.set(partitionName({ topic, partition }), BigInt(high));
    }
    return ends;
  }

  async group(groupId: string, topics: readonly string[]): Promise<ConsumerGroupState> {
    return this.#within(`describing consumer group ${groupId}`, async () => {
      const { groups } = await this.#admin.describeGroups([groupId]);
      const known = topics.filter((each) => this.topics.has(each));
      const offsets = known.length === 0 ? [] : await this.#admin.fetchOffsets({ groupId, topics: known });
      const committed = new Map<string, bigint>();
      for (const { topic, partitions } of offsets) {
        for (const { partition, offset } of partitions) {
          if (BigInt(offset) >= 0n) committed.set(partitionName({ topic, partition }), BigInt(offset));
        }
      }
      return { members: groups[0]?.members.length ?? 0, committed };
    });
  }

  /** `max.message.bytes` of each of the topics that exist. */
  async maxMessageBytes(topics: readonly string[]): Promise<Map<string, number>> {
    const known = topics.filter((each) => this.topics.has(each));
    if (known.length === 0) return new Map();
    return this.#within('reading the configuration of topics', () => maxMessageBytesOf(this.#admin, known));
  }

  close(): Promise<void> {
    return disconnect(this.#admin);
  }

  #within<T>(action: string, call: () => Promise<T>): Promise<T> {
    const brokers = this.brokers.map(({ broker }) => broker);
    return within(CALL_MS, atBrokers(brokers, action), call);
  }
}
