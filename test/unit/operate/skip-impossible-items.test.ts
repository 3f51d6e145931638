import { DeleteItemCommand, PutItemCommand, UpdateItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { encodeItem } from '../../../lib/event/item';
import { planRedrive, redrive } from '../../../lib/operate/redrive';
import { controlStore } from '../../../lib/relay/dynamodb/control';
import { memoryClient } from '../../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../../lib/testing/dynamodb/memory-dynamodb';
import { MemoryRelay } from '../../../lib/testing/memory-relay';
import { anItem } from '../../builders/items';
import { FakeKafka } from '../../builders/relay-ports';

const request = { by: 'me', at: 1_800_000_000_000, why: 'cannot be published' };
type Stored = Record<string, AttributeValue>;
const item = (version: number, change: Record<string, AttributeValue | undefined> = {}): Stored =>
  Object.fromEntries(
    Object.entries({ ...marshall(encodeItem(anItem({ version }))), ...change }).filter(
      (entry): entry is [string, AttributeValue] => entry[1] !== undefined,
    ),
  );

function aTable() {
  const db = new MemoryDynamoDb({ outbox: { pk: 'S', sk: 'S' } }, Date.now);
  const client = memoryClient(db, 'eu-central-1', (error) => {
    throw error;
  });
  const kafka = new FakeKafka();
  const clock = { now: Date.now };
  const relay = new MemoryRelay({ client, tableName: 'outbox', publisher: kafka, order: 'relaxed', clock });
  db.onInsert = (insert) => relay.insert(insert);
  const target = { client, tableName: 'outbox' };
  return {
    ...{ kafka, relay, target, client },
    put: (Item: Stored) => client.send(new PutItemCommand({ TableName: 'outbox', Item })),
    holds: async () => (await controlStore({ client, tableName: 'outbox' }, clock).read()).holds,
    skip: async (key: string) => {
      const plan = await planRedrive(target, { keys: [key] });
      const report = await redrive(target, plan, request, { skip: true });
      await relay.run();
      return report;
    },
  };
}

it.each<[string, Record<string, AttributeValue | undefined>]>([
  ['a number', { id: { N: '7213482734987' } }],
  ['an empty text', { id: { S: '' } }],
  ['NULL', { id: { NULL: true } }],
  ['a binary', { id: { B: Uint8Array.from([1, 2]) } }],
  ['a list', { id: { L: [{ S: 'a' }] } }],
  ['missing', { id: undefined }],
  ["a text of 3,000 characters that is not the first event's", { id: { S: 'x'.repeat(3_000) } }],
  ['good, without events', { events: { L: [] } }],
])('an item whose id is %s is skipped, and what waits behind it goes out', async (_, change) => {
  const { put, relay, skip, kafka, holds } = aTable();
  await put(item(1, change));
  await put(item(2));
  await relay.run();
  expect((await holds()).get('order#42')).toMatchObject({ state: 'holding', reason: 'undecodable-item' });

  expect(await skip('order#42')).toMatchObject({ asked: [{ pk: 'order#42' }], failed: [] });

  expect((await holds()).size).toBe(0);
  expect(kafka.log.map(({ id }) => id)).toEqual(['id-order-42-2']);
});

it.each([
  ['pk', { pk: { S: 'nothing of ours' } }],
  ['sk', { sk: { S: 'a position of nobody' } }],
])('an item whose %s is none of ours is skipped', async (_, change) => {
  const { put, relay, skip, holds } = aTable();
  const odd = item(1, change);
  await put(odd);
  await relay.run();
  expect((await holds()).size).toBe(1);

  expect((await skip(odd['pk']?.S ?? '')).failed).toEqual([]);

  expect((await holds()).size).toBe(0);
});

it('an item whose id was changed after it was parked is skipped under the id that it has', async () => {
  const { put, relay, skip, holds, client } = aTable();
  await put(item(1, { id: { N: '1' } }));
  await relay.run();
  await client.send(
    new UpdateItemCommand({
      TableName: 'outbox',
      Key: { pk: { S: 'order#42' }, sk: { S: item(1)['sk']?.S ?? '' } },
      UpdateExpression: 'SET id = :id',
      ExpressionAttributeValues: { ':id': { N: '2' } },
    }),
  );

  expect((await skip('order#42')).failed).toEqual([]);

  expect((await holds()).size).toBe(0);
});

it('a skip of what is gone is refused with the reason and the next command, instead of asked for', async () => {
  const { put, relay, skip, client } = aTable();
  await put(item(1, { id: { N: '1' } }));
  await relay.run();
  await client.send(
    new DeleteItemCommand({
      TableName: 'outbox',
      Key: { pk: { S: 'order#42' }, sk: { S: item(1)['sk']?.S ?? '' } },
    }),
  );

  const { asked, failed } = await skip('order#42');

  expect(asked).toEqual([]);
  expect(failed).toEqual([
    { pk: 'order#42', why: expect.stringMatching(/item at 1 is gone.*outbox skip "order#42"/) as unknown },
  ]);
});
