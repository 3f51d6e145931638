import {
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type AttributeValue,
  type DynamoDBClient,
  type QueryCommandInput,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { memoryClient } from '../../../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../../../lib/testing/dynamodb/memory-dynamodb';

type Values = Readonly<Record<string, AttributeValue>>;

export const S = (text: string): AttributeValue => ({ S: text });
export const N = (number: string): AttributeValue => ({ N: number });

const ITEM: Values = {
  id: S('1'),
  note: S('abc'),
  amount: N('5'),
  words: { L: [S('a'), S('b')] },
  nest: { M: { x: N('1') } },
  tags: { SS: ['red', 'blue'] },
};

/** One item with every kind of value that an expression may test, and a table with a sort key. */
export interface Database {
  readonly client: DynamoDBClient;
  item(): Promise<Values | undefined>;
  putWhen(condition: string, values?: Values): Promise<unknown>;
  update(expression: string, values?: Values, condition?: string): Promise<unknown>;
  deleteWhen(condition: string, values?: Values): Promise<unknown>;
  transact(...actions: TransactWriteItem[]): Promise<unknown>;
  query(condition: string, values: Values, more?: Partial<QueryCommandInput>): Promise<unknown>;
  scanWhere(filter: string, values?: Values): Promise<unknown>;
}

export const things = { TableName: 'things' };
export const pairs = { TableName: 'pairs' };
const key = { id: S('1') };

export async function aDatabase(): Promise<Database> {
  const tables = new MemoryDynamoDb({ things: { id: 'S' }, pairs: { pk: 'S', sk: 'N' } }, Date.now);
  const client = memoryClient(tables, 'eu-west-1', () => undefined);
  await client.send(new PutItemCommand({ ...things, Item: ITEM }));
  for (const sk of ['1', '2', '10']) {
    await client.send(new PutItemCommand({ ...pairs, Item: { pk: S('p'), sk: N(sk) } }));
  }
  const named = (values?: Values) => (values === undefined ? {} : { ExpressionAttributeValues: values });
  return {
    client,
    item: async () => (await client.send(new GetItemCommand({ ...things, Key: key }))).Item,
    putWhen: (ConditionExpression, values) =>
      client.send(new PutItemCommand({ ...things, Item: ITEM, ConditionExpression, ...named(values) })),
    update: (UpdateExpression, values, ConditionExpression) =>
      client.send(
        new UpdateItemCommand({ ...things, Key: key, UpdateExpression, ConditionExpression, ...named(values) }),
      ),
    deleteWhen: (ConditionExpression, values) =>
      client.send(new DeleteItemCommand({ ...things, Key: key, ConditionExpression, ...named(values) })),
    transact: (...TransactItems) => client.send(new TransactWriteItemsCommand({ TransactItems })),
    query: (KeyConditionExpression, values, more = {}) =>
      client.send(new QueryCommand({ ...pairs, KeyConditionExpression, ...named(values), ...more })),
    scanWhere: (FilterExpression, values) =>
      client.send(new ScanCommand({ ...things, FilterExpression, ...named(values) })),
  };
}

export const REFUSED = { name: 'ValidationException' };
