import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument, DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { NOW, order42, orderOutbox, placed, refusal, REQUEST_ID, untyped } from './order-outbox';

const client = DynamoDBDocument.from(new DynamoDBClient({ region: 'eu-central-1' }));
const dynamodb = mockClient(client);
const outbox = orderOutbox();

beforeEach(() => {
  dynamodb.reset();
  dynamodb.on(TransactWriteCommand).resolves({});
});

const requests = () => dynamodb.commandCalls(TransactWriteCommand).map(({ args: [{ input }] }) => input);

const putOrder = {
  Put: { TableName: 'orders', Item: { pk: '42', status: 'placed' }, ConditionExpression: 'attribute_not_exists(pk)' },
};

const change = { ...order42, events: [placed] };

test('business actions and events go out in one call, the caller’s actions first', async () => {
  const result = await outbox.transact(client, {
    actions: [putOrder],
    changes: [change, { aggregate: 'customer', key: '7', version: 3, events: [{ ...placed, id: 'own' }] }],
    requestId: REQUEST_ID,
  });
  // Fixed forever: a retry after an upgrade of this package must derive the same id.
  const id = '019c13ec-9e00-7311-b834-6e4753ac0bb7';
  const data = '{"orderId":"42","total":99.5,"note":"none"}';
  const condition = { ConditionExpression: 'attribute_not_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' };
  expect(requests()).toEqual([
    {
      ClientRequestToken: REQUEST_ID,
      TransactItems: [
        putOrder,
        {
          Put: {
            TableName: 'shop-outbox',
            ...condition,
            Item: {
              pk: 'order#42',
              sk: '0000000000000001',
              id,
              events: [{ id, type: 'order.placed', topic: 'orders', data }],
              source: '/shop/order',
              region: 'eu-central-1',
              committedAt: NOW,
            },
          },
        },
        {
          Put: {
            TableName: 'shop-outbox',
            ...condition,
            Item: {
              pk: 'customer#7',
              sk: '0000000000000003',
              id: 'own',
              events: [{ id: 'own', type: 'order.placed', topic: 'orders', data }],
              source: '/shop/customer',
              region: 'eu-central-1',
              committedAt: NOW,
            },
          },
        },
      ],
    },
  ]);
  expect(result).toEqual({
    alreadyWritten: false,
    tokens: [
      {
        aggregate: 'order',
        key: '42',
        source: '/shop/order',
        position: '0000000000000001',
        topics: { orders: { id, sequence: '0000000000000001.0000' } },
      },
      {
        aggregate: 'customer',
        key: '7',
        source: '/shop/customer',
        position: '0000000000000003',
        topics: { orders: { id: 'own', sequence: '0000000000000003.0000' } },
      },
    ],
  });
});

test('events alone are a transaction too', async () => {
  await outbox.transact(client, { changes: [change] });
  expect(requests()[0]?.TransactItems).toHaveLength(1);
});

test('without a request id the call has no token of ours', async () => {
  await outbox.transact(client, { changes: [change] });
  expect(requests()[0]).not.toHaveProperty('ClientRequestToken');
});

test('a retry is the same request, byte for byte, whatever the time', async () => {
  let now = NOW;
  const moving = orderOutbox({ clock: { now: () => now++ } });
  const transaction = {
    actions: [putOrder],
    changes: [
      { ...order42, events: [placed, placed] },
      { aggregate: 'note', key: '1', events: [placed, placed] },
    ],
  };
  const withTime = { ...transaction, requestId: 'checkout-42', committedAt: new Date(NOW) };
  for (const each of [{ ...transaction, requestId: REQUEST_ID }, withTime]) {
    await moving.transact(client, each);
    await moving.transact(client, each);
  }
  const [first, second, third, fourth] = requests().map((request) => JSON.stringify(request));
  expect(second).toBe(first);
  expect(fourth).toBe(third);
  expect(third).not.toBe(first);
});

test('two request ids of one time make different events', async () => {
  const committedAt = NOW;
  await outbox.transact(client, { changes: [change], requestId: 'a', committedAt });
  await outbox.transact(client, { changes: [change], requestId: 'b', committedAt });
  const ids = requests().map(({ TransactItems }) => TransactItems?.[0]?.Put?.Item?.['id'] as string);
  expect(new Set(ids).size).toBe(2);
});

test.each([
  ['changes', { changes: [] }],
  ['changes', { changes: undefined }],
  ['actions', { changes: [change], actions: putOrder }],
  ['changes[0].vers', { changes: [{ ...change, vers: 1 }] }],
  ['changes[0]', { changes: [null] }],
  ['action', { changes: [change], action: [putOrder] }],
])('%s must be as it is described', async (option, transaction) => {
  const error = await refusal('invalid-option', () => outbox.transact(client, untyped(transaction)));
  expect(error.details.option).toBe(option);
  expect(requests()).toEqual([]);
});

test.each([DynamoDBDocumentClient.from(new DynamoDBClient({ region: 'eu-central-1' })), undefined])(
  'another client than a DynamoDBDocument is refused: nothing was sent',
  async (other) => {
    const error = await refusal('invalid-option', () => outbox.transact(untyped(other), { changes: [change] }));
    expect(error.message).toContain('it must be a DynamoDBDocument of @aws-sdk/lib-dynamodb, with transactWrite()');
  },
);

test('a key has one change only, even at two versions', async () => {
  const error = await refusal('duplicate-change', () =>
    outbox.transact(client, { changes: [change, { ...change, key: '43' }, { ...change, version: 2 }] }),
  );
  expect(error.details).toEqual({ aggregate: 'order', key: '42', indexes: [0, 2] });
});

test('an event id is used once in a transaction, across its keys', async () => {
  const event = { ...placed, id: 'e' };
  const error = await refusal('duplicate-event-id', () =>
    outbox.transact(client, {
      changes: [
        { ...order42, events: [event] },
        { ...order42, key: '43', events: [event] },
      ],
    }),
  );
  expect(error.details).toEqual({ id: 'e', indexes: [0, 1] });
});
