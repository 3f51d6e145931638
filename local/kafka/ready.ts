import { waitUntil } from '../wait-until';
import { COORDINATOR_PARTITIONS } from './properties';
import { adminClient, withAdmin } from './topics';

/**
 * Resolves when every broker knows all brokers, and the coordinators of producer ids and of all groups respond. For
 * seconds after the port opens they respond with "loading", and clients that start in that time look broken.
 *
 * Each broker is asked at its own address, because the others list a killed broker until its session ends.
 *
 * @throws LocalStackError `not-ready` after `timeoutMs`, or as soon as `assertRunning` throws.
 */
export async function kafkaReady(
  brokers: readonly string[],
  timeoutMs: number,
  assertRunning: () => void,
): Promise<void> {
  await Promise.all(
    brokers.map((broker) =>
      waitUntil(`A response of the Kafka node at ${broker}`, timeoutMs, async () => {
        assertRunning();
        const known = await withAdmin([broker], (admin) => admin.describeCluster());
        return known.brokers.length >= brokers.length ? true : undefined;
      }),
    ),
  );
  await Promise.all([
    waitUntil('A response of the producer id coordinator', timeoutMs, () => {
      assertRunning();
      return producerIdAnswers(brokers);
    }),
    waitUntil('A response of the group coordinators', timeoutMs, () => {
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

/** Kafka finds a group's coordinator by Java's hash of its name: names with consecutive last characters reach each. */
async function groupCoordinatorsAnswer(brokers: readonly string[]): Promise<true> {
  await withAdmin(brokers, async (admin) => {
    for (let index = 0; index < COORDINATOR_PARTITIONS; index += 1) {
      await admin.describeGroups([`local-stack-ready-${index}`]);
    }
  });
  return true;
}
