import { unauthorized } from '../../client-conformance/cases/batches';
import { pauseInTurn } from '../../client-conformance/cases/brokers';
import { expiringCredentials, halfOpenLogin } from '../../client-conformance/cases/connections';
import { underLoad } from '../../client-conformance/cases/under-load';
import { bareKafkajs } from '../../client-conformance/clients/bare-kafkajs';
import { kafkajs } from '../../client-conformance/clients/kafkajs';
import { platformatic } from '../../client-conformance/clients/platformatic';
import { problemsOf, runCase, summaryOf, withClients } from '../../client-conformance/run-case';
import { startTestbed, type Testbed } from '../../client-conformance/testbed';

const PUBLISHERS = [kafkajs, platformatic];
const QUICK_CASES = [unauthorized, halfOpenLogin, expiringCredentials];

let testbed: Testbed;
beforeAll(async () => {
  testbed = await startTestbed();
});
afterAll(() => testbed.stop());

describe.each(PUBLISHERS)('$name', (client) => {
  test.each(QUICK_CASES)('passes the case $name', async (each) => {
    const result = await runCase(testbed, client, each, 0);

    expect(problemsOf(client, result)).toEqual([]);
  });
});

test('with three brokers paused in turn nothing acknowledged is lost, out of order or at another offset', async () => {
  const clients = [...PUBLISHERS, bareKafkajs];
  const results = await withClients(testbed, clients, 0, (contexts) =>
    underLoad(testbed, contexts, { topic: 'paused', disturb: () => pauseInTurn(testbed.cluster) }),
  );

  for (const [at, client] of clients.entries()) {
    const result = results[at] ?? { faults: ['There is no result.'] };
    console.log(`${client.name}: ${summaryOf(result)}`);
    // If the control lost nothing, this run proves nothing.
    expect(problemsOf(client, result)).toEqual([]);
    expect(result.outages).toBeGreaterThan(0);
    expect(result.verdict?.acknowledged).toBeGreaterThan(1_000);
  }
});
