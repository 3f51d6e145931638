import { messageBytes, messagesOf } from '../../../lib/event/message';
import { decodeItem } from '../../../lib/event/item';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { TransactionAction } from '../../../lib';
import { itemBytes } from '../../../lib/dynamodb/item-size';
import { markBytes } from '../../../lib/write/limits';
import { order42, orderOutbox, placed, refusal } from './order-outbox';
import { DYNAMODB_LIMITS } from '../../../lib/dynamodb/transaction';

const outbox = orderOutbox();
const client = { transactWrite: jest.fn(() => Promise.resolve()) };
beforeEach(() => client.transactWrite.mockClear());

const puts = (count: number, item: object = {}): TransactionAction[] =>
  Array.from({ length: count }, (_, n) => ({ Put: { TableName: 'orders', Item: { pk: String(n), ...item } } }));
const transact = (actions: TransactionAction[]) =>
  outbox.transact(client, { actions, changes: [{ ...order42, events: [placed] }] });

test('100 actions pass, the outbox item included; 101 do not', async () => {
  await transact(puts(99));
  expect(client.transactWrite).toHaveBeenCalledTimes(1);
  const error = await refusal('too-many-actions', () => transact(puts(100)));
  expect(error.details).toEqual({ got: 101, max: 100 });
  expect(client.transactWrite).toHaveBeenCalledTimes(1);
});

test('4 MB pass, more do not', async () => {
  const [entry] = await outbox.items(order42, [placed]);
  const room = DYNAMODB_LIMITS.transactionBytes - itemBytes(entry?.Put.Item ?? {});
  const filled = (bytes: number) => [
    ...puts(10, { text: 'x'.repeat(400 * 1024 - 7) }),
    { Put: { TableName: 'orders', Item: { pk: '10', text: 'x'.repeat(bytes - 10 * 400 * 1024 - 8) } } },
  ];
  await transact(filled(room));
  const error = await refusal('transaction-too-large', () => transact(filled(room + 1)));
  expect(error.details).toEqual({ bytes: 4_194_305, maxBytes: 4_194_304 });
});

test('what an update carries counts', async () => {
  const updates = Array.from({ length: 11 }, (_, n) => ({
    Update: {
      TableName: 'orders',
      Key: { pk: String(n) },
      UpdateExpression: 'SET #t = :t',
      ExpressionAttributeValues: { ':t': 'x'.repeat(390 * 1024) },
    },
  }));
  await refusal('transaction-too-large', () => transact(updates));
});

test('a business item of 400 KB passes, a larger one does not', async () => {
  await transact(puts(1, { text: 'x'.repeat(400 * 1024 - 7) }));
  const error = await refusal('action-too-large', () => transact(puts(1, { text: 'x'.repeat(400 * 1024 - 6) })));
  expect(error.details).toEqual({ index: 0, table: 'orders', bytes: 409_601, maxBytes: 409_600 });
});

test('an outbox item leaves room for the marks of the relay', async () => {
  const write = (length: number) => outbox.items(order42, [{ type: 'order.noted', data: 'x'.repeat(length) }]);
  const [entry] = await write(0);
  const item = entry?.Put.Item ?? {};
  const marks = markBytes(decodeItem(marshall(item)).events);
  const room = DYNAMODB_LIMITS.itemBytes - itemBytes(item) - marks;
  await expect(write(room)).resolves.toHaveLength(1);
  const error = await refusal('item-too-large', () => write(room + 1));
  expect(error.details).toEqual({ pk: 'order#42', bytes: 409_601, maxBytes: 409_600 });
});

test('the room is enough for the longest marks there can be', () => {
  const events = Array.from({ length: 3 }, () => ({ topic: 'orders' })) as unknown as Parameters<typeof markBytes>[0];
  const longest = {
    processedAt: 9_999_999_999_999,
    expiresAt: 9_999_999_999,
    receipts: events.map(() => 'orders-999999@9223372036854775807'),
    parked: { reason: 'topic-not-authorized', message: '€'.repeat(500), attempts: 999, since: 9_999_999_999_999 },
    redriven: { by: '€'.repeat(200), at: 9_999_999_999_999, why: '€'.repeat(300) },
    discarded: { by: '€'.repeat(200), at: 9_999_999_999_999, why: '€'.repeat(300) },
    starts: 5,
  };
  expect(markBytes(events)).toBeGreaterThanOrEqual(itemBytes(longest));
  expect(markBytes(events) - itemBytes(longest)).toBeLessThan(10);
});

test('a message may be as large as its topic takes, batch header and headers included', async () => {
  const write = (length: number) =>
    outbox.items(order42, [{ type: 'order.small', data: { text: 'x'.repeat(length) } }]);
  const [entry] = await write(0);
  const [message] = messagesOf(decodeItem(marshall(entry!.Put.Item)));
  const room = 1000 - 61 - messageBytes(message!);
  await expect(write(room)).resolves.toHaveLength(1);
  const error = await refusal('message-too-large', () => write(room + 1));
  expect(error.details).toEqual({ type: 'order.small', topic: 'small', bytes: 1001, maxBytes: 1000 });
});

test('the limit of the outbox goes for types without their own', async () => {
  const small = orderOutbox({ maxMessageBytes: 300 });
  const error = await refusal('message-too-large', () => small.items(order42, [placed]));
  expect(error.details).toMatchObject({ type: 'order.placed', maxBytes: 300 });
});

test('a key has at most 10,000 events in a transaction', async () => {
  const events = Array.from({ length: 10_001 }, () => placed);
  const error = await refusal('too-many-events', () => outbox.items(order42, events));
  expect(error.details).toEqual({ got: 10_001, max: 10_000 });
  // As many are only refused because they do not fit one item.
  await refusal('item-too-large', () => outbox.items(order42, events.slice(1)));
});

describe('two actions on one item', () => {
  const Key = { pk: '42', sk: 1 };
  const update = { Update: { TableName: 'orders', Key, UpdateExpression: 'SET a = b' } };
  const check = { ConditionCheck: { TableName: 'orders', Key, ConditionExpression: 'attribute_exists(pk)' } };
  const remove = { Delete: { TableName: 'orders', Key: { sk: 1, pk: '42' } } };
  const put = { Put: { TableName: 'orders', Item: { ...Key, status: 'placed' } } };
  const other = { Delete: { TableName: 'orders', Key: { pk: '42', sk: 2 } } };

  test.each([
    ['an update and a condition check', [update, other, check], [0, 2]],
    ['a key in another order', [other, update, remove], [1, 2]],
    ['a put, whose key the other action tells', [put, remove], [0, 1]],
    ['two equal puts', [put, { Put: { ...put.Put } }], [0, 1]],
  ])('are refused: %s', async (_, actions, indexes) => {
    const error = await refusal('duplicate-action', () => transact(actions));
    expect(error.details).toMatchObject({ table: 'orders', indexes });
  });

  test('are refused on the outbox table, too', async () => {
    const [entry] = await outbox.items(order42, [placed]);
    const error = await refusal('duplicate-action', () => transact([entry!]));
    expect(error.details).toEqual({
      table: 'shop-outbox',
      key: 'pk = "order#42", sk = "0000000000000001"',
      indexes: [0, 1],
    });
  });

  test('are told from actions on different items and tables', async () => {
    await transact([update, other, { Delete: { TableName: 'customers', Key } }]);
    expect(client.transactWrite).toHaveBeenCalledTimes(1);
  });
});
