import { defineEvents, type EventInput } from 'dynamodb-outbox';
import { z } from 'zod';

export const orderLine = z.object({
  sku: z.string().min(1),
  quantity: z.int().positive(),
  /** Cents. */
  unitPrice: z.int().nonnegative(),
});

const ofOrder = { orderId: z.string().min(1) };
const ofStock = { sku: z.string().min(1), quantity: z.int().positive(), available: z.int().nonnegative() };

/** Every event of this service, with its schema and its topic. */
export const events = defineEvents({
  'order.placed': {
    topic: 'orders',
    schema: z.object({ ...ofOrder, customerId: z.string().min(1), lines: z.array(orderLine).min(1), total: z.int() }),
  },
  'order.paid': { topic: 'orders', schema: z.object({ ...ofOrder, total: z.int() }) },
  'order.shipped': { topic: 'orders', schema: z.object(ofOrder) },
  'order.cancelled': { topic: 'orders', schema: z.object(ofOrder) },
  'order.refund-due': { topic: 'orders', schema: z.object({ ...ofOrder, total: z.int() }) },
  'stock.replenished': { topic: 'stock', schema: z.object(ofStock) },
  'stock.reserved': { topic: 'stock', schema: z.object({ ...ofStock, ...ofOrder }) },
  'stock.released': { topic: 'stock', schema: z.object({ ...ofStock, ...ofOrder }) },
});

export type ShopEvents = (typeof events)['definitions'];
export type ShopEvent = EventInput<ShopEvents>;

/** The topics that must exist. */
export const TOPICS: readonly string[] = [...new Set(Object.values(events.definitions).map(({ topic }) => topic))];
