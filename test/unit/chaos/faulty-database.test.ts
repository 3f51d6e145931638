import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Random } from '../../../lib/testing/random';
import { FaultyDatabase, type DatabaseFault } from '../../chaos/world/faulty-database';

/** Requests that reached the database. */
const received: { readonly operation: string; readonly body: Record<string, unknown> }[] = [];
let server: Server;
let database: FaultyDatabase;
let endpoint: string;

beforeEach(async () => {
  received.length = 0;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      received.push({ operation: String(request.headers['x-amz-target']).split('.')[1] ?? '', body });
      const statements = (body['Statements'] as readonly unknown[] | undefined) ?? [];
      response.end(JSON.stringify({ Responses: statements.map((statement) => ({ TableName: statement })) }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  database = new FaultyDatabase(new Random(1));
  endpoint = await database.start(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterEach(async () => {
  await database.stop();
  server.closeAllConnections();
  server.close();
});

async function send(operation: string, body: object, timeoutMs = 2_000) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'x-amz-target': `DynamoDB_20120810.${operation}` },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

it('passes everything on without a fault', async () => {
  expect((await send('GetItem', { Key: 1 })).status).toBe(200);
  expect(received).toEqual([{ operation: 'GetItem', body: { Key: 1 } }]);
});

it.each<[DatabaseFault, number, string]>([
  ['throttled', 400, 'ProvisionedThroughputExceededException'],
  ['failed', 500, 'InternalServerError'],
])('answers for the database: %s', async (fault, status, type) => {
  database.begin(fault, 1);
  const answer = await send('GetItem', {});
  expect(answer.status).toBe(status);
  expect(answer.body['__type']).toContain(type);
  expect(received).toEqual([]);
  expect(database.counts[fault]).toBe(1);
  database.end();
  expect((await send('GetItem', {})).status).toBe(200);
});

it('loses an answer after the request took effect', async () => {
  database.begin('answer-lost', 1);
  await expect(send('PutItem', {})).rejects.toThrow();
  expect(received.map(({ operation }) => operation)).toEqual(['PutItem']);
});

it('is silent, and the request has no effect', async () => {
  database.begin('silent', 1);
  await expect(send('PutItem', {}, 100)).rejects.toThrow(/timeout/);
  expect(received).toEqual([]);
});

it('executes every other statement of a batch, and says which it did not', async () => {
  database.begin('unprocessed', 1);
  const { body } = await send('BatchExecuteStatement', { Statements: ['a', 'b', 'c', 'd'] });
  expect(received[0]?.body['Statements']).toEqual(['b', 'd']);
  const error = { Error: { Code: 'ThrottlingError', Message: 'made to fail' } };
  expect(body['Responses']).toEqual([error, { TableName: 'b' }, error, { TableName: 'd' }]);
});

it('reads every other key of a batch, and returns the rest as unprocessed', async () => {
  database.begin('unprocessed', 1);
  const { body } = await send('BatchGetItem', {
    RequestItems: { orders: { Keys: ['a', 'b', 'c'], ConsistentRead: true } },
  });
  expect(received[0]?.body['RequestItems']).toEqual({ orders: { Keys: ['b'], ConsistentRead: true } });
  expect(body['UnprocessedKeys']).toEqual({ orders: { Keys: ['a', 'c'], ConsistentRead: true } });
});

it('cancels a transaction because of its first action, and nothing else', async () => {
  database.begin('conflict', 1);
  const { status, body } = await send('TransactWriteItems', { TransactItems: [{}, {}] });
  expect(status).toBe(400);
  expect(body['CancellationReasons']).toEqual([{ Code: 'TransactionConflict' }, { Code: 'None' }]);
  expect((await send('GetItem', {})).status).toBe(200);
});

it.each(['before', 'after'] as const)('interrupts the next request of an operation %s its effect', async (moment) => {
  const seen: number[] = [];
  database.intercept({
    ...{ operation: 'PutItem', moment },
    run: () => Promise.resolve(void seen.push(received.length)),
  });
  expect((await send('GetItem', {})).status).toBe(200);
  await expect(send('PutItem', {}, 300)).rejects.toThrow();
  expect(seen).toEqual([moment === 'before' ? 1 : 2]);
  expect((await send('PutItem', {})).status).toBe(200);
});

it('does not interrupt after it was cancelled', async () => {
  const cancel = database.intercept({ operation: 'PutItem', moment: 'before', run: () => Promise.resolve() });
  cancel();
  expect((await send('PutItem', {})).status).toBe(200);
});
