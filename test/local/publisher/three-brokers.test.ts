import { startKafka, type KafkaCluster } from '../../../local/kafka/cluster';
import { createTopics } from '../../../local/kafka/topics';
import { pauseInTurn } from '../../client-conformance/cases';
import { bareKafkajs } from '../../client-conformance/clients/bare-kafkajs';
import { kafkajs } from '../../client-conformance/clients/kafkajs';
import { platformatic } from '../../client-conformance/clients/platformatic';
import type { Client } from '../../client-conformance/client';
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
  const publishers = [kafkajs, platformatic];
  const clients = [...publishers, bareKafkajs];
  await createTopics(
    cluster.brokers,
    clients.map(({ name }) => ({ topic: name, partitions: PARTITIONS })),
  );
  const rebuilt = new Set<string>();
  const stop = new AbortController();
  const loads = await Promise.all([
    ...clients.map((client) => publishUntil(client, stop.signal, () => rebuilt.add(client.name))),
    pauseInTurn(cluster).then(() => stop.abort()),
  ]);
  await cluster.ready();

  const results = await Promise.all(
    clients.map(async ({ name }, at) => {
      const load = loads[at] ?? undefined;
      return { name, load, verdict: judge(load?.acknowledged ?? new Map(), await readTopic(cluster.brokers, name)) };
    }),
  );
  for (const { name, load, verdict } of results) {
    const { lost, reordered, misplaced, ...counts } = verdict;
    const wrong = { lost: lost.length, reordered: reordered.length, misplaced: misplaced.length };
    console.log({ name, ...counts, ...wrong, outages: load?.outages });
  }
  // The control is not asserted: a control that loses nothing in one run proves nothing.
  for (const { name } of publishers) {
    const result = results.find((each) => each.name === name);
    expect(result?.load?.refused).toEqual([]);
    expect(result?.verdict.acknowledged).toBeGreaterThan(1_000);
    expect(result?.verdict).toMatchObject({ lost: [], misplaced: [], reordered: [] });
  }
  expect([...rebuilt]).toEqual(expect.arrayContaining(publishers.map(({ name }) => name)));
});

async function publishUntil(client: Client, stopped: AbortSignal, onRebuilt: () => void): Promise<Load> {
  const open = client.open({
    ...{ brokers: cluster.brokers, compression: 'none', requestTimeoutMs: REQUEST_TIMEOUT_MS, onRebuilt },
  });
  const load = new Load(open, { topic: client.name, partitions: PARTITIONS, messagesPerPartition: 20 });
  await load.until(stopped, client.isControl);
  await open.close();
  return load;
}
