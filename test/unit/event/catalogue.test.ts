import { z } from 'zod';
import { defineEvents } from '../../../lib';
import { refusal, untyped } from '../write/order-outbox';

const schema = z.object({ orderId: z.string() });
const define = (changed: object) => defineEvents({ 'order.placed': { schema, topic: 'orders', ...changed } });

test('a catalogue gives the definition of a type', () => {
  expect(define({ maxMessageBytes: 5 }).definitionOf('order.placed')).toEqual({
    schema,
    topic: 'orders',
    maxMessageBytes: 5,
  });
});

test.each(['order.paid', 'toString', '__proto__'])(
  'an unknown type %s is refused, with those that exist',
  async (type) => {
    const error = await refusal('unknown-event-type', () => define({}).definitionOf(type));
    expect(error.details).toEqual({ type, known: ['order.placed'] });
  },
);

test('a definition can not be changed afterwards', () => {
  const own = { schema, topic: 'orders' };
  const events = defineEvents({ 'order.placed': own });
  own.topic = 'others';
  expect(events.definitionOf('order.placed').topic).toBe('orders');
});

test.each([
  ['topic', ''],
  ['topic', '..'],
  ['topic', 'orders/eu'],
  ['topic', 'x'.repeat(250)],
  ['topic', undefined],
  ['maxMessageBytes', 0],
  ['maxMessageBytes', 1.5],
  ['maxMessageBytes', '1000'],
  ['contentType', ''],
  ['contentType', 'text/plain\n'],
  ['dataSchema', ''],
  ['schema', { parse: () => 1 }],
  ['schema', undefined],
  ['schema', { '~standard': { version: 2, validate: () => 1 } }],
  ['maxMesageBytes', 1000],
  ['version', 0],
  ['version', 1.5],
  ['version', '2'],
  ['version', 1_000_000_000],
  ['upcasters', []],
  ['jsonSchema', true],
])('a definition with %s %p is refused', async (option, got) => {
  const error = await refusal('invalid-option', () => define({ [option]: got }));
  expect(error.details).toMatchObject({ option: `events["order.placed"].${option}`, got });
});

test.each([
  [{}],
  [undefined],
  [[]],
  ['order.placed'],
  [{ '': { schema, topic: 'orders' } }],
  [{ 'order.placed': null }],
])('the catalogue %p is refused', async (definitions) => {
  await refusal('invalid-option', () => defineEvents(untyped(definitions)));
});

test('a schema that is a function, as arktype makes them, is taken', () => {
  const callable = Object.assign(() => undefined, { '~standard': schema['~standard'] });
  expect(defineEvents({ a: { schema: callable, topic: 't' } }).definitionOf('a').schema).toBe(callable);
});

const up = (): unknown => 0;
test.each([
  [1, { 1: up }, '["1"]'],
  [3, { 0: up }, '["0"]'],
  [3, { 3: up }, '["3"]'],
  [3, { '01': up }, '["01"]'],
  [2, { 1: 'x' }, '[1]'],
  [4, { 1: up, 3: up }, '[2]'],
  [4, { 1: up, 2: up }, '[3]'],
])('version %p with upcasters %p is refused', async (version, upcasters, at) => {
  const error = await refusal('invalid-option', () => define({ version, upcasters }));
  expect(error.details.option).toBe(`events["order.placed"].upcasters${at}`);
});

test('a version that would be written like another type is refused', async () => {
  const both = (version: number) =>
    defineEvents({
      'order.placed': { schema, topic: 'orders', version },
      'order.placed.v3': { schema, topic: 'orders' },
    });
  expect(both(2).resolve('order.placed.v3')).toMatchObject({ type: 'order.placed.v3', version: 1 });
  const error = await refusal('invalid-option', () => both(3));
  expect(error.message).toBe(
    'Option "events["order.placed"].version" is 3; it must be below 3, because version 3 of it is written as "order.placed.v3", which is another type of the catalogue.',
  );
});
