import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { serviceFailureOf } from '../../../../lib/consume/service-error';
import { memoryClient } from '../../../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../../../lib/testing/dynamodb/memory-dynamodb';

const KEY = { id: '1' };

/** Tables in memory that throw `bug`. */
function aBrokenDatabase(bug: Error) {
  const tables = new MemoryDynamoDb({ things: { id: 'S' } }, Date.now);
  tables.respond = () => {
    throw bug;
  };
  return memoryClient(tables, 'eu-west-1', () => undefined);
}

describe('an error of the tables in memory that is no answer of DynamoDB', () => {
  it('is thrown as it is, and is no failure of a service', async () => {
    const bug = new TypeError('items is not iterable');
    const client = aBrokenDatabase(bug);
    const thrown: unknown = await client
      .send(new GetItemCommand({ TableName: 'things', Key: { id: { S: '1' } } }))
      .catch((error: unknown) => error);
    expect(thrown).toBe(bug);
    expect(thrown).not.toHaveProperty('$metadata');
    expect(serviceFailureOf(thrown)).toBeUndefined();
  });

  it('is thrown as it is by a document client too', async () => {
    const bug = new RangeError('Invalid array length');
    const thrown: unknown = await DynamoDBDocument.from(aBrokenDatabase(bug))
      .get({ TableName: 'things', Key: KEY })
      .catch((error: unknown) => error);
    expect(thrown).toBe(bug);
    expect(serviceFailureOf(thrown)).toBeUndefined();
  });

  it('is no failure of a service when a request is not simulated', async () => {
    const tables = new MemoryDynamoDb({ things: { id: 'S' } }, Date.now);
    const client = DynamoDBDocument.from(memoryClient(tables, 'eu-west-1', () => undefined));
    const thrown: unknown = await client.get({ TableName: 'others', Key: KEY }).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: 'not-simulated' });
    expect(serviceFailureOf(thrown)).toBeUndefined();
  });

  it('keeps the metadata of what DynamoDB answers', async () => {
    const tables = new MemoryDynamoDb({ things: { id: 'S' } }, Date.now);
    const client = DynamoDBDocument.from(memoryClient(tables, 'eu-west-1', () => undefined));
    await expect(client.get({ TableName: 'things', Key: { id: '' } })).rejects.toMatchObject({
      name: 'ValidationException',
      $metadata: { httpStatusCode: 400, attempts: 1 },
    });
  });
});
