import { createHash, createHmac, type BinaryLike } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SignatureV4 } from '@smithy/signature-v4';
import { directCalls, type DirectCalls } from '../../../../lib/relay/dynamodb/direct-calls';
import { dynamodbClient } from '../../../../lib/relay/dynamodb/client';
import { keyReader } from '../../../../lib/relay/dynamodb/keys';
import { markWriter } from '../../../../lib/relay/dynamodb/marks';
import { DYNAMODB_TIMING } from '../../../../lib/relay/environment';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Whether the SDK sent it: it numbers its attempts. */
  readonly isOfSdk: boolean;
}

type Answer = (received: Received, response: ServerResponse) => void;

const TOKEN = 'a/session+token==';
let server: Server;
let client: DynamoDBClient;
let received: Received[] = [];
let answer: Answer;
const credentials = jest.fn();

const ok = (response: ServerResponse, body: object): void => {
  response.setHeader('content-type', 'application/x-amz-json-1.0').end(JSON.stringify(body));
};

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { headers } = request;
      const all: Received = { headers, body, isOfSdk: 'amz-sdk-request' in headers };
      received.push(all);
      answer(all, response);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterAll(async () => {
  server.closeAllConnections();
  await once(server.close(), 'close');
});

const endpoint = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeEach(() => {
  received = [];
  answer = ({ body }, response) => ok(response, body.includes('Statements') ? { Responses: [{}] } : {});
  credentials.mockResolvedValue({ accessKeyId: 'AKID', secretAccessKey: 'secret', sessionToken: TOKEN });
  client = dynamodbClient({ endpoint: endpoint(), region: 'eu-central-1', credentials: credentials as never });
});
afterEach(() => client.destroy());

const begin = async () => {
  const direct = directCalls(client);
  await client.send(new DescribeTableCommand({ TableName: 'outbox' }));
  received = [];
  return direct;
};
const signal = new AbortController().signal;

/** The SDK's own hashes, as its clients give them to the signer. */
class Sha256 {
  readonly #hash;
  constructor(secret?: BinaryLike) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data: BinaryLike): void {
    this.#hash.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
}

async function bySdk(received: Received | undefined, sessionToken: string | undefined): Promise<string | undefined> {
  const { headers = {}, body = '' } = received ?? {};
  const signed = Object.fromEntries(
    ['content-type', 'host', 'x-amz-target'].map((name) => [name, String(headers[name])]),
  );
  const signer = new SignatureV4({
    ...{ service: 'dynamodb', region: 'eu-central-1', sha256: Sha256 as never, applyChecksum: false },
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret', sessionToken },
  });
  const time = String(headers['x-amz-date']).replace(/(....)(..)(..T..)(..)(..Z)/, '$1-$2-$3:$4:$5');
  const request = {
    method: 'POST',
    protocol: 'http:',
    hostname: '127.0.0.1',
    path: '/',
    query: {},
    headers: signed,
    body,
  };
  const { headers: all } = await signer.sign(request, { signingDate: new Date(time) });
  return all['authorization'];
}

const refuse = (): Promise<never> => Promise.reject(new Error('by the client'));
const call = (direct: DirectCalls, input: object = { Statements: [] }) =>
  direct('BatchExecuteStatement', input, refuse, signal);

it('leaves the calls to the client until it knows an endpoint', async () => {
  const direct = directCalls(client);
  await expect(call(direct)).rejects.toThrow('by the client');
  await client.send(new DescribeTableCommand({ TableName: 'outbox' }));
  expect(await call(direct)).toEqual({ Responses: [{}] });
});

it.each([TOKEN, undefined])(
  'sends the input as JSON, signed as the SDK signs (session token: %s)',
  async (sessionToken) => {
    credentials.mockResolvedValue({ accessKeyId: 'AKID', secretAccessKey: 'secret', sessionToken });
    const direct = await begin();
    const input = { Statements: [{ Statement: 'é', Parameters: [{ S: '\u{1f600}' }] }] };

    expect(await call(direct, input)).toEqual({ Responses: [{}] });

    const [sent] = received;
    expect(received).toHaveLength(1);
    expect(JSON.parse(sent?.body ?? '')).toEqual(input);
    expect(sent?.headers).toMatchObject({
      'x-amz-target': 'DynamoDB_20120810.BatchExecuteStatement',
      'content-type': 'application/x-amz-json-1.0',
    });
    expect(sent?.headers['x-amz-security-token']).toBe(sessionToken);
    expect(sent?.headers.authorization).toBe(await bySdk(sent, sessionToken));
  },
);

it('signs with new credentials, and at the time of a corrected clock', async () => {
  const expiration = new Date(Date.now() + 1_000);
  credentials.mockResolvedValue({ accessKeyId: 'AKID', secretAccessKey: 'secret', expiration });
  const direct = await begin();
  await call(direct);
  credentials.mockResolvedValue({ accessKeyId: 'NEW', secretAccessKey: 'other' });
  client.config.systemClockOffset = 3 * 86_400_000;
  await call(direct);

  const [first, second] = received.map(({ headers }) => headers);
  expect(first?.authorization).toContain('Credential=AKID/');
  expect(second?.authorization).toContain('Credential=NEW/');
  const dayOf = (headers?: IncomingHttpHeaders): number => Number(String(headers?.['x-amz-date']).slice(0, 8));
  expect(dayOf(second)).toBeGreaterThan(dayOf(first));
});

const mark = { pk: 'order#42', sk: '0000000000000001', id: 'i', receipts: [] };
const marks = async (timeLimitMs = 60_000) => {
  const write = markWriter(
    client,
    { tableName: 'outbox', retentionSeconds: 1 },
    { now: Date.now },
    sleep,
    await begin(),
  );
  return write([mark], timeLimitMs);
};

it('signs for the region of the endpoint, as the SDK does', async () => {
  client.destroy();
  client = dynamodbClient({ endpoint: endpoint(), region: 'local', credentials: credentials as never });
  const direct = directCalls(client);
  await client.send(new DescribeTableCommand({ TableName: 'outbox' }));
  await call(direct);

  const scopes = received.map(({ headers }) => /Credential=([^,]*)/.exec(headers.authorization ?? '')?.[1]);
  expect(scopes).toHaveLength(2);
  expect(scopes[1]).toBe(scopes[0]);
});

it('leaves the calls to the client for five seconds after one without success', async () => {
  const now = jest.spyOn(performance, 'now').mockReturnValue(1_000);
  const direct = await begin();
  const succeed = answer;
  answer = (_, response) => void response.writeHead(400).end('{}');
  await expect(call(direct)).rejects.toThrow('by the client');
  answer = succeed;
  now.mockReturnValue(5_999);
  await expect(call(direct)).rejects.toThrow('by the client');
  now.mockReturnValue(6_000);
  expect(await call(direct)).toEqual({ Responses: [{}] });
  expect(received).toHaveLength(2);
  now.mockRestore();
});

it('looks items up by direct calls', async () => {
  const key = { pk: { S: 'order#42' }, sk: { S: '0000000000000001' } };
  const direct = await begin();
  answer = (_, response) =>
    ok(response, { Responses: { outbox: [{ ...key, id: { S: 'i' }, processedAt: { N: '1' } }] }, UnprocessedKeys: {} });
  const reader = keyReader({ client, tableName: 'outbox' }, sleep, direct);

  const stored = await reader.lookUp([{ pk: key.pk.S, sk: key.sk.S }]);

  expect([...stored.values()]).toMatchObject([{ state: 'processed', id: 'i' }]);
  expect(received.map(({ isOfSdk }) => isOfSdk)).toEqual([false]);
  expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
    RequestItems: { outbox: { Keys: [key], ConsistentRead: true } },
  });
});

it('gives up on a silent table within the time of the slowest call', async () => {
  const direct = await begin();
  answer = () => undefined;
  const startedAt = performance.now();
  const byClient = jest.fn(() => Promise.resolve({}));
  await direct('BatchGetItem', {}, byClient);
  const { requestTimeoutMs, attempts, slowestCallMs } = DYNAMODB_TIMING;
  expect(performance.now() - startedAt + attempts * requestTimeoutMs).toBeLessThan(slowestCallMs);
  expect(byClient).toHaveBeenCalledTimes(1);
});

it('writes marks by one direct call', async () => {
  expect((await marks()).size).toBe(0);
  expect(received.map(({ isOfSdk }) => isOfSdk)).toEqual([false]);
});

it('writes marks by the client before an endpoint is known', async () => {
  const write = markWriter(
    client,
    { tableName: 'outbox', retentionSeconds: 1 },
    { now: Date.now },
    sleep,
    directCalls(client),
  );
  expect((await write([mark], 60_000)).size).toBe(0);
  expect(received.map(({ isOfSdk }) => isOfSdk)).toEqual([true]);
});

it.each([
  ['an error of DynamoDB', (response: ServerResponse) => response.writeHead(500).end('{}')],
  ['throttling', (response: ServerResponse) => response.writeHead(400).end('{"__type":"x#ThrottlingException"}')],
  ['an answer without an object', (response: ServerResponse) => response.end('null')],
  ['an answer that is no JSON', (response: ServerResponse) => response.end('<html>')],
  ['a lost connection', (response: ServerResponse) => response.destroy()],
  [
    'a connection lost within the answer',
    (response: ServerResponse) => response.writeHead(200, { 'content-length': 9 }).end('{'),
  ],
] as const)('repeats a call by the client after %s', async (_, fail) => {
  const succeed = answer;
  answer = (call, response) => (call.isOfSdk ? succeed(call, response) : void fail(response));

  expect((await marks()).size).toBe(0);
  expect(received.map(({ isOfSdk }) => isOfSdk)).toEqual([false, true]);
});

it('keeps the errors of single statements', async () => {
  answer = ({ body }, response) =>
    ok(
      response,
      body.includes('Statements') ? { Responses: [{ Error: { Code: 'AccessDenied', Message: 'no' } }] } : {},
    );

  expect((await marks()).get(mark)).toEqual({ Code: 'AccessDenied', Message: 'no' });
  expect(received).toHaveLength(1);
});

it('ends with the time limit when nobody answers, and does not begin again by the client', async () => {
  answer = ({ body }, response) => {
    if (!body.includes('Statements')) ok(response, {});
  };

  expect((await marks(300)).get(mark)).toMatchObject({ name: 'TimeLimitExceeded' });
  await sleep(200);
  expect(received.map(({ isOfSdk }) => isOfSdk)).toEqual([false]);
});
