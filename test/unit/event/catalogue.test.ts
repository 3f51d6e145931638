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
