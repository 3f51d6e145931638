import { createOutbox, defineEvents, type EventDefinition } from '../../../lib';
import { OutboxError } from '../../../lib';
import { order42, refusal, untyped } from './order-outbox';

/** Writes `data` with a type whose schema validates by `validate`. */
const write = (validate: (value: unknown) => unknown, data: unknown = 1) => {
  const schema = untyped({ '~standard': { version: 1, vendor: 'test', validate } });
  const definition: EventDefinition = { schema, topic: 't' };
  const events = defineEvents({ t: definition });
  return createOutbox({ tableName: 'shop-outbox', service: 'shop', region: 'eu-central-1', events }).items(order42, [
    { type: 't', data },
  ]);
};

const failing = (error: unknown) => () => {
  throw error;
};

test.each([
  ['an Error', new Error('registry')],
  ['null', null],
  ['a text', 'no'],
  ['an object without a prototype', Object.create(null)],
])('a schema that throws %s is named with it', async (_, thrown) => {
  const error = await refusal('invalid-event-data', () => write(failing(thrown)));
  expect(error.message).toContain('The data of event "t" is not valid. data: the schema throws');
  expect(error.cause).toBe(thrown);
  expect(error.retryable).toBe(false);
  await refusal('invalid-event-data', () => write(() => Promise.reject(thrown as Error)));
});

test('a schema that asks a service may succeed later', async () => {
  const network = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  for (const thrown of [network, new TypeError('fetch failed', { cause: network })]) {
    expect((await refusal('invalid-event-data', () => write(failing(thrown)))).retryable).toBe(true);
  }
});

test('an OutboxError that a schema throws is not wrapped', async () => {
  const own = new OutboxError('invalid-option', 'x', { option: 'x', got: 1, allowed: 'y' });
  await expect(write(failing(own))).rejects.toBe(own);
});

test.each([
  ['null', null],
  ['nothing', undefined],
  ['true', true],
  ['neither value nor issues', {}],
  ['issues that are null', { issues: null }],
  ['no issue', { issues: [] }],
  ['an issue that is null', { issues: [null] }],
  ['an issue without a message', { issues: [{}] }],
  ['an issue without a message behind a good one', { issues: [{ message: 'x' }, {}] }],
  ['a path of null', { issues: [{ message: 'x', path: [null] }] }],
  ['a path with one key of null', { issues: [{ message: 'x', path: ['a', null] }] }],
  ['a path that is a text', { issues: [{ message: 'x', path: 'a' }] }],
])('a schema that returns %s is told what Standard Schema requires', async (_, result) => {
  const error = await refusal('invalid-event-data', () => write(() => result));
  const told = expect.stringContaining('instead of { value } or { issues: [{ message, path }] }') as string;
  expect(error.details.issues).toEqual([{ path: '', message: told }]);
  // Also if it fails while it validates its own output.
  const later = await refusal('invalid-event-data', () =>
    write((value) => (value === 'A' ? { value: new Date(0) } : result), 'A'),
  );
  expect(later.details.issues).toEqual([{ path: '', message: told }]);
});

test('an issue needs no path, and an error of a refusal has no cause and no advice', async () => {
  const error = await refusal('invalid-event-data', () => write(() => ({ issues: [{ message: 'is wrong' }] })));
  expect(error.details.issues).toEqual([{ path: '', message: 'is wrong' }]);
  expect(error.message).toBe('The data of event "t" is not valid. data: is wrong.');
  expect(Object.hasOwn(error, 'cause')).toBe(false);
});

test('a schema that throws when it reads what it wrote is named with the error', async () => {
  const thrown = new Error('registry');
  const reading = (value: unknown): unknown => (value === 'A' ? { value: 'B' } : failing(thrown)());
  const error = await refusal('invalid-event-data', () => write(reading, 'A'));
  expect(error.message).toContain('the schema gave "B" and throws when it reads "B" (registry)');
  expect(error.cause).toBe(thrown);
});

test.each<[string, unknown, unknown, string]>([
  ['a list as an object', [1], { a: 1 }, ''],
  ['an object as a number', { a: 1 }, 5, ''],
  ['an object as null', { a: 1 }, null, ''],
  ['an element as another', { a: [1, 2] }, { a: [1, 3] }, 'a[1]'],
  ['a longer list', { a: [1] }, { a: [1, 3] }, 'a[1]'],
])('a schema that reads %s is refused with the place', async (_, written, read, path) => {
  const error = await refusal('invalid-event-data', () =>
    write((value) => ({ value: value === 'A' ? written : read }), 'A'),
  );
  expect(error.details.issues).toMatchObject([{ path }]);
});

test('an issue may name a place below null, or below a text', async () => {
  const issues = [
    { message: 'x', path: ['a', 'b'] },
    { message: 'y', path: ['c', 'd', 'e'] },
  ];
  const error = await refusal('invalid-event-data', () =>
    write((value) => (value === 'A' ? { value: { a: null, c: 'text' } } : { issues }), 'A'),
  );
  expect(error.details.issues).toMatchObject([{ path: 'a.b' }, { path: 'c.d.e' }]);
});

const writeText = (value: unknown): Promise<unknown> => {
  const schema = untyped({ '~standard': { version: 1, vendor: 'test', validate: () => ({ value }) } });
  const events = defineEvents({ t: { schema, topic: 't', contentType: 'text/plain' } });
  const outbox = createOutbox({ tableName: 'shop-outbox', service: 'shop', region: 'eu-central-1', events });
  return outbox.items(order42, [untyped({ type: 't', data: 1 })]);
};

test.each<[string, unknown, string]>([
  ['half a character', '\ud800', 'is not well-formed Unicode'],
  ['a number', 5, 'is 5, but with content type "text/plain" it must be a string or bytes'],
  ['bytes that are no UTF-8', Uint8Array.of(0xff), 'are bytes that are not UTF-8'],
])('%s as text is refused', async (_, value, message) => {
  const error = await refusal('invalid-event-data', () => writeText(value));
  expect(error.details.issues).toEqual([{ path: '', message: expect.stringContaining(message) as string }]);
});

test('issues may be an array with issues of its own, as of arktype', async () => {
  const issues = Object.assign([], { issues: [{ message: 'wrong', path: [{ key: 'a' }, 0, Symbol('s')] }] });
  const error = await refusal('invalid-event-data', () => write(() => issues));
  expect(error.details.issues).toEqual([{ path: 'a[0].Symbol(s)', message: 'wrong' }]);
});

test('a schema that reads what it wrote as a value without JSON is refused', async () => {
  const error = await refusal('invalid-event-data', () => write((value) => ({ value: value === 'A' ? 'B' : 1n }), 'A'));
  expect(error.details.issues).toMatchObject([{ path: '' }]);
});
