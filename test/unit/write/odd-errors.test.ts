import { runInNewContext } from 'node:vm';
import { OutboxError } from '../../../lib';
import { orderOutbox, REQUEST_ID, untyped } from './order-outbox';

const outbox = orderOutbox();
const getter = (name: string) =>
  Object.defineProperty(new Error('x'), name, {
    get() {
      throw new Error('getter');
    },
  });
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const cancelled = (CancellationReasons: unknown) =>
  Object.assign(new Error('cancelled'), { name: 'TransactionCanceledException', CancellationReasons });

test.each<[string, unknown]>([
  ['null', null],
  ['undefined', undefined],
  ['a text', 'boom'],
  ['a symbol', Symbol('s')],
  ['an object without a prototype', Object.create(null)],
  ['a revoked proxy', revoked()],
  ['an error whose name throws', getter('name')],
  ['an error whose message throws', getter('message')],
  ['an error whose metadata throw', getter('$metadata')],
  ['an error whose name is a symbol', Object.assign(new Error('x'), { name: Symbol('s') })],
  ['an error whose message is an object', Object.assign(new Error('x'), { message: {} })],
  ['an error without a message', Object.assign(new Error('x'), { message: undefined })],
])('%s is explained as an unknown outcome', (_, error) => {
  for (const actions of [[], [null], undefined]) {
    const found = outbox.toOutboxError(error, untyped(actions), { requestId: REQUEST_ID });
    expect(found).toBeInstanceOf(OutboxError);
    expect([found.code, found.retryable]).toEqual(['outcome-unknown', true]);
    expect(Object.is(found.cause, error)).toBe(true);
  }
  expect(outbox.toOutboxError(error, [], untyped(null)).retryable).toBe(false);
});

test.each<[string, string, boolean, unknown]>([
  ['a reason that is null', 'request-rejected', false, [null]],
  ['a code that is null', 'request-rejected', false, [{ Code: null }]],
  ['a condition without an action', 'condition-failed', false, [{ Code: 'ConditionalCheckFailed', Item: null }]],
  ['a name of another service for throttling', 'throttled', true, [{ Code: 'RequestLimitExceeded' }]],
  [
    'a conflict with its name as an exception',
    'transaction-conflict',
    true,
    [{ Code: 'TransactionConflictException' }],
  ],
  ['an internal error', 'action-rejected', true, [{ Code: 'InternalServerError' }]],
])('a cancellation with %s is %s, retryable %s', (_, code, retryable, reasons) => {
  for (const actions of [[], [null], undefined]) {
    expect(outbox.toOutboxError(cancelled(reasons), untyped(actions))).toMatchObject({ code, retryable });
  }
});

test('an attribute that cannot be encoded is looked for in actions that hold themselves', () => {
  const Item: Record<string, unknown> = {};
  Item['self'] = Item;
  const error = new Error('Special numeric value NaN is not allowed');
  expect(outbox.toOutboxError(error, [{ Put: { TableName: 'orders', Item } }])).toMatchObject({
    code: 'request-rejected',
  });
});

test('an error of another realm goes by its name', () => {
  const error: unknown = runInNewContext('Object.assign(new Error("t"), { name: "ThrottlingException" })');
  expect(outbox.toOutboxError(error, [])).toMatchObject({ code: 'throttled', retryable: true });
});

const named = (name: string, httpStatusCode = 400): Error =>
  Object.assign(new Error('boom'), { name, $metadata: { httpStatusCode } });

test.each<[string, number, string, string]>([
  ['TransactionInProgressException', 400, 'transaction-in-progress', 'may be written'],
  ['InternalServerError', 500, 'outcome-unknown', 'did not tell whether the transaction was written'],
])('without a request id, %s cannot be repeated safely', (name, status, code, said) => {
  const error = outbox.toOutboxError(named(name, status), []);
  expect([error.code, error.retryable]).toEqual([code, false]);
  expect(error.message).toContain(said);
  expect(error.message).toContain('The call had no requestId');
  expect(error.details).not.toHaveProperty('requestId');
  const repeated = outbox.toOutboxError(named(name, status), [], { requestId: REQUEST_ID });
  expect([repeated.code, repeated.retryable]).toEqual([code, true]);
  expect(repeated.message).toContain('Repeat the call with the same requestId');
});

test('an attempt in progress has the request id in its details', () => {
  const error = outbox.toOutboxError(named('TransactionInProgressException'), [], { requestId: REQUEST_ID });
  expect(error.details).toEqual({ requestId: REQUEST_ID });
});

test.each([
  ['ItemCollectionSizeLimitExceededException', 'item-collection-full'],
  ['TransactionConflictException', 'transaction-conflict'],
  ['ThrottlingException', 'throttled'],
])('%s of the whole call names no action', (name, code) => {
  const error = outbox.toOutboxError(named(name), [{ Delete: { TableName: 't', Key: { id: '1' } } }]);
  expect(error).toMatchObject({ code, details: { indexes: [] } });
});
