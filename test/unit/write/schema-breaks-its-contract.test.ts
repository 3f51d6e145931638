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
  ['a path of null', { issues: [{ message: 'x', path: [null] }] }],
])('a schema that returns %s is told what Standard Schema requires', async (_, result) => {
  const error = await refusal('invalid-event-data', () => write(() => result));
  expect(error.message).toContain('instead of { value } or { issues: [{ message, path }] }');
  // Also if it fails while it validates its own output.
  await refusal('invalid-event-data', () => write((value) => (value === 'A' ? { value: new Date(0) } : result), 'A'));
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
