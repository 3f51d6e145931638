import { defaultKafkaVersion } from '../../local/kafka/distribution-folder';
import { testedVersions } from '../builders/support-page';
import { aConsumer, Counts, createConsumerTables, effectsOf, run } from './harness/consumers';
import { allMarked, Committed, expectCompleteAndInOrder, keysNamed, startWorld, until, write } from './harness/world';

/** Includes the download of the version's jars. */
const TEST_MS = 600_000;
const READER = 'older';

// All other files of this folder run the default version.
const others = testedVersions('Apache Kafka').filter((version) => version !== defaultKafkaVersion());

test.each(others)(
  'the relay publishes to Apache Kafka %s, and a consumer applies each event once and in order',
  async (kafkaVersion) => {
    const world = await startWorld({ kafkaVersion, ownKafka: true });
    try {
      await createConsumerTables(world);
      const counts = new Counts();
      const running = await run(world, aConsumer(world, READER, { telemetry: counts.telemetry }));
      const committed = new Committed();
      await write(world, { keys: keysNamed('older', 5), events: 100, perTransaction: 2 }, committed);
      await until('all effects', () => counts.of('applied') >= committed.count);
      await allMarked(world);
      await running.stop();

      expect(committed.count).toBe(100);
      await world.reader.caughtUp();
      expectCompleteAndInOrder(world, committed);
      for (const key of committed.keys) {
        const { ids } = await effectsOf(world, READER, key);
        expect(ids.map((entry) => entry.split(' ')[1])).toEqual(committed.ids(key));
      }
    } finally {
      await world.stop();
    }
  },
  TEST_MS,
);

test('one version is not the default', () => {
  expect(others).toHaveLength(1);
});
