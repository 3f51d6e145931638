import { ConditionalCheckFailedException, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { memoryClient } from '../../../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../../../lib/testing/dynamodb/memory-dynamodb';

// test/local/memory-dynamodb.test.ts compares with DynamoDB Local.

function aDatabase() {
  const clock = { at: 1_000_000 };
  const tables = new MemoryDynamoDb({ things: { id: 'S' }, lists: { pk: 'S', sk: 'N' } }, () => clock.at);
  const inserts: string[] = [];
  tables.onInsert = ({ table, key }) => inserts.push(`${table} ${JSON.stringify(key)}`);
  const refusals: Error[] = [];
  const client = DynamoDBDocument.from(memoryClient(tables, 'eu-west-1', (error) => refusals.push(error)));
  return { client, clock, inserts, refusals };
}

const things = { TableName: 'things' };

describe('DynamoDB in memory', () => {
  it('throws the errors of the SDK', async () => {
    const { client } = aDatabase();
    await client.put({ ...things, Item: { id: '1' } });
    const fresh = { ConditionExpression: 'attribute_not_exists(id)' };
    await expect(client.put({ ...things, Item: { id: '1' }, ...fresh })).rejects.toBeInstanceOf(
      ConditionalCheckFailedException,
    );
    await expect(
      client.transactWrite({ TransactItems: [{ Put: { ...things, Item: { id: '1' }, ...fresh } }] }),
    ).rejects.toBeInstanceOf(TransactionCanceledException);
  });

  it('cancels a transaction for an update that can not be done, as the API reference says', async () => {
    const { client } = aDatabase();
    await client.put({ ...things, Item: { id: '1', a: 'text' } });
    const Update = {
      ...things,
      Key: { id: '1' },
      UpdateExpression: 'SET a = a + :one',
      ExpressionAttributeValues: { ':one': 1 },
    };
    await expect(
      client.transactWrite({ TransactItems: [{ Put: { ...things, Item: { id: '2' } } }, { Update }] }),
    ).rejects.toMatchObject({ CancellationReasons: [{ Code: 'None' }, { Code: 'ValidationError' }] });
    await expect(client.get({ ...things, Key: { id: '2' } })).resolves.not.toHaveProperty('Item');
  });

  it('forgets a request token after ten minutes', async () => {
    const { client, clock } = aDatabase();
    const request = {
      TransactItems: [{ Put: { ...things, Item: { id: '1' }, ConditionExpression: 'attribute_not_exists(id)' } }],
      ClientRequestToken: 'token',
    };
    await client.transactWrite(request);
    clock.at += 600_000;
    await client.transactWrite(request);
    clock.at += 1;
    await expect(client.transactWrite(request)).rejects.toBeInstanceOf(TransactionCanceledException);
  });

  it('shows inserts only, once they are committed', async () => {
    const { client, inserts } = aDatabase();
    await client.put({ ...things, Item: { id: '1' } });
    await client.put({ ...things, Item: { id: '1', again: true } });
    await client.update({ ...things, Key: { id: '2' } });
    await client.delete({ ...things, Key: { id: '2' } });
    await client
      .transactWrite({
        TransactItems: [
          { Put: { ...things, Item: { id: '3' } } },
          { ConditionCheck: { ...things, Key: { id: '9' }, ConditionExpression: 'attribute_exists(id)' } },
        ],
      })
      .catch(() => undefined);
    expect(inserts).toEqual(['things {"id":{"S":"1"}}', 'things {"id":{"S":"2"}}']);
  });

  it('sorts by number, and ends a page behind 1 MB', async () => {
    const { client } = aDatabase();
    const text = 'x'.repeat(390_000);
    for (const sk of [10, 9, 100, -1]) await client.put({ TableName: 'lists', Item: { pk: 'p', sk, text } });
    const query = {
      TableName: 'lists',
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': 'p' },
      ProjectionExpression: 'sk',
    };
    const first = await client.query(query);
    expect(first.Items).toEqual([{ sk: -1 }, { sk: 9 }, { sk: 10 }]);
    const second = await client.query({ ...query, ExclusiveStartKey: first.LastEvaluatedKey });
    expect(second).toMatchObject({ Items: [{ sk: 100 }] });
    expect(second).not.toHaveProperty('LastEvaluatedKey');
  });

  it('scans everything, page by page', async () => {
    const { client } = aDatabase();
    const ids = Array.from({ length: 7 }, (_, at) => String(at));
    for (const id of ids) await client.put({ ...things, Item: { id } });
    const seen: unknown[] = [];
    let from: Record<string, unknown> | undefined;
    do {
      const page = await client.scan({ ...things, Limit: 3, ExclusiveStartKey: from });
      seen.push(...(page.Items ?? []).map(({ id }): unknown => id));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    expect(seen.toSorted()).toEqual(ids);
  });

  it.each<[string, (client: DynamoDBDocument) => Promise<unknown>]>([
    ['Table "none"', (client) => client.get({ TableName: 'none', Key: { id: '1' } })],
    ['Scan with TotalSegments', (client) => client.scan({ ...things, Segment: 0, TotalSegments: 2 })],
    ['ExecuteStatement', (client) => client.executeStatement({ Statement: 'SELECT * FROM things' })],
    [
      'ReturnValues UPDATED_NEW of a part of an attribute',
      (client) =>
        client.update({
          ...things,
          Key: { id: '1' },
          UpdateExpression: 'SET m.a = :v',
          ExpressionAttributeValues: { ':v': 1 },
          ReturnValues: 'UPDATED_NEW',
        }),
    ],
    ['Scan from an item that is gone', (client) => client.scan({ ...things, ExclusiveStartKey: { id: 'gone' } })],
  ])('refuses what it does not do: %s', async (what, request) => {
    const { client, refusals } = aDatabase();
    await expect(request(client)).rejects.toMatchObject({ code: 'not-simulated', details: { what } });
    expect(refusals).toHaveLength(1);
  });

  it('gives what can be changed without changing the table', async () => {
    const { client } = aDatabase();
    await client.put({ ...things, Item: { id: '1', list: [1], bytes: Buffer.from('x') } });
    const { Item } = await client.get({ ...things, Key: { id: '1' } });
    (Item?.['list'] as number[]).push(2);
    await expect(client.get({ ...things, Key: { id: '1' } })).resolves.toMatchObject({
      Item: { list: [1], bytes: new Uint8Array(Buffer.from('x')) },
    });
    client.destroy();
  });
});
