/** Values that the pages for a service and its consumers use without declaring them. */
import type { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import type { Kafka } from 'kafkajs';
import { z } from 'zod';
import { defineEvents, type Outbox, type OutboxTransaction } from '../../../../lib';
import type { Consumer, EventHandlers } from '../../../../lib/consumer';

export const events = defineEvents({
  'order.placed': { schema: z.object({ total: z.number() }), topic: 'orders' },
  'order.paid': { schema: z.object({ total: z.number() }), topic: 'orders' },
});
export const shippingEvents = defineEvents({
  'shipment.requested': { schema: z.object({ orderId: z.string() }), topic: 'shipments' },
});
type Definitions = (typeof events)['definitions'];

export declare const client: DynamoDBDocument;
export declare const kafka: Kafka;
export declare const outbox: Outbox<Definitions>;
export declare const transaction: OutboxTransaction<Definitions>;
export declare const handlers: EventHandlers<Definitions>;
export declare const shipping: Consumer;
export declare const payments: { charge(total: number, options: { idempotencyKey: string }): Promise<void> };
