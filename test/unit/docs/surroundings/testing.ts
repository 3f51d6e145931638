/** Values that the page on testing uses without declaring them. */
import { z } from 'zod';
import { defineEvents, type Outbox } from '../../../../lib';
import type { EventHandlers, HandlerContext } from '../../../../lib/consumer';
import type { createTestOutbox } from '../../../../lib/testing';

export const orders = defineEvents({
  'order.placed': { schema: z.object({ total: z.number() }), topic: 'orders' },
  'order.paid': { schema: z.object({ total: z.number() }), topic: 'orders' },
});
export const shipments = defineEvents({
  'shipment.requested': { schema: z.object({ orderId: z.string() }), topic: 'shipments' },
});
export declare const events: typeof orders;
type Definitions = (typeof orders)['definitions'];
type Kit = ReturnType<typeof createTestOutbox<Definitions>>;

export declare const kit: Kit;
export declare const tables: Parameters<typeof createTestOutbox>[0]['tables'];
export declare const handlers: EventHandlers<Definitions>;
export declare const emittingHandlers: EventHandlers<
  Definitions,
  HandlerContext<Definitions & (typeof shipments)['definitions']>
>;
export declare function placeOrder(
  given: { client: Kit['client']; outbox: Outbox<Definitions> },
  order: { id: string; total: number },
): Promise<void>;
