import {
  IdempotentParameterMismatchException,
  TransactionCanceledException,
  TransactionInProgressException,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { OutboxErrorCode, TransactionAction } from '../../../lib';
import { OutboxError } from '../../../lib';
import { order42, orderOutbox, placed, refusal, REQUEST_ID } from './order-outbox';

const outbox = orderOutbox();
const business: TransactionAction = { Put: { TableName: 'orders', Item: { pk: '42' } } };
const NONE = { Code: 'None' };
const FAILED = { Code: 'ConditionalCheckFailed', Message: 'The conditional request failed' };

const cancelled = (CancellationReasons: TransactionCanceledException['CancellationReasons']) =>
  new TransactionCanceledException({ $metadata: {}, message: 'cancelled', CancellationReasons });

const actions = async () => [business, ...(await outbox.items(order42, [placed]))];

async function explained<C extends OutboxErrorCode>(code: C, ...reasons: { Code: string; Message?: string }[]) {
  const error = cancelled(reasons);
  const all = await actions();
  const found = await refusal(code, () => {
    throw outbox.toOutboxError(error, all);
  });
  expect(found.cause).toBe(error);
  return found;
}

test('a taken version is a conflict, with another writer or with an earlier call of one’s own', async () => {
  const error = await explained('version-conflict', NONE, FAILED);
  expect(error.message).toContain('by another writer or by an earlier call whose answer was lost');
  expect(error.details).toEqual({ aggregate: 'order', key: '42', version: 1 });
  expect(error.retryable).toBe(false);
});

test('a taken version comes before the business condition that failed with it', async () => {
  await explained('version-conflict', FAILED, FAILED);
});

test('a business condition is named by its place, with the item that the caller asked for', async () => {
  const Item = marshall({ pk: '42', status: 'shipped' });
  const error = await explained('condition-failed', { ...FAILED, Item } as typeof FAILED, NONE);
  expect(error.details).toEqual({ index: 0, item: Item });
  expect((await explained('condition-failed', FAILED, NONE)).details).toEqual({ index: 0 });
});

test.each([
  ['transaction-conflict', 'TransactionConflict', true],
  ['throttled', 'ThrottlingError', true],
  ['throttled', 'ProvisionedThroughputExceeded', true],
  ['item-collection-full', 'ItemCollectionSizeLimitExceeded', false],
] as const)('%s: %s names the entries', async (code, Code, retryable) => {
  const error = await explained(code, { Code }, { Code });
  expect(error.details).toEqual({ indexes: [0, 1] });
  expect(error.message).toContain('actions 0, 1');
  expect(error.retryable).toBe(retryable);
  expect((await explained(code, NONE, { Code })).message).toContain('action 1');
});

test('an entry that DynamoDB finds invalid is named with its reason', async () => {
  const error = await explained('action-rejected', NONE, {
    Code: 'ValidationError',
    Message: 'Item size has exceeded',
  });
  expect(error.details).toEqual({ index: 1, reason: 'Item size has exceeded' });
});

test('what stays wrong comes before what a repetition may cure', async () => {
  await explained('condition-failed', FAILED, { Code: 'TransactionConflict' });
  await explained('transaction-conflict', { Code: 'ThrottlingError' }, { Code: 'TransactionConflict' });
});

test('an action that DynamoDB finds invalid comes before one that a repetition may write', async () => {
  const invalid = { Code: 'ValidationError', Message: 'Item size has exceeded' };
  const error = await explained('action-rejected', { Code: 'TransactionConflict' }, invalid);
  expect(error.details).toEqual({ index: 1, reason: 'Item size has exceeded' });
});

test('the condition of an update is a business condition', async () => {
  const update: TransactionAction = {
    Update: { TableName: 'orders', Key: { pk: '42' }, UpdateExpression: 'SET a = b' },
  };
  const all = [update, ...(await outbox.items(order42, [placed]))];
  const error = outbox.toOutboxError(cancelled([FAILED, NONE]), all);
  expect(error).toMatchObject({ code: 'condition-failed', details: { index: 0 } });
});

test('the condition of another item in the outbox table is a business condition', async () => {
  const [event] = await outbox.items(order42, [placed]);
  const note: TransactionAction = { Put: { ...event!.Put, Item: { ...event!.Put.Item, pk: 'note' } } };
  const error = outbox.toOutboxError(cancelled([FAILED]), [note]);
  expect(error).toMatchObject({ code: 'condition-failed', details: { index: 0 } });
});

test('the reason of an action without a message is its code', async () => {
  const error = await explained('action-rejected', NONE, { Code: 'InternalServerError' });
  expect(error.details).toEqual({ index: 1, reason: 'InternalServerError' });
  expect(error.retryable).toBe(true);
});

test('a taken position of a key without versions is a failed condition', async () => {
  const all = await outbox.items({ aggregate: 'note', key: '1' }, [placed], { requestId: REQUEST_ID });
  for (const Item of [undefined, marshall({ pk: 'note#1' })]) {
    const error = outbox.toOutboxError(cancelled([{ ...FAILED, ...(Item && { Item }) }]), all);
    expect(error).toMatchObject({ code: 'condition-failed', details: { index: 0 } });
  }
});

test('a cancellation without a reason keeps its name and message', async () => {
  const error = outbox.toOutboxError(cancelled([NONE, NONE]), await actions());
  expect(error.details).toEqual({ name: 'TransactionCanceledException', reason: 'cancelled' });
});

test('a token that was used for another request is told as such', async () => {
  const error = new IdempotentParameterMismatchException({ $metadata: {}, message: 'mismatch' });
  const found = outbox.toOutboxError(error, await actions(), { requestId: 'r-1' });
  expect(found).toBeInstanceOf(OutboxError);
  expect(found).toMatchObject({ code: 'request-id-reused', details: { requestId: 'r-1' }, cause: error });
});

/** An error as the SDK throws it. */
const sdkError = (name: string, httpStatusCode?: number, more: object = {}) =>
  Object.assign(new Error(`${name}!`), { name, $metadata: { httpStatusCode }, ...more });

// Whether the write may have happened unnoticed: then only a request id makes a retry safe.
const UNSAFE = 'only with a request id';
test.each<[OutboxErrorCode, boolean | typeof UNSAFE, unknown]>([
  ['transaction-in-progress', UNSAFE, new TransactionInProgressException({ $metadata: {}, message: 'in progress' })],
  ['outcome-unknown', UNSAFE, sdkError('TimeoutError')],
  ['outcome-unknown', UNSAFE, sdkError('AbortError')],
  ['outcome-unknown', UNSAFE, sdkError('Error', undefined, { code: 'ECONNRESET' })],
  ['outcome-unknown', UNSAFE, sdkError('Error', undefined, { code: 'ECONNREFUSED' })],
  ['outcome-unknown', UNSAFE, sdkError('InternalServerError', 500)],
  ['outcome-unknown', UNSAFE, sdkError('ServiceUnavailable', 503)],
  ['outcome-unknown', UNSAFE, sdkError('SomethingNew', 400, { $retryable: {} })],
  ['outcome-unknown', UNSAFE, sdkError('RequestTimeout', 400)],
  ['outcome-unknown', UNSAFE, sdkError('UnknownError', 400)],
  ['outcome-unknown', UNSAFE, new Error('socket hang up')],
  ['outcome-unknown', UNSAFE, new TypeError('fetch failed')],
  ['outcome-unknown', UNSAFE, 'text'],
  ['outcome-unknown', UNSAFE, undefined],
  ['outcome-unknown', UNSAFE, null],
  ['throttled', true, sdkError('ThrottlingException', 400)],
  ['throttled', true, sdkError('ProvisionedThroughputExceededException', 400)],
  ['throttled', true, sdkError('RequestLimitExceeded', 400)],
  ['throttled', true, sdkError('SomethingNew', 429)],
  ['transaction-conflict', true, sdkError('TransactionConflictException', 400)],
  ['transaction-conflict', true, sdkError('ReplicatedWriteConflictException', 400)],
  ['item-collection-full', false, sdkError('ItemCollectionSizeLimitExceededException', 400)],
  ['access-denied', false, sdkError('AccessDeniedException', 400)],
  ['access-denied', false, sdkError('UnrecognizedClientException', 400)],
  ['access-denied', false, sdkError('SomethingNew', 403)],
  ['access-denied', false, sdkError('SomethingNew', 401)],
  ['access-denied', true, sdkError('ExpiredTokenException', 400)],
  ['access-denied', true, sdkError('InvalidSignatureException', 403, { $retryable: {} })],
  ['access-denied', true, sdkError('CredentialsProviderError')],
  ['request-rejected', false, sdkError('ValidationException', 400)],
  ['request-rejected', false, sdkError('ResourceNotFoundException', 400)],
  ['request-rejected', false, sdkError('SomethingNew', 400)],
  ['request-rejected', false, cancelled(undefined)],
  ['request-rejected', false, cancelled([NONE, NONE])],
  ['action-rejected', false, cancelled([NONE, { Code: 'SomethingNew' }])],
])('%s, retryable %s: whatever the client throws is explained', async (code, retryable, error) => {
  const all = await actions();
  const client = { transactWrite: jest.fn<Promise<unknown>, []>().mockRejectedValue(error) };
  const change = { ...order42, events: [placed] };
  for (const requestId of [REQUEST_ID, undefined]) {
    const options = requestId === undefined ? {} : { requestId };
    const expected = { code, retryable: retryable === UNSAFE ? requestId !== undefined : retryable, cause: error };
    expect(outbox.toOutboxError(error, all, options)).toBeInstanceOf(OutboxError);
    expect(outbox.toOutboxError(error, all, options)).toMatchObject(expected);
    await expect(outbox.transact(client, { changes: [change], ...options })).rejects.toMatchObject(expected);
  }
});

test('an error that is explained already is not explained again', async () => {
  const error = outbox.toOutboxError(new Error('x'), await actions());
  expect(outbox.toOutboxError(error, await actions())).toBe(error);
});

test('a stored item that breaks the format is another one than ours', async () => {
  const all = await outbox.items(order42, [placed], { requestId: REQUEST_ID });
  const Item = { ...marshall(all[0]!.Put.Item), source: { S: 'not a uri' } };
  const error = cancelled([{ ...FAILED, Item }]);
  expect(outbox.toOutboxError(error, all, { requestId: REQUEST_ID })).toMatchObject({ code: 'request-id-reused' });
});

test.each([
  ['a map', () => Array.from({ length: 5000 }).reduce<object>((inner) => ({ inner }), {})],
  ['a list', () => Array.from({ length: 5000 }).reduce<unknown[]>((inner) => [inner], [])],
  [
    'an object that holds itself',
    () => {
      const own: { self?: unknown } = {};
      own.self = own;
      return own;
    },
  ],
])('%s that would end the stack is refused before the call', async (_, deep) => {
  const transactWrite = jest.fn();
  const write = { actions: [{ Put: { TableName: 'orders', Item: { pk: '42', deep: deep() } } }] };
  const error = await refusal('nested-too-deep', () =>
    outbox.transact({ transactWrite }, { ...write, changes: [{ ...order42, events: [placed] }] }),
  );
  expect(error.details).toEqual({ maxLevels: 32 });
  expect(transactWrite).not.toHaveBeenCalled();
});

describe('a late repetition', () => {
  const change = { ...order42, events: [placed] };

  /** Answers as DynamoDB does ten minutes later: the token is forgotten, but the item exists. */
  async function tableWith(found: (item: Record<string, unknown>) => Record<string, unknown>, requestId?: string) {
    const [entry] = await outbox.items(order42, [placed], requestId === undefined ? {} : { requestId });
    const Item = marshall(found(entry?.Put.Item ?? {}));
    return { transactWrite: () => Promise.reject(cancelled([FAILED, { ...FAILED, Item }])) };
  }
  const transact = (client: Awaited<ReturnType<typeof tableWith>>, requestId?: string) =>
    outbox.transact(client, {
      actions: [business],
      changes: [change],
      ...(requestId === undefined ? {} : { requestId }),
    });

  test('finds its own item and succeeds without writing', async () => {
    const client = await tableWith((item) => ({ ...item, processedAt: 1, receipts: ['orders-0@1'] }), REQUEST_ID);
    const first = await outbox.transact(
      { transactWrite: () => Promise.resolve() },
      { changes: [change], requestId: REQUEST_ID },
    );
    await expect(transact(client, REQUEST_ID)).resolves.toEqual({ tokens: first.tokens, alreadyWritten: true });
  });

  test('succeeds also when the relay had to drop the events of its item', async () => {
    const client = await tableWith(({ events: _, ...item }) => item, REQUEST_ID);
    await expect(transact(client, REQUEST_ID)).resolves.toMatchObject({ alreadyWritten: true });
  });

  test('with other events than the first attempt is told that its request id was used before', async () => {
    const other = (item: Record<string, unknown>) => ({
      ...item,
      events: [{ ...(item['events'] as object[])[0], data: '{}' }],
    });
    const client = await tableWith(other, REQUEST_ID);
    const error = await refusal('request-id-reused', () => transact(client, REQUEST_ID));
    expect(error.details).toEqual({ requestId: REQUEST_ID });
  });

  test('that finds the item of another writer is a version conflict', async () => {
    const client = await tableWith((item) => ({ ...item, id: 'other' }), REQUEST_ID);
    await refusal('version-conflict', () => transact(client, REQUEST_ID));
  });

  test('without a request id is not taken for success', async () => {
    const events = [{ ...placed, id: 'e-1' }];
    const [entry] = await outbox.items(order42, events);
    const reasons = [{ ...FAILED, Item: marshall(entry!.Put.Item) }];
    const client = { transactWrite: () => Promise.reject(cancelled(reasons)) };
    const error = await refusal('event-already-written', () =>
      outbox.transact(client, { changes: [{ ...order42, events }] }),
    );
    expect(error.details).toEqual({ aggregate: 'order', key: '42', id: 'e-1' });
    expect(error.cause).toBeInstanceOf(TransactionCanceledException);
  });
});
