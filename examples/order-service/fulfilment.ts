import type { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { createConsumer, type Consumer, type ConsumerTelemetry } from 'dynamodb-outbox/consumer';
import { shipOrder } from './order';
import { shippingEvents } from './shipping-events';
import { createStore, orderPart, type StoreOptions } from './store';

export interface FulfilmentOptions extends StoreOptions {
  readonly database: Pick<DynamoDBDocument, 'get' | 'query' | 'transactWrite'>;
  /** The consumer's own table; its keys are `pk` and `sk`. */
  readonly inboxTable: string;
  readonly telemetry?: ConsumerTelemetry;
}

/**
 * Consume, decide, emit: ships an order when shipping requests it. One transaction has the order's row, `order.shipped`
 * and the record that the request was applied. Run it on the topic `shipments`.
 */
export function createFulfilment({ inboxTable, telemetry, ...options }: FulfilmentOptions): Consumer {
  const store = createStore(options);
  return createConsumer({
    name: 'order-service',
    tableName: inboxTable,
    client: options.database,
    events: shippingEvents,
    outbox: store.outbox,
    handlers: {
      'shipment.requested': async ({ data: { orderId } }, { emit }) => {
        const order = await store.order(orderId);
        // The order was cancelled, or shipped by hand, meanwhile. Shipping learns that from the order's own events.
        if (order?.status !== 'paid') return undefined;
        const part = orderPart(shipOrder(order));
        const { events, ...aggregate } = store.change(part);
        // If another writer changes the order now, the version is taken, and the handler runs again on the new order.
        emit(aggregate, events);
        return [store.row(part)];
      },
    },
    telemetry,
  });
}
