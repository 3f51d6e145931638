import { waitUntil } from '../wait-until';
import { COORDINATOR_PARTITIONS } from './properties';
import { adminClient, withAdmin } from './topics';

/**
 * Resolves when `nodes` brokers are in the metadata and producer ids and every group coordinator are answered: for
 * seconds after the port opens Kafka says "loading" to both, and clients that start in that time look broken.
 *
 * @throws LocalStackError `not-ready` after `timeoutMs`, or as soon as `assertRunning` throws.
 */
export async function kafkaReady(
  brokers: readonly string[],
  nodes: number,
  timeoutMs: number,
  assertRunning: () => void,
): Promise<void> {
  await waitUntil(`A leader among ${nodes} Kafka nodes`, timeoutMs, async () => {
    assertRunning();
    const cluster = await withAdmin(brokers, (admin) => admin.describeCluster());
    return cluster.brokers.length >= nodes ? true : undefined;
  });
  await Promise.all([
    waitUntil('An answer of the producer id coordinator', timeoutMs, () => {
      assertRunning();
      return producerIdAnswers(brokers);
    }),
    waitUntil('An answer of the group coordinators', timeoutMs, () => {
      assertRunning();
      return groupCoordinatorsAnswer(brokers);
    }),
  ]);
}

async function producerIdAnswers(brokers: readonly string[]): Promise<true> {
  const producer = adminClient(brokers).producer({ idempotent: true, maxInFlightRequests: 1 });
  try {
    await producer.connect();
    return true;
  } finally {
    await producer.disconnect();
  }
}

/** Kafka finds a group's coordinator by Java's hash of its name: names that differ by one in the last letter hit each. */
async function groupCoordinatorsAnswer(brokers: readonly string[]): Promise<true> {
  await withAdmin(brokers, async (admin) => {
    for (let index = 0; index < COORDINATOR_PARTITIONS; index += 1) {
      await admin.describeGroups([`local-stack-ready-${index}`]);
    }
  });
  return true;
}
