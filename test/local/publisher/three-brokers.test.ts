import { startKafka, type KafkaCluster } from '../../../local/kafka/cluster';
import { createTopics } from '../../../local/kafka/topics';
import { pauseInTurn } from '../../client-conformance/cases';
import { bareKafkajs } from '../../client-conformance/clients/bare-kafkajs';
import { kafkajs } from '../../client-conformance/clients/kafkajs';
import { judge } from '../../client-conformance/judge';
import { Load } from '../../client-conformance/load';
import { readTopic } from './read-topic';

const PARTITIONS = 12;
const REQUEST_TIMEOUT_MS = 1_500;

jest.setTimeout(150_000);

let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await startKafka({ nodes: 3 });
});
afterAll(() => cluster.stop());

test('with three brokers paused in turn nothing acknowledged is lost, out of order or at another offset', async () => {
  const clients = [kafkajs, bareKafkajs];
  await createTopics(
    cluster.brokers,
    clients.map(({ name }) => ({ topic: name, partitions: PARTITIONS })),
  );
  const rebuilds: unknown[] = [];
  const stop = new AbortController();
  const publishing = clients.map(async ({ name, isControl, open }) => {
    const client = open({
      ...{ brokers: cluster.brokers, compression: 'none', requestTimeoutMs: REQUEST_TIMEOUT_MS },
      onRebuilt: (cause) => rebuilds.push(cause),
    });
    const load = new Load(client, { topic: name, partitions: PARTITIONS, messagesPerPartition: 20 });
    await load.until(stop.signal, isControl);
    await client.close();
    return load;
  });
  await pauseInTurn(cluster);
  stop.abort();
  const [load, control] = await Promise.all(publishing);
  await cluster.ready();

  const verdict = judge(load?.acknowledged ?? new Map(), await readTopic(cluster.brokers, kafkajs.name));
  // Not asserted: a control that loses nothing in one run proves nothing.
  const believed = judge(control?.acknowledged ?? new Map(), await readTopic(cluster.brokers, bareKafkajs.name));
  console.log({ kafkajs: { ...verdict, outages: load?.outages }, bareKafkajs: { lost: believed.lost.length } });

  expect(load?.refused).toEqual([]);
  expect(rebuilds.length).toBeGreaterThan(0);
  expect(verdict.acknowledged).toBeGreaterThan(1_000);
  expect(verdict).toMatchObject({ lost: [], misplaced: [], reordered: [] });
});
