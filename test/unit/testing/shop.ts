import { z } from 'zod';
import { SILENT } from '../../../lib/consume/telemetry';
import { createConsumer, type ConsumerClient, type ConsumerOptions } from '../../../lib/consumer';
import { defineEvents, type Outbox, type TransactionClient } from '../../../lib/index';
import { createTestOutbox, type TestOutboxOptions } from '../../../lib/testing';

export const events = defineEvents({
  'order.placed': { schema: z.object({ total: z.number() }), topic: 'orders' },
  'order.paid': { schema: z.object({ total: z.number() }), topic: 'orders' },
  'stock.reserved': { schema: z.object({ quantity: z.number() }), topic: 'stock' },
});
type Definitions = (typeof events)['definitions'];

/** Writes as a service does: a row with an optimistic lock, and the events of the order and of its article. */
export async function place(
  { client, outbox }: { client: TransactionClient; outbox: Outbox<Definitions> },
  key: string,
  total: number,
  { version = 1, sku }: { version?: number; sku?: string } = {},
) {
  const { tokens } = await outbox.transact(client, {
    actions: [
      {
        Put: {
          TableName: 'orders',
          Item: { id: key, total, version },
          ...(version === 1
            ? { ConditionExpression: 'attribute_not_exists(id)' }
            : { ConditionExpression: 'version = :read', ExpressionAttributeValues: { ':read': version - 1 } }),
        },
      },
    ],
    changes: [
      { aggregate: 'order', key, version, events: [{ type: 'order.placed', data: { total } }] },
      ...(sku === undefined
        ? []
        : [{ aggregate: 'stock', key: sku, events: [{ type: 'stock.reserved' as const, data: { quantity: 1 } }] }]),
    ],
  });
  return tokens;
}

export const aKit = (options: Partial<TestOutboxOptions<Definitions>> = {}) =>
  createTestOutbox({
    events,
    tables: { orders: { id: 'S' }, shipments: { id: 'S' }, inbox: { pk: 'S', sk: 'S' } },
    ...options,
  });

/** Counts the events of an order: the effect reveals a repetition and a wrong order. */
export function aConsumer(client: ConsumerClient, options: Partial<ConsumerOptions<Definitions>> = {}) {
  const handled: string[] = [];
  const consumer = createConsumer({
    name: 'shipping',
    tableName: 'inbox',
    client,
    events,
    handlers: {
      'order.placed': ({ data, id }, { key, version }) => {
        handled.push(`${key}:${String(version)}:${id}`);
        return [
          {
            Update: {
              TableName: 'shipments',
              Key: { id: key },
              UpdateExpression:
                'ADD amount :total, times :one SET versions = list_append(if_not_exists(versions, :none), :version)',
              ExpressionAttributeValues: {
                ':total': data.total,
                ':one': 1,
                ':none': [],
                ':version': [version ?? 0],
              },
            },
          },
        ];
      },
    },
    retry: { initialDelayMs: 1, maxDelayMs: 1 },
    attempts: 2,
    telemetry: SILENT,
    ...options,
  });
  return { consumer, handled };
}
