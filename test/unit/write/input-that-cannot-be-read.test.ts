import { createOutbox, type OutboxErrorCode } from '../../../lib';
import { catalogue, order42, orderOutbox, placed, refusal, untyped } from './order-outbox';

const outbox = orderOutbox();
const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const ODD: readonly [string, unknown][] = [
  ['a BigInt', 42n],
  ['a cycle', cyclic],
  ['a symbol', Symbol('s')],
  ['NaN', Number.NaN],
  ['an object without a prototype', Object.create(null)],
  ['a revoked proxy', revoked()],
];

test.each(ODD)('%s as aggregate, key or version is refused with the value', async (_, got) => {
  const refused = async (code: OutboxErrorCode, changed: object) => {
    const aggregate = untyped({ ...order42, ...changed });
    const error = await refusal(code, () => outbox.items(aggregate, [placed]));
    expect(Object.values(error.details).some((each) => Object.is(each, got))).toBe(true);
    const transactWrite = jest.fn();
    const changes = [untyped({ ...order42, ...changed, events: [placed] })];
    await refusal(code, () => outbox.transact({ transactWrite }, { changes }));
    expect(transactWrite).not.toHaveBeenCalled();
  };
  await refused('invalid-aggregate', { aggregate: got });
  await refused('invalid-key', { key: got });
  await refused('invalid-version', { version: got });
});

test('a version is shown as it was written', async () => {
  const shownAs = async (version: unknown) =>
    (await refusal('invalid-version', () => outbox.items(untyped({ ...order42, version }), [placed]))).message;
  expect(await shownAs(1n)).toContain('Version 1n is not allowed');
  expect(await shownAs('1')).toContain('Version "1" is not allowed');
});

const throws = (): never => {
  throw new TypeError('boom');
};
const anything = (data: unknown) => outbox.items(order42, [{ type: 'order.anything', data }]);

test.each([
  ['', { toJSON: throws }],
  ['a.b[1]', { a: { b: [1, { toJSON: throws }] } }],
  [
    'a.b',
    {
      a: {
        get b() {
          return throws();
        },
      },
    },
  ],
  ['a', { a: revoked() }],
])('data with a getter or toJSON that throws at "%s" is refused with its path', async (path, data) => {
  const error = await refusal('invalid-event-data', () => anything(data));
  expect(error.details.issues).toEqual([{ path, message: expect.stringContaining('a getter or toJSON throws') }]);
});

test('every other getter that throws is refused, too', async () => {
  const broken = (name: string) => Object.defineProperty({}, name, { get: throws, enumerable: true });
  const error = await refusal('invalid-option', () =>
    outbox.items(order42, [{ ...placed, headers: untyped(broken('trace')) }]),
  );
  expect(error.message).toContain('boom');
  expect(error.cause).toBeInstanceOf(TypeError);
  await refusal('invalid-option', () => outbox.items(untyped(broken('aggregate')), [placed]));
  await refusal('invalid-option', () => outbox.items(order42, [untyped(broken('type'))]));
  await refusal('invalid-option', () => outbox.items(order42, [placed], untyped(broken('requestId'))));
  await refusal('invalid-option', () => outbox.items(order42, untyped(revoked())));
});

test.each([
  ['actions[0]', [null]],
  ['actions[0]', [undefined]],
  ['actions[0]', Array(1)],
  ['actions[0]', ['Put']],
  ['actions[0].Put', [{ Put: null }]],
  ['actions[1].Update', [{}, { Update: 5 }]],
  ['actions[0].Put.Item', [{ Put: { TableName: 'orders', Item: null } }]],
  ['actions[0].Update.Key', [{ Update: { TableName: 'orders', Key: [] } }]],
  ['actions[0].Update.ExpressionAttributeValues', [{ Update: { Key: {}, ExpressionAttributeValues: null } }]],
])('%s is named when it is no object', async (option, actions) => {
  const transactWrite = jest.fn();
  const write = { actions: untyped(actions), changes: [{ ...order42, events: [placed] }] } as const;
  const error = await refusal('invalid-option', () => outbox.transact({ transactWrite }, write));
  expect(error.details.option).toBe(option);
  expect(transactWrite).not.toHaveBeenCalled();
});

test('an item with a getter that throws is refused before the call', async () => {
  const Item = Object.defineProperty({}, 'pk', { get: throws, enumerable: true });
  const write = { actions: [{ Put: { TableName: 'orders', Item } }], changes: [{ ...order42, events: [placed] }] };
  await refusal('invalid-option', () => outbox.transact({ transactWrite: () => Promise.resolve() }, write));
});

test.each<[string, () => number]>([
  ['throws', throws],
  ['returns NaN', () => Number.NaN],
  ['returns seconds', () => 1.7e9],
  ['returns a text', () => untyped('now')],
])('a clock that %s is named', async (_, now) => {
  const own = createOutbox({
    tableName: 'shop-outbox',
    service: 'shop',
    region: 'eu',
    events: catalogue,
    clock: { now },
  });
  const error = await refusal('invalid-option', () => own.items(order42, [placed]));
  expect(error.details.option).toContain('clock');
});
