import { unauthorized } from '../../client-conformance/cases/batches';
import { pauseInTurn } from '../../client-conformance/cases/brokers';
import { expiringCredentials, halfOpenLogin } from '../../client-conformance/cases/connections';
import { underLoad } from '../../client-conformance/cases/under-load';
import { bareKafkajs } from '../../client-conformance/clients/bare-kafkajs';
import { kafkajs } from '../../client-conformance/clients/kafkajs';
import { problemsOf, runCase, summaryOf, withClients } from '../../client-conformance/run-case';
import { startTestbed, type Testbed } from '../../client-conformance/testbed';

jest.setTimeout(180_000);

let testbed: Testbed;
beforeAll(async () => {
  testbed = await startTestbed();
});
afterAll(() => testbed.stop());

test.each([unauthorized, halfOpenLogin, expiringCredentials])('passes the case $name', async (each) => {
  const result = await runCase(testbed, kafkajs, each, 0);

  expect(problemsOf(kafkajs, result)).toEqual([]);
});

test('with three brokers paused in turn nothing acknowledged is lost, out of order or at another offset', async () => {
  const clients = [kafkajs, bareKafkajs];
  const [result, control] = await withClients(testbed, clients, 0, (contexts) =>
    underLoad(testbed, contexts, { topic: 'paused', disturb: () => pauseInTurn(testbed.cluster) }),
  );
  for (const each of [result, control]) console.log(each === undefined ? 'no result' : summaryOf(each));

  // Otherwise this run proves nothing.
  expect(problemsOf(bareKafkajs, control ?? { faults: [] })).toEqual([]);
  expect(result?.faults).toEqual([]);
  expect(result?.outages).toBeGreaterThan(0);
  expect(result?.verdict).toMatchObject({ lost: [], misplaced: [], reordered: [] });
});
