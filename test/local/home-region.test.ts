import { setTimeout as sleep } from 'node:timers/promises';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { HomeRegion } from '../../lib/event/home-region';
import { encodeItem, type OutboxItem } from '../../lib/event/item';
import { positionOfVersion } from '../../lib/event/position';
import { encodeSignal, newSignal, type DrainSignal } from '../../lib/event/signal';
import { dynamoDbStores } from '../../lib/relay/dynamodb/stores';
import { recordsOfHome, type StreamRecord } from '../../lib/relay/record';
import { createRelay } from '../../lib/relay/relay';
import { sweepStore } from '../../lib/sweep/dynamodb-store';
import { SWEEPER_DEFAULTS } from '../../lib/sweep/environment';
import { sweep } from '../../lib/sweep/sweep';
import { localClientConfig } from '../../local/dynamodb';
import { anItem, insertOf } from '../builders/items';
import { FakeKafka, plentyOfTime, RELAY_OPTIONS, silentTelemetry } from '../builders/relay-ports';
import { sharedDynamoDb } from './harness/shared-servers';

const TABLE = 'global';
const WEST = 'eu-west-1';
const CENTRAL = 'eu-central-1';
const clock = { now: Date.now };
/** No relay works on a signal while a sweep waits for it here, so the pauses of the sweep can pass faster. */
const pause = (ms: number): Promise<void> => sleep(ms / 100);

let endpoint: string;
let document: DynamoDBDocument;
const clients: DynamoDBClient[] = [];

const newClient = (): DynamoDBClient => {
  const client = new DynamoDBClient(localClientConfig(endpoint));
  clients.push(client);
  return client;
};

beforeAll(async () => {
  endpoint = await sharedDynamoDb();
  const client = newClient();
  document = DynamoDBDocument.from(client, { marshallOptions: { removeUndefinedValues: true } });
  await client.send(
    new CreateTableCommand({
      TableName: TABLE,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
    }),
  );
});

afterAll(() => {
  for (const client of clients) client.destroy();
});

/** Relay and sweeper of one region as their functions compose them, over one table: replicas without lag. */
function inRegion(home: HomeRegion) {
  const client = newClient();
  const stores = dynamoDbStores(client, { tableName: TABLE, retentionSeconds: 3_600, home }, clock);
  const kafka = new FakeKafka();
  const telemetry = silentTelemetry();
  const relay = createRelay(
    {
      publisher: kafka,
      ...stores,
      telemetry,
      clock,
    },
    RELAY_OPTIONS,
  );
  return {
    kafka,
    telemetry,
    published: () => kafka.log.map(({ id }) => id),
    control: () => stores.control.read(),
    /** The stream of this region's replica has every write of every region. */
    handle: (...records: StreamRecord[]) =>
      relay.handle(
        recordsOfHome(
          records.map((record) => ({ ...record, eventSourceARN: `arn:stream-of-${home.region}` })),
          home,
        ),
        plentyOfTime,
      ),
    sweep: () =>
      sweep(sweepStore(client, { tableName: TABLE, ...SWEEPER_DEFAULTS, home }, clock, pause), {
        overdueAfterMs: 1,
        readUnitsPerSecond: SWEEPER_DEFAULTS.readUnitsPerSecond,
        by: 'sweeper',
        remainingMs: plentyOfTime,
        now: () => Date.now() + 1_000,
      }),
  };
}

const only = (region: string): HomeRegion => ({ region, publishesFor: [region] });

let keys = 0;
const newKey = (): string => `k${++keys}`;

/** Commits an item in a region and returns its record, which the stream of every region contains. */
async function written(region: string, key: string, version: number): Promise<StreamRecord> {
  const item: OutboxItem = anItem({ key, version, region, committedAt: Date.now() });
  await document.put({ TableName: TABLE, Item: encodeItem(item) });
  return insertOf(item);
}

const idOf = (key: string, version: number): string => `id-order-${key}-${version}`;
const stored = async (key: string, version: number): Promise<Record<string, unknown>> =>
  (await document.get({ TableName: TABLE, Key: { pk: `order#${key}`, sk: positionOfVersion(version) } })).Item ?? {};

test('each region publishes what was written in it, and nothing of the other', async () => {
  const [west, central] = [inRegion(only(WEST)), inRegion(only(CENTRAL))];
  const [here, there] = [newKey(), newKey()];
  const records = [await written(WEST, here, 1), await written(CENTRAL, there, 1)];
  for (const region of [west, central]) expect(await region.handle(...records)).toBeUndefined();
  expect(west.published()).toEqual([idOf(here, 1)]);
  expect(central.published()).toEqual([idOf(there, 1)]);
});

test('the streams of two regions are no reason to suspect a gap', async () => {
  const [west, central] = [inRegion(only(WEST)), inRegion(only(CENTRAL))];
  for (let round = 1; round <= 3; round++) {
    await west.handle(await written(WEST, newKey(), 1));
    await central.handle(await written(CENTRAL, newKey(), 1));
  }
  for (const region of [west, central]) {
    expect(region.telemetry.streamChanged).not.toHaveBeenCalled();
    expect((await region.control()).gapSuspectedSince).toBeUndefined();
  }
});

test('a hold in one region does not hold the key in the other', async () => {
  const [west, central] = [inRegion(only(WEST)), inRegion(only(CENTRAL))];
  const key = newKey();
  const poison = await written(WEST, key, 1);
  west.kafka.refuse = () => ({ kind: 'poison', reason: 'message-refused', message: 'no' });
  await west.handle(poison);
  expect((await west.control()).holds.has(`order#${key}`)).toBe(true);
  expect((await central.control()).holds.has(`order#${key}`)).toBe(false);
  expect(await stored(key, 1)).toHaveProperty('parked');
});

test('a signal is acted on where the items are, and does no harm elsewhere', async () => {
  const [west, central] = [inRegion(only(WEST)), inRegion(only(CENTRAL))];
  const key = newKey();
  await written(WEST, key, 1);
  const signal: DrainSignal = newSignal(`order#${key}`, Date.now(), {
    kind: 'drain' as const,
    from: positionOfVersion(1),
    request: { by: 'me', at: Date.now(), why: 'a test' },
  });
  await document.put({ TableName: TABLE, Item: encodeSignal(signal) });
  const record = insertOf(marshall(encodeSignal(signal), { removeUndefinedValues: true }));
  // The other region handles the signal first and removes it; this region's stream contains it all the same.
  await central.handle(record);
  expect(central.published()).toEqual([]);
  await west.handle(record);
  expect(west.published()).toEqual([idOf(key, 1)]);
  expect(await stored(key, 1)).toHaveProperty('processedAt');
});

test('a sweep asks for what its own region has lost', async () => {
  const [west, central] = [inRegion(only(WEST)), inRegion(only(CENTRAL))];
  await west.sweep();
  const key = newKey();
  await written(CENTRAL, key, 1);
  expect(await west.sweep()).toMatchObject({ pending: 0, signalsSent: 0 });
  expect(await central.sweep()).toMatchObject({ pending: 1, signalsSent: 1 });
});

describe('a takeover', () => {
  test('publishes what the other region has left behind before the next event of its key', async () => {
    const key = newKey();
    await inRegion(only(CENTRAL)).handle(await written(CENTRAL, newKey(), 1));
    await written(WEST, key, 1);
    await written(WEST, key, 2);
    // The western region is lost. Writers have moved already: the third version is written here.
    const successor = inRegion({ region: CENTRAL, publishesFor: [CENTRAL, WEST] });
    await successor.handle(await written(CENTRAL, key, 3));
    expect(successor.published()).toEqual([idOf(key, 1), idOf(key, 2), idOf(key, 3)]);
    expect((await successor.control()).gapSuspectedSince).toBeDefined();
  });

  test('finds keys without new writes by a sweep', async () => {
    const key = newKey();
    await written(WEST, key, 1);
    const successor = inRegion({ region: CENTRAL, publishesFor: [CENTRAL, WEST] });
    const ofKey = (): string[] => successor.published().filter((id) => id === idOf(key, 1));
    // One sweep sends probes, the stream brings them back, and the next sweep acts on the proof.
    for (let sweeps = 0; sweeps < 3 && ofKey().length === 0; sweeps++) {
      await successor.sweep();
      const { Items = [] } = await document.scan({
        TableName: TABLE,
        FilterExpression: 'begins_with(sk, :signal)',
        ExpressionAttributeValues: { ':signal': '~signal#' },
      });
      for (const signal of Items) await successor.handle(insertOf(marshall(signal)));
    }
    expect(ofKey()).toEqual([idOf(key, 1)]);
  });

  test('leaves nothing to publish twice when the region comes back with its old records', async () => {
    const key = newKey();
    const old = await written(WEST, key, 1);
    const successor = inRegion({ region: CENTRAL, publishesFor: [CENTRAL, WEST] });
    await successor.handle(old);
    expect(successor.published()).toEqual([idOf(key, 1)]);
    const late = { ...old, dynamodb: { ...old.dynamodb, ApproximateCreationDateTime: Date.now() / 1000 - 7_200 } };
    const back = inRegion(only(WEST));
    expect(await back.handle(late)).toBeUndefined();
    expect(back.published()).toEqual([]);
  });
});
