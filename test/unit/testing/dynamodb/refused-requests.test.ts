import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  TransactGetItemsCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type ReturnValue,
  type ReturnValuesOnConditionCheckFailure,
  type Select,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { aDatabase, N, pairs, REFUSED, S, things, type Database } from './database';

const Key = { id: S('1') };
const Item = { id: S('2') };
const put = { Put: { ...things, Item } };

it.each<[string, TransactWriteItem[]]>([
  ['no action', []],
  ['more than 100 actions', Array.from({ length: 101 }, (_, at) => ({ Put: { ...things, Item: { id: S(`${at}`) } } }))],
  ['an empty action', [{}]],
  ['an empty action next to another', [put, {}]],
  ['a put and a delete in one action, of one item', [{ ...put, Delete: { ...things, Key: Item } }]],
  ['a put and a delete in one action, of two items', [{ ...put, Delete: { ...things, Key } }]],
  ['a put without an item', [{ Put: { ...things, Item: undefined } }]],
  ['a delete without a key', [{ Delete: { ...things, Key: undefined } }]],
  ['an update without a key', [{ Update: { ...things, Key: undefined, UpdateExpression: 'REMOVE a' } }]],
  ['an action without a table', [{ Put: { TableName: undefined, Item } }]],
  ['a condition check without a condition', [{ ConditionCheck: { ...things, Key, ConditionExpression: undefined } }]],
  ['two actions on one item', [put, { Delete: { ...things, Key: Item } }]],
  [
    'a check and a write of one item',
    [{ ConditionCheck: { ...things, Key: Item, ConditionExpression: 'attribute_not_exists(id)' } }, put],
  ],
  [
    'a value of ReturnValuesOnConditionCheckFailure that there is not',
    [{ Put: { ...put.Put, ReturnValuesOnConditionCheckFailure: 'ALL' as ReturnValuesOnConditionCheckFailure } }],
  ],
])('refuses a transaction with %s, and writes nothing', async (_, actions) => {
  const { client, transact } = await aDatabase();
  await expect(transact(...actions)).rejects.toMatchObject(REFUSED);
  const { Count } = await client.send(new ScanCommand(things));
  expect(Count).toBe(1);
});

it('refuses a transaction of more than 4 MB', async () => {
  const { client, transact } = await aDatabase();
  const text = S('x'.repeat(399_000));
  const puts = Array.from({ length: 11 }, (_, at) => ({ Put: { ...things, Item: { id: S(`big${at}`), text } } }));
  await expect(transact(...puts)).rejects.toMatchObject(REFUSED);
  for (const { Put } of puts) await client.send(new PutItemCommand(Put));
  const gets = puts.map(({ Put }) => ({ Get: { ...things, Key: { id: Put.Item.id } } }));
  await expect(client.send(new TransactGetItemsCommand({ TransactItems: gets }))).rejects.toMatchObject(REFUSED);
  await expect(client.send(new TransactGetItemsCommand({ TransactItems: gets.slice(1) }))).resolves.toHaveProperty(
    'Responses.length',
    10,
  );
});

it('cancels a transaction for a key of the wrong type, with a reason for each action', async () => {
  const { transact } = await aDatabase();
  for (const id of [N('1'), { B: Buffer.from('') }]) {
    await expect(transact(put, { Put: { ...things, Item: { id } } })).rejects.toMatchObject({
      name: 'TransactionCanceledException',
      CancellationReasons: [{ Code: 'None' }, { Code: 'ValidationError' }],
    });
  }
  await expect(transact(put, { Update: { ...things, Key, UpdateExpression: 'REMOVE id' } })).rejects.toMatchObject({
    CancellationReasons: [{ Code: 'None' }, { Code: 'ValidationError' }],
  });
});

it('looks at a request token after the request: 37 characters, and a reused token with an invalid request', async () => {
  const { client } = await aDatabase();
  const send = (TransactItems: TransactWriteItem[], ClientRequestToken: string) =>
    client.send(new TransactWriteItemsCommand({ TransactItems, ClientRequestToken }));
  await expect(send([put], 'x'.repeat(37))).rejects.toMatchObject(REFUSED);
  await send([put], 'x'.repeat(36));
  await expect(send([{}], 'x'.repeat(36))).rejects.toMatchObject(REFUSED);
  await expect(send([{ Delete: { ...things, Key } }], 'x'.repeat(36))).rejects.toMatchObject({
    name: 'IdempotentParameterMismatchException',
  });
});

it.each<[string, (client: Database['client']) => Promise<unknown>]>([
  [
    'two reads of one item in a transaction',
    (client) =>
      client.send(
        new TransactGetItemsCommand({ TransactItems: [{ Get: { ...things, Key } }, { Get: { ...things, Key } }] }),
      ),
  ],
  [
    'a read of nothing in a transaction',
    (client) => client.send(new TransactGetItemsCommand({ TransactItems: [{ Get: undefined }] })),
  ],
  ['no transaction', (client) => client.send(new TransactGetItemsCommand({ TransactItems: undefined }))],
  ['an empty batch of writes', (client) => client.send(new BatchWriteItemCommand({ RequestItems: {} }))],
  ['no batch of writes', (client) => client.send(new BatchWriteItemCommand({ RequestItems: undefined }))],
  [
    'a batch with nothing for a table',
    (client) =>
      client.send(new BatchWriteItemCommand({ RequestItems: { things: [{ PutRequest: { Item } }], pairs: [] } })),
  ],
  [
    'a put and a delete in one write of a batch',
    (client) =>
      client.send(
        new BatchWriteItemCommand({ RequestItems: { things: [{ PutRequest: { Item }, DeleteRequest: { Key } }] } }),
      ),
  ],
  [
    'a batch that puts nothing',
    (client) =>
      client.send(new BatchWriteItemCommand({ RequestItems: { things: [{ PutRequest: { Item: undefined } }] } })),
  ],
  ['no batch of reads', (client) => client.send(new BatchGetItemCommand({ RequestItems: undefined }))],
  [
    'a batch of reads without keys',
    (client) => client.send(new BatchGetItemCommand({ RequestItems: { things: { Keys: [] } } })),
  ],
  [
    'a batch that reads a number twice, written differently',
    (client) =>
      client.send(
        new BatchGetItemCommand({
          RequestItems: { pairs: { Keys: ['2', '2.0'].map((sk) => ({ pk: S('p'), sk: N(sk) })) } },
        }),
      ),
  ],
  ['a read without a table', (client) => client.send(new GetItemCommand({ TableName: undefined, Key }))],
  ['a read of a table that no table can be', (client) => client.send(new GetItemCommand({ TableName: 'a', Key }))],
  ['a put without an item', (client) => client.send(new PutItemCommand({ ...things, Item: undefined }))],
  [
    'return values that a put does not have, before its condition',
    (client) =>
      client.send(
        new PutItemCommand({ ...things, Item, ReturnValues: 'ALL_NEW', ConditionExpression: 'attribute_exists(id)' }),
      ),
  ],
  [
    'return values that there are not',
    (client) => client.send(new UpdateItemCommand({ ...things, Key, ReturnValues: 'NEW' as ReturnValue })),
  ],
  ['a page of nothing', (client) => client.send(new ScanCommand({ ...things, Limit: 0 }))],
  ['a selection that there is not', (client) => client.send(new ScanCommand({ ...things, Select: 'ALL' as Select }))],
  [
    'selected attributes without their names',
    (client) => client.send(new ScanCommand({ ...things, Select: 'SPECIFIC_ATTRIBUTES' })),
  ],
  [
    'a count of named attributes',
    (client) => client.send(new ScanCommand({ ...things, Select: 'COUNT', ProjectionExpression: 'amount' })),
  ],
  [
    'projected attributes without an index',
    (client) => client.send(new ScanCommand({ ...things, Select: 'ALL_PROJECTED_ATTRIBUTES' })),
  ],
  ['a start that is no key', (client) => client.send(new ScanCommand({ ...pairs, ExclusiveStartKey: { pk: S('p') } }))],
])('refuses %s', async (_, send) => {
  const { client } = await aDatabase();
  await expect(send(client)).rejects.toMatchObject(REFUSED);
});
