import { randomBytes } from 'node:crypto';
import {
  Committed,
  expectCompleteAndInOrder,
  allArrived,
  keysNamed,
  settled,
  startWorld,
  STARTUP_MS,
  until,
  write,
  type World,
} from './harness/world';

let world: World;

beforeAll(async () => {
  world = await startWorld();
}, STARTUP_MS);

afterAll(async () => {
  await world.stop();
});

/** Too large for the topic, even compressed: brokers measure the compressed batch. */
const tooLarge = randomBytes(8_000).toString('base64');

type Type = 'order.changed' | 'order.noted' | 'order.lost';

const put = (key: string, version: number, type: Type, text = '') =>
  world.outbox.transact(world.document, {
    changes: [
      { aggregate: 'order', key, version, events: [{ type, id: `${key}.${version}`, data: { n: version, text } }] },
    ],
  });
const itemsOf = (key: string) => world.items(`order#${key}`);
const isParked = async (key: string) => (await itemsOf(key)).some(({ parked }) => parked !== undefined);

it('a poison event parks its key while other keys flow, and nothing of that key overtakes it', async () => {
  const committed = new Committed();
  const others = write(world, { keys: keysNamed('healthy', 10), events: 200 }, committed);
  for (let version = 1; version <= 10; version++) {
    await put('poisoned', version, 'order.noted', version === 4 ? tooLarge : '');
  }
  await others;
  await allArrived(world, committed);
  expectCompleteAndInOrder(world, committed);
  await until('the parking', () => isParked('poisoned'));
  await settled(world);

  expect(world.reader.firstIds('poisoned')).toEqual(['poisoned.1', 'poisoned.2', 'poisoned.3']);
  const items = (await itemsOf('poisoned')).toSorted((a, b) => a.sk.localeCompare(b.sk));
  expect(items.map(({ processedAt }) => processedAt !== undefined)).toEqual(
    [1, 2, 3].map(() => true).concat([4, 5, 6, 7, 8, 9, 10].map(() => false)),
  );
  expect(items[3]?.parked).toMatchObject({ reason: 'message-too-large' });
  for (const item of items.slice(3)) expect(item).not.toHaveProperty('expiresAt');
  expect(await world.holds()).toContainEqual(
    expect.objectContaining({
      key: 'order#poisoned',
      position: '0000000000000004',
      reason: 'message-too-large',
      state: 'holding',
    }),
  );
});

it('a poison event in the middle of a full batch is found, and everything around it is published', async () => {
  const committed = new Committed();
  await world.stack.mapping.disable();
  await write(world, { keys: keysNamed('before', 20), events: 100 }, committed);
  await put('culprit', 1, 'order.noted', tooLarge);
  for (let n = 0; n < 20; n++) await put(`around-${n}`, 1, 'order.noted');
  await write(world, { keys: keysNamed('after', 20), events: 100 }, committed);
  world.stack.mapping.enable();

  await allArrived(world, committed);
  expectCompleteAndInOrder(world, committed);
  await until('the parking', () => isParked('culprit'));
  await until('its neighbours', () =>
    Array.from({ length: 20 }, (_, n) => n).every((n) => world.reader.firstIds(`around-${n}`).length === 1),
  );
});

it('an event for an unknown topic parks its key, and nothing of the key is published after it', async () => {
  await put('astray', 1, 'order.changed');
  await put('astray', 2, 'order.lost');
  await put('astray', 3, 'order.changed');
  await put('unharmed', 1, 'order.changed');

  await until('the parking', () => isParked('astray'));
  await until('another key', () => world.reader.firstIds('unharmed').length === 1);
  await put('astray', 4, 'order.changed');
  await settled(world);

  expect(world.reader.firstIds('astray')).toEqual(['astray.1']);
  expect(await world.holds()).toContainEqual(
    expect.objectContaining({ key: 'order#astray', position: '0000000000000002', reason: 'unknown-topic' }),
  );
});

it('an item that can not be decoded parks its key with the reason', async () => {
  await world.document.put({
    TableName: world.stack.tableName,
    Item: {
      pk: 'order#garbled',
      sk: '0000000000000001',
      id: 'g',
      events: 'not a list',
      source: '/x',
      region: 'r',
      committedAt: 1,
    },
  });
  await put('garbled', 2, 'order.changed');
  await put('readable', 1, 'order.changed');

  await until('the parking', () => isParked('garbled'));
  await until('another key', () => world.reader.firstIds('readable').length === 1);
  await settled(world);

  expect(world.reader.firstIds('garbled')).toEqual([]);
  const [item] = (await itemsOf('garbled')).filter(({ parked }) => parked !== undefined);
  expect(item?.parked).toMatchObject({
    reason: 'undecodable-item',
    message: expect.stringContaining('"events" must be a list') as unknown,
  });
});

it('an item whose key is longer than a sort key can be is held like any other', async () => {
  const key = 'k'.repeat(1_500);
  await put(key, 1, 'order.lost');
  await put(key, 2, 'order.changed');

  await until('the parking', () => isParked(key));
  await settled(world);

  expect(world.reader.firstIds(key)).toEqual([]);
  expect(await world.holds()).toContainEqual(expect.objectContaining({ key: `order#${key}` }));
});

it('the relay died of none of this', () => {
  expect(world.stack.mapping.metrics().DroppedEventCount).toBe(0);
});
