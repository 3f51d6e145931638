import { Kafka, logLevel } from 'kafkajs';
import { lookup } from 'kafkajs/src/protocol/requests';
import { withPartitionAnswers } from '../../../../lib/relay/kafkajs/partition-answers';
import type { KafkaClient } from '../../../../lib/relay/kafkajs/partition-answers';
import { FakeKafka } from './fake';

interface Exchange {
  readonly request: { readonly apiName: string };
  readonly response: { parse(decoded: unknown): Promise<unknown> };
}

interface Broker {
  lookupRequest: unknown;
  produce(request: object): Promise<unknown>;
  metadata(topics?: readonly string[]): Promise<unknown>;
}

interface Cluster {
  readonly brokerPool: {
    createBroker(options: object): Broker;
    findConnectedBroker: () => Promise<unknown>;
  };
  findControllerBroker(): Promise<unknown>;
}

const PRODUCE = 0;
const METADATA = 3;
const kafkajs = (): Kafka => new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING });

function clusterOf(client: KafkaClient): Cluster {
  const key = Object.getOwnPropertySymbols(client).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  if (key === undefined) throw new Error('kafkajs makes its clusters in another way');
  const create = (client as unknown as Record<symbol, ((options: object) => Cluster) | undefined>)[key];
  if (create === undefined) throw new Error('kafkajs makes its clusters in another way');
  return create({});
}

/** A kafkajs broker that decodes every response as `decoded`. */
function brokerOf(client: KafkaClient, decoded: unknown): Broker {
  const broker = clusterOf(client).brokerPool.createBroker({
    logger: { namespace: () => ({}) },
    connectionPool: { send: ({ response }: Exchange) => response.parse(decoded) },
  });
  broker.lookupRequest = lookup({ [PRODUCE]: { maxVersion: 7 }, [METADATA]: { maxVersion: 6 } });
  return broker;
}

const produced = {
  topics: [
    {
      topicName: 'a',
      partitions: [
        { partition: 0, errorCode: 0, baseOffset: '7' },
        { partition: 1, errorCode: 19, baseOffset: '-1' },
      ],
    },
  ],
};

const metadata = (topicErrorCode: number) => ({
  topicMetadata: [
    { topic: 'a', topicErrorCode, partitionMetadata: [{ partitionId: 0, partitionErrorCode: 5, leader: -1 }] },
  ],
});

it('returns the offset of a partition next to the error of another', async () => {
  const answer = await brokerOf(withPartitionAnswers(kafkajs()), produced).produce({ topicData: [] });

  expect(answer).toMatchObject({
    topics: [
      {
        topicName: 'a',
        partitions: [
          { partition: 0, errorCode: 0, baseOffset: '7' },
          { partition: 1, errorCode: 19, error: expect.objectContaining({ type: 'NOT_ENOUGH_REPLICAS' }) as unknown },
        ],
      },
    ],
  });
});

it('shows the partitions of a topic of which one has no leader', async () => {
  const broker = brokerOf(withPartitionAnswers(kafkajs()), metadata(0));

  expect(await broker.metadata(['a'])).toEqual(metadata(0));
});

it('refuses a topic that does not exist if it was requested', async () => {
  const broker = brokerOf(withPartitionAnswers(kafkajs()), metadata(3));

  await expect(broker.metadata(['a'])).rejects.toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION' });
  expect(await broker.metadata([])).toEqual(metadata(3));
});

it('gets the producer id from any connected broker, because the controller may be unavailable', async () => {
  const cluster = clusterOf(withPartitionAnswers(kafkajs()));
  const connected = {};
  cluster.brokerPool.findConnectedBroker = () => Promise.resolve(connected);

  expect(await cluster.findControllerBroker()).toBe(connected);
});

it('leaves other clients of the process, and the one that it was given, as they are', async () => {
  const given = kafkajs();
  withPartitionAnswers(given);

  for (const client of [given, kafkajs()]) {
    await expect(brokerOf(client, produced).produce({ topicData: [] })).rejects.toMatchObject({
      type: 'NOT_ENOUGH_REPLICAS',
    });
    await expect(brokerOf(client, metadata(0)).metadata(['a'])).rejects.toMatchObject({ type: 'LEADER_NOT_AVAILABLE' });
  }
});

it('makes a producer of a whole kafkajs', () => {
  expect(withPartitionAnswers(kafkajs()).producer({ idempotent: true })).toHaveProperty('sendBatch');
});

it('refuses a kafkajs that makes its clusters in another way', () => {
  const changed = Object.create(Kafka.prototype, {}) as Kafka;

  expect(() => withPartitionAnswers(changed)).toThrow(/not the one that was read .*createCluster/);
});

it.each(['produce', 'metadata'])('refuses a kafkajs whose brokers have no %s', (method) => {
  const client = kafkajs();
  const cluster = clusterOf(client);
  const createBroker = cluster.brokerPool.createBroker.bind(cluster.brokerPool);
  cluster.brokerPool.createBroker = (options) => Object.assign(createBroker(options), { [method]: undefined });
  const key = Object.getOwnPropertySymbols(client).find(({ description }) => description?.includes('createCluster'));
  Object.defineProperty(client, key ?? '', { value: () => cluster });

  expect(() => brokerOf(withPartitionAnswers(client), produced)).toThrow(new RegExp(`a broker has no ${method}`));
});

it('leaves a client alone that is not one of kafkajs', () => {
  const client = new FakeKafka().connect(['one:9092']);

  expect(withPartitionAnswers(client)).toBe(client);
});
