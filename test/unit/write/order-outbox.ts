import * as v from 'valibot';
import { z } from 'zod';
import { createOutbox, defineEvents, OutboxError, type OutboxErrorCode, type OutboxOptions } from '../../../lib';

export const NOW = Date.UTC(2026, 0, 31, 12);
/** A UUIDv7 with the time of {@link NOW}. */
export const REQUEST_ID = '019c13ec-9e00-7000-8000-000000000001';

export const catalogue = defineEvents({
  'order.placed': {
    schema: z.object({ orderId: z.string(), total: z.number(), note: z.string().default('none') }),
    topic: 'orders',
  },
  'order.shipped': {
    schema: v.object({ orderId: v.string(), lines: v.optional(v.array(v.object({ quantity: v.number() }))) }),
    topic: 'orders',
    dataSchema: 'https://example.com/order.shipped.json',
  },
  'order.invoiced': { schema: z.instanceof(Uint8Array), topic: 'invoices', contentType: 'application/pdf' },
  'order.noted': { schema: z.string(), topic: 'notes', contentType: 'text/plain' },
  'order.forgotten': { schema: z.undefined(), topic: 'orders' },
  'order.anything': { schema: z.unknown(), topic: 'orders', contentType: 'application/vnd.shop+json' },
  'order.small': { schema: z.object({ text: z.string() }), topic: 'small', maxMessageBytes: 1000 },
});

type Definitions = (typeof catalogue)['definitions'];

export const orderOutbox = (changed: Partial<OutboxOptions<Definitions>> = {}) =>
  createOutbox({
    tableName: 'shop-outbox',
    service: 'shop',
    region: 'eu-central-1',
    events: catalogue,
    clock: { now: () => NOW },
    ...changed,
  });

export const order42 = { aggregate: 'order', key: '42', version: 1 } as const;
export const placed = { type: 'order.placed', data: { orderId: '42', total: 99.5 } } as const;

/** Returns the error of `attempt`, which must be an OutboxError with this code. */
export async function refusal<C extends OutboxErrorCode>(code: C, attempt: () => unknown): Promise<OutboxError<C>> {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof OutboxError && error.is(code)) return error;
    throw error;
  }
  throw new Error(`Nothing was thrown; expected ${code}.`);
}

/** A value that the types would refuse, as a caller in JavaScript may pass it. */
export const untyped = (value: unknown): never => value as never;
