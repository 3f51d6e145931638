import { connect } from 'node:net';
import type { Admin } from 'kafkajs';
import { messageOf, OutboxError } from '../event/errors';
import { partitionName } from '../event/topic-partition';
import { maxMessageBytesOf } from '../kafka/max-message-bytes';
import { atBrokers, connectKafka, disconnect, type KafkaTarget } from './kafka-target';
import { unavailable, within } from './target';

/** Whether a broker accepts a connection from here. */
export interface BrokerReachability {
  /** `host:port`. */
  readonly broker: string;
  /** The reason if it does not. Left out if it does. */
  readonly error?: string;
}

const CONNECT_MS = 3_000;

/** Opens a TCP connection to each broker, and closes it: no login, no request. */
export const checkReachability = (brokers: readonly string[], timeoutMs = CONNECT_MS): Promise<BrokerReachability[]> =>
  Promise.all(brokers.map((broker) => probe(broker, timeoutMs)));

async function probe(broker: string, timeoutMs: number): Promise<BrokerReachability> {
  const [, host, port] = /^(.*):(\d{1,5})$/.exec(broker) ?? [];
  if (host === undefined || port === undefined || Number(port) > 65_535) {
    return { broker, error: 'not of the form host:port' };
  }
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) });
  const timer = setTimeout(() => resolve(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
  socket.once('connect', () => resolve(undefined));
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  const error = await promise;
  clearTimeout(timer);
  socket.destroy();
  return error === undefined ? { broker } : { broker, error };
}

export const unreachableBrokers = (probed: readonly BrokerReachability[]): string =>
  probed.flatMap(({ broker, error }) => (error === undefined ? [] : [`${broker} (${error})`])).join(', ');

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

    async maxMessageBytes(wanted: readonly string[]): Promise<Map<string, number>> {
      const read = known(wanted);
      if (read.length === 0) return new Map();
      return ask('reading the configuration of topics', () => maxMessageBytesOf(admin, read));
    },

    close: () => disconnect(admin),
  };
}
