import { ConfigResourceTypes } from 'kafkajs';
import { status } from '../../lib/operate/status';
import { adminClient, withAdmin } from '../../local/kafka/topics';
import {
  allArrived,
  allMarked,
  Committed,
  expectCompleteAndInOrder,
  keysNamed,
  settled,
  startWorld,
  STARTUP_MS,
  until,
  write,
  type World,
} from './harness/world';

/** In the stream's time, which DynamoDB Local truncates to minutes. The process must also see failures for 15 s. */
const PATIENCE_SECONDS = '20';
const PATIENCE_OVER_MS = 120_000;
const COPIES = 3;

let world: World;

beforeAll(async () => {
  // Three nodes, of which a test kills one.
  world = await startWorld({
    ownKafka: true,
    nodes: 3,
    environment: { OUTBOX_PARTITION_PATIENCE_SECONDS: PATIENCE_SECONDS },
  });
}, STARTUP_MS);

afterAll(async () => {
  await world.stop();
});

/** Whether the brokers accept a write to the topic. The test messages have no `ce_id`. */
async function takesWrites(topic: string): Promise<boolean> {
  const producer = adminClient(world.stack.brokers).producer({ retry: { retries: 0 } });
  await producer.connect();
  try {
    await producer.send({ topic, acks: -1, messages: [{ value: 'a test' }] });
    return true;
  } catch {
    return false;
  } finally {
    await producer.disconnect();
  }
}

/** With a broker down, a topic that requires three in-sync replicas refuses writes; the others require two. */
const wantThreeReplicas = (topic: string): Promise<unknown> =>
  withAdmin(world.stack.brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: 'min.insync.replicas', value: '3' }],
        },
      ],
    }),
  );

const put = (key: string, version: number, type: 'order.audited' | 'order.changed') =>
  world.outbox.transact(world.document, {
    changes: [{ aggregate: 'order', key, version, events: [{ type, id: `${key}.${version}`, data: { n: version } }] }],
  });

const heldForPartitions = async (): Promise<readonly unknown[]> =>
  (await world.holds()).filter(({ reason }) => reason === 'partition-unavailable');

it('a topic below its minimum of in-sync replicas delays its own keys only, and recovers without an operator', async () => {
  const { stack } = world;
  await wantThreeReplicas('audit');
  const broker = stack.kafka?.nodes[2];
  await broker?.kill();
  await until('the refusal of writes', async () => !(await takesWrites('audit')));
  await until('new leaders', () => takesWrites('orders'));
  const sick = keysNamed('audited', 50);
  // The key's second event goes to an available topic: it must still wait for the first.
  const mixed = 'mixed';
  for (const key of [...sick, mixed]) await put(key, 1, 'order.audited');
  await put(mixed, 2, 'order.changed');

  const committed = new Committed();
  await write(world, { keys: keysNamed('healthy', 20), events: 300 }, committed);
  await allArrived(world, committed);
  expect(world.reader.firstIds(mixed)).toEqual([]);

  await until('the holds', async () => (await heldForPartitions()).length === sick.length + 1, PATIENCE_OVER_MS);
  // The shard has moved on: no record that it still owes is before a new event.
  await write(world, { keys: keysNamed('later', 20), events: 100 }, committed);
  await allArrived(world, committed);
  await settled(world);
  const target = { client: world.client, tableName: stack.tableName };
  const { unavailablePartitions, heldKeys, parked } = await status(target);
  expect(unavailablePartitions.map(({ name }) => name).toSorted()).toEqual(['audit-0', 'audit-1', 'audit-2']);
  expect(unavailablePartitions.reduce((sum, { keys }) => sum + keys, 0)).toBe(sick.length + 1);
  expect({ heldKeys, parked }).toEqual({ heldKeys: 0, parked: 0 });

  await broker?.start();
  await until('the third replica', () => takesWrites('audit'));
  // Without writes, only the schedule retries the partitions.
  await until('the release', async () => {
    await stack.probe();
    return (await heldForPartitions()).length === 0;
  });
  await allMarked(world);
  await settled(world);

  expectCompleteAndInOrder(world, committed);
  for (const key of sick) expect(world.reader.firstIds(key)).toEqual([`${key}.1`]);
  expect(world.reader.firstIds(mixed).toSorted()).toEqual([`${mixed}.1`, `${mixed}.2`]);
  const copies = Map.groupBy(world.reader.arrivals, ({ headers }) => headers['ce_id'] ?? '');
  expect([...copies].filter(([id, { length }]) => id !== '' && length > COPIES)).toEqual([]);
}, 900_000);
