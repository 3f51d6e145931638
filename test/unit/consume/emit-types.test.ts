import { z } from 'zod';
import { createOutbox } from '../../../lib';
import { atLeastOnce, createConsumer, defineEvents, type EventContext } from '../../../lib/consumer';
import { events, MemoryClient } from '../../builders/consume';

/** The compiler checks these calls. Running them only proves that the calls that compile also work. */
const shipments = defineEvents({
  'shipment.requested': { schema: z.object({ orderId: z.string() }), topic: 'shipments' },
});
const outbox = createOutbox({ tableName: 'outbox', service: 'shipping', region: 'local', events: shipments });
const basics = { name: 'shipping', tableName: 'inbox', client: new MemoryClient(), events };
const shipment = { aggregate: 'shipment', key: '42' };

/** Compiled, never run: calls that must not compile may throw. */
const compiled = (...calls: (() => unknown)[]): number => calls.length;

test('handlers of a consumer with an outbox emit the events of its catalogue', () => {
  const consumer = createConsumer({
    ...basics,
    outbox,
    handlers: {
      'order.placed': ({ data }, { emit, key }) => {
        emit({ ...shipment, version: data.total }, [{ type: 'shipment.requested', data: { orderId: key } }]);
        return [];
      },
      'order.shipped': atLeastOnce(async ({ data }, { emit }) => {
        emit({ ...shipment, version: data.total }, [{ type: 'shipment.requested', data: { orderId: '42' } }]);
        await Promise.resolve();
      }),
    },
  });
  expect(consumer.name).toBe('shipping');
});

test('a handler that is written for itself serves consumers with and without an outbox', () => {
  const handler = (_: unknown, { key }: EventContext) => [{ Put: { TableName: 'effects', Item: { id: key } } }];
  const handlers = { 'order.placed': handler };
  expect([createConsumer({ ...basics, handlers }), createConsumer({ ...basics, outbox, handlers })]).toHaveLength(2);
});

compiled(
  () =>
    createConsumer({
      ...basics,
      handlers: {
        // @ts-expect-error no outbox, nothing to emit to
        'order.placed': (_, context) => (context.emit, undefined),
      },
    }),
  () =>
    createConsumer({
      ...basics,
      outbox,
      handlers: {
        // @ts-expect-error a type that the outbox's catalogue does not have
        'order.placed': (_, { emit }) => emit(shipment, [{ type: 'order.placed', data: { total: 1 } }]),
      },
    }),
  () =>
    createConsumer({
      ...basics,
      outbox,
      handlers: {
        // @ts-expect-error a payload of the wrong type
        'order.placed': (_, { emit }) => emit(shipment, [{ type: 'shipment.requested', data: { orderId: 42 } }]),
      },
    }),
  () =>
    createConsumer({
      ...basics,
      outbox,
      // @ts-expect-error a version that is no number
      handlers: { 'order.placed': (_, { emit }) => emit({ ...shipment, version: '1' }, []) },
    }),
  // @ts-expect-error an object that is no outbox
  () => createConsumer({ ...basics, outbox: { tableName: 'outbox' }, handlers: {} }),
);
