import { defineEvents } from 'dynamodb-outbox';
import { z } from 'zod';

/** Every event of the shipping service. */
export const shippingEvents = defineEvents({
  'shipment.requested': { topic: 'shipments', schema: z.object({ orderId: z.string().min(1) }) },
});

export type ShippingEvents = (typeof shippingEvents)['definitions'];
