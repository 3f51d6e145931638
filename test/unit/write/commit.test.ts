import { commitOf } from '../../../lib/write/commit';
import { NOW, order42, orderOutbox, placed, refusal, REQUEST_ID, untyped } from './order-outbox';

const later = () => NOW + 1000;

test('without a request id the time is now and every id is new', () => {
  const commit = commitOf({}, later);
  expect(commit.at).toBe(NOW + 1000);
  expect(commit.idOf('order#42', 0)).not.toBe(commit.idOf('order#42', 0));
  expect(commit).not.toHaveProperty('clientRequestToken');
});

test('the first event of a key without versions has its position as its id', async () => {
  const [entry] = await orderOutbox().items({ aggregate: 'note', key: '1' }, [placed, placed]);
  const { sk, id, events } = entry!.Put.Item;
  expect(id).toBe(sk);
  expect((events as { id: string }[])[0]!.id).toBe(sk);
});

test('the failure of a clock is the cause of the refusal', async () => {
  const cause = new TypeError('no clock');
  const error = await refusal('invalid-option', () =>
    commitOf({}, () => {
      throw cause;
    }),
  );
  expect(error.cause).toBe(cause);
  expect(error.details.got).toBe(cause);
});

test('a request id that is a UUIDv7 brings its time', () => {
  expect(commitOf({ requestId: REQUEST_ID }, later)).toMatchObject({ at: NOW, clientRequestToken: REQUEST_ID });
  expect(commitOf({ requestId: REQUEST_ID.toUpperCase() }, later).at).toBe(NOW);
});

test('committedAt goes before the time of the request id', () => {
  expect(commitOf({ requestId: REQUEST_ID, committedAt: new Date(5) }, later).at).toBe(5);
  expect(commitOf({ committedAt: 5 }, later).at).toBe(5);
});

test('committedAt may be a day ahead of the clock, and as old as a repetition makes it', () => {
  for (const at of [NOW + 1000 + 24 * 60 * 60 * 1000, NOW - 400 * 24 * 60 * 60 * 1000, 1e10, 1e8 - 1, 0]) {
    expect(commitOf({ committedAt: at }, later).at).toBe(at);
    expect(commitOf({ committedAt: new Date(at), requestId: 'r' }, later).at).toBe(at);
  }
});

test('the last commit time is that of the last RFC 3339 timestamp', () => {
  const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
  expect(commitOf({ committedAt: last }, () => last).at).toBe(last);
  expect(() => commitOf({ committedAt: last + 1 }, () => last)).toThrow('a valid Date');
});

test('a request id has at most 1,024 characters', () => {
  const requestId = 'x'.repeat(1024);
  expect(commitOf({ requestId, committedAt: NOW }, later).clientRequestToken).toHaveLength(36);
});

test('ids follow from request id, key, place and time, and from nothing else', () => {
  const idOf = (requestId: string, committedAt: number, pk: string, index: number) =>
    commitOf({ requestId, committedAt }, later).idOf(pk, index);
  const id = idOf('r', NOW, 'order#42', 0);
  expect(idOf('r', NOW, 'order#42', 0)).toBe(id);
  const others = [
    idOf('s', NOW, 'order#42', 0),
    idOf('r', NOW + 1, 'order#42', 0),
    idOf('r', NOW, 'order#43', 0),
    idOf('r', NOW, 'order#42', 1),
  ];
  expect(new Set([id, ...others]).size).toBe(5);
});

test('a request id without a time needs committedAt', async () => {
  const error = await refusal('committed-at-required', () => commitOf({ requestId: 'checkout-42' }, later));
  expect(error.details).toEqual({ requestId: 'checkout-42' });
});

test('a request id of more than 36 characters is hashed into the token', () => {
  const tokenOf = (requestId: string) => commitOf({ requestId, committedAt: NOW }, later).clientRequestToken;
  expect(tokenOf('x'.repeat(36))).toBe('x'.repeat(36));
  const token = tokenOf('x'.repeat(37));
  expect(token).toMatch(/^[\w-]{36}$/);
  expect(tokenOf('x'.repeat(37))).toBe(token);
  expect(tokenOf('x'.repeat(38))).not.toBe(token);
});

test('entries for a transaction of one’s own name the token to send with them', async () => {
  const entries = await orderOutbox().items(order42, [placed], { requestId: REQUEST_ID });
  expect(entries.clientRequestToken).toBe(REQUEST_ID);
  expect(await orderOutbox().items(order42, [placed])).not.toHaveProperty('clientRequestToken');
});

test.each([
  ['requestId', ''],
  ['requestId', 'x'.repeat(1025)],
  ['requestId', '\ud800'],
  ['requestId', 42],
  ['committedAt', -1],
  ['committedAt', 1.5],
  ['committedAt', Date.UTC(10000, 0)],
  ['committedAt', new Date(Number.NaN)],
  ['committedAt', '2026-01-01'],
  ['committedAt', Math.floor(NOW / 1000)],
  ['committedAt', new Date(Math.floor(NOW / 1000))],
  ['committedAt', 1e8],
  ['committedAt', 1e10 - 1],
  ['committedAt', NOW + 1001 + 24 * 60 * 60 * 1000],
  ['committedAt', NOW * 1000],
])('%s %p is refused', async (option, got) => {
  const error = await refusal('invalid-option', () => commitOf(untyped({ [option]: got }), later));
  expect(error.details).toMatchObject({ option, got });
});
