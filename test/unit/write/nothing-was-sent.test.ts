import { Readable } from 'node:stream';
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument, NumberValue } from '@aws-sdk/lib-dynamodb';
import type { OutboxErrorCode, TransactionAction } from '../../../lib';
import { order42, orderOutbox, placed, refusal, REQUEST_ID, untyped } from './order-outbox';

type Answer = Error | { readonly status: number; readonly body: string };

const fault = (name: string, more: object = {}) => Object.assign(new Error(`${name}!`), { name, ...more });
const answer = (status: number, type: string): Answer => ({ status, body: JSON.stringify({ __type: type }) });
const RESET = fault('Error', { code: 'ECONNRESET' });

/** An SDK client whose HTTP client returns `answers` in turn. */
function sdkClient(answers: readonly Answer[], config: DynamoDBClientConfig = {}) {
  let sent = 0;
  const handle = () => {
    const next = answers[sent];
    sent += 1;
    if (next === undefined) throw new Error('One request too many.');
    if (next instanceof Error) throw next;
    const { status, body } = next;
    return Promise.resolve({ response: { statusCode: status, headers: {}, body: Readable.from([Buffer.from(body)]) } });
  };
  const client = new DynamoDBClient({
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: Math.max(1, answers.length),
    requestHandler: { handle },
    ...config,
  });
  return { client: DynamoDBDocument.from(client), sent: () => sent };
}

async function failed<C extends OutboxErrorCode>(
  code: C,
  { client, sent }: ReturnType<typeof sdkClient>,
  { actions = [], requestId }: { actions?: readonly TransactionAction[]; requestId?: string } = {},
) {
  const write = {
    actions,
    changes: [{ ...order42, events: [placed] }],
    ...(requestId === undefined ? {} : { requestId }),
  };
  const error = await refusal(code, () => orderOutbox().transact(client, write));
  return { error, requests: sent() };
}

/** Attributes that the client encodes. */
const ENCODABLE = {
  big: 1n,
  bytes: Buffer.from('x'),
  raw: new ArrayBuffer(1),
  exact: NumberValue.from('12345678901234567890'),
  most: Number.MAX_SAFE_INTEGER,
  least: Number.MIN_SAFE_INTEGER,
  none: null,
  isOpen: true,
  tags: new Set(['a', 'b']),
  lines: [{ quantity: 1 }],
};

const put = (Item: Record<string, unknown>): TransactionAction => ({ Put: { TableName: 'orders', Item } });

test.each<[string, Record<string, unknown>]>([
  ['Put.Item.m.x', { m: { x: undefined } }],
  ['Put.Item.m[1]', { m: [1, new Date(0)] }],
  ['Put.Item.n', { n: 2 ** 60 }],
  ['Put.Item.n', { n: Number.NaN }],
  ['Put.Item.s', { s: new Set() }],
  ['Put.Item.s', { s: new Set([1, Number.NaN]) }],
  [
    'Put.Item.o',
    {
      o: new (class Order {
        readonly id = 1;
      })(),
    },
  ],
])('%s that the client cannot encode is named, and nothing is unknown', async (path, item) => {
  const actions = [put({ pk: '1', ...ENCODABLE }), put({ pk: '2', ...ENCODABLE, ...item })];
  for (const requestId of [undefined, REQUEST_ID]) {
    const given = requestId === undefined ? { actions } : { actions, requestId };
    const { error, requests } = await failed('action-rejected', sdkClient([]), given);
    expect(error).toMatchObject({ retryable: false, details: { index: 1 } });
    expect(error.message).toContain(`${path} of action 1`);
    expect(requests).toBe(0);
    // A direct caller of the SDK gets the same result.
    expect(orderOutbox().toOutboxError(error.cause, actions)).toMatchObject({
      code: 'action-rejected',
      details: { index: 1 },
    });
  }
});

test.each<[string, TransactionAction]>([
  [
    'Update.ExpressionAttributeValues',
    {
      Update: {
        TableName: 'orders',
        Key: { pk: '1' },
        UpdateExpression: 'SET a = :a',
        ExpressionAttributeValues: { ':a': Number.NaN },
      },
    },
  ],
  ['Delete.Key', { Delete: { TableName: 'orders', Key: { pk: Number.NaN } } }],
])('a value in %s that the client cannot encode is named, too', async (path, action) => {
  const { error } = await failed('action-rejected', sdkClient([]), { actions: [put({ pk: '0' }), action] });
  expect(error.details.index).toBe(1);
  expect(error.message).toContain(path);
});

test('an error of the client’s own code is not repeated', async () => {
  const { error } = await failed('access-denied', sdkClient([], provider(new TypeError('x is not a function'))));
  expect(error.retryable).toBe(false);
});

test('a client whose middlewares cannot be changed is used unobserved', async () => {
  const middlewareStack = {
    add: () => {
      throw new TypeError('frozen');
    },
  };
  const client = { middlewareStack, transactWrite: () => Promise.reject(RESET) };
  const write = { changes: [{ ...order42, events: [placed] }] };
  await refusal('outcome-unknown', () => orderOutbox().transact(client, write));
});

const provider = (thrown: Error) => ({
  credentials: () => Promise.reject(thrown),
});

test.each<[string, boolean, DynamoDBClientConfig]>([
  ['a service that is not reached', true, provider(fault('Error', { code: 'ECONNREFUSED' }))],
  ['a service in trouble', true, provider(fault('InternalFailure', { $metadata: { httpStatusCode: 500 } }))],
  ['a throttled service', true, provider(fault('Throttling', { $metadata: { httpStatusCode: 400 } }))],
  [
    'an identity provider in trouble',
    true,
    provider(fault('IDPCommunicationError', { $metadata: { httpStatusCode: 400 } })),
  ],
  ['a provider of one’s own', true, provider(new Error('vault is down'))],
  ['a chain that finds none', true, provider(fault('CredentialsProviderError'))],
  ['a refused role', false, provider(fault('AccessDenied', { $metadata: { httpStatusCode: 403 } }))],
  ['a refused token', false, provider(fault('InvalidIdentityToken', { $metadata: { httpStatusCode: 400 } }))],
  ['no credentials', false, { credentials: () => Promise.resolve(untyped(undefined)) }],
])('credentials: %s, retryable %s, and nothing is written', async (_, retryable, config) => {
  const { error, requests } = await failed('access-denied', sdkClient([], config));
  expect(error.retryable).toBe(retryable);
  expect(error.message).toContain('Nothing was written');
  expect(requests).toBe(0);
});

test('a client without a region is told so', async () => {
  const region = () => Promise.reject(new Error('Region is missing'));
  const { error, requests } = await failed('request-rejected', sdkClient([], { region }));
  expect(error.retryable).toBe(false);
  expect(error.message).toContain('Region is missing');
  expect(requests).toBe(0);
});

test.each<[string, Answer]>([
  ['a lost connection', RESET],
  ['HTTP 408', { status: 408, body: '' }],
  ['HTML with 400 from a proxy', { status: 400, body: '<html>' }],
  ['413 from a proxy', { status: 413, body: '' }],
  ['HTML with 200', { status: 200, body: '<html>' }],
  ['a redirect', { status: 307, body: '' }],
  ['an internal error', answer(500, 'InternalServerError')],
])('after %s the outcome is unknown, and a request id makes it repeatable', async (_, given) => {
  expect((await failed('outcome-unknown', sdkClient([given]))).error.retryable).toBe(false);
  const { error, requests } = await failed('outcome-unknown', sdkClient([given]), { requestId: REQUEST_ID });
  expect(error.retryable).toBe(true);
  expect(requests).toBe(1);
});

test.each([
  ...['ThrottlingException', 'Throttling', 'ThrottledException', 'TooManyRequestsException', 'RequestLimitExceeded'],
  ...['RequestThrottled', 'RequestThrottledException', 'SlowDown', 'BandwidthLimitExceeded', 'PriorRequestNotComplete'],
])('%s is throttling', async (name) => {
  expect((await failed('throttled', sdkClient([answer(400, name)]))).error.retryable).toBe(true);
});

test.each([
  ['throttled', answer(400, 'ThrottlingException')],
  ['access-denied', answer(400, 'AccessDeniedException')],
  ['request-rejected', answer(400, 'ValidationException')],
] as const)('%s after an attempt without an answer proves nothing', async (code, last) => {
  const { error, requests } = await failed('outcome-unknown', sdkClient([RESET, last]));
  expect([error.retryable, requests]).toEqual([false, 2]);
  expect(error.message).toContain('an earlier attempt had no answer');
  const throttledBefore = sdkClient([answer(400, 'ThrottlingException'), last]);
  expect((await failed(code, throttledBefore)).requests).toBe(2);
});

test('one client serves calls at once, and each is told of its own', async () => {
  const both = sdkClient([RESET]);
  const [sent, unsent] = await Promise.all([
    failed('outcome-unknown', both),
    failed('action-rejected', both, { actions: [put({ x: { y: undefined } })] }),
  ]);
  expect(sent.error.retryable).toBe(false);
  expect(unsent.error.details.index).toBe(0);
});
