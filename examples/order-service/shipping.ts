import type { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import type { Outbox } from 'dynamodb-outbox';
import { createConsumer, type Consumer, type ConsumerTelemetry, type HandlerEffects } from 'dynamodb-outbox/consumer';
import { z } from 'zod';
import { events, orderLine } from './events';
import type { ShippingEvents } from './shipping-events';

/** A row of shipping's own table: an order as shipping knows it, from events alone. */
export const shipmentRow = z.object({
  orderId: z.string(),
  lines: z.array(orderLine),
  status: z.enum(['awaiting payment', 'to be packed', 'shipped', 'cancelled']),
  /** The version of the order that it shows. */
  version: z.int().positive(),
  /** Counts the events that changed the row, so that an effect that happened twice is visible. */
  changes: z.int().positive(),
});

export type Shipment = z.output<typeof shipmentRow>;

export interface ShippingOptions {
  readonly database: Pick<DynamoDBDocument, 'get' | 'query' | 'transactWrite'>;
  /** The read model; its partition key is `orderId`, it has no sort key. */
  readonly shipmentsTable: string;
  /** The consumer's own table; its keys are `pk` and `sk`. */
  readonly inboxTable: string;
  /** Also the name of its Kafka group. Default: `shipping`. */
  readonly name?: string;
  readonly telemetry?: ConsumerTelemetry;
  /** The outbox of `shipment.requested`, for each paid order. Without it, shipping is only a read model. */
  readonly outbox?: Outbox<ShippingEvents>;
}

/** Another team's service: it keeps a read model of the orders, and calls the order service by events alone. */
export interface Shipping {
  /** Run it with `runConsumer` or `handleKafkaEvent`, on the topic `orders`. */
  readonly consumer: Consumer;
  /** Shows a write once `consumer.waitUntilApplied(token)` has resolved. */
  shipment(orderId: string): Promise<Shipment | undefined>;
}

export function createShipping({
  database,
  shipmentsTable,
  inboxTable,
  name = 'shipping',
  telemetry,
  outbox,
}: ShippingOptions): Shipping {
  /** One action for each event. It commits with the record that the event was applied, so it needs no condition. */
  const change = (
    orderId: string,
    version: number | undefined,
    { status, lines }: Partial<Pick<Shipment, 'lines'>> & Pick<Shipment, 'status'>,
  ): HandlerEffects => [
    {
      Update: {
        TableName: shipmentsTable,
        Key: { orderId },
        UpdateExpression: `SET #status = :status, #version = :version${lines === undefined ? '' : ', #lines = :lines'} ADD #changes :one`,
        ExpressionAttributeNames: {
          ...{ '#status': 'status', '#version': 'version', '#changes': 'changes' },
          ...(lines === undefined ? {} : { '#lines': 'lines' }),
        },
        ExpressionAttributeValues: {
          ...{ ':status': status, ':version': version, ':one': 1 },
          ...(lines === undefined ? {} : { ':lines': lines }),
        },
      },
    },
  ];

  const consumer = createConsumer({
    name,
    tableName: inboxTable,
    client: database,
    events,
    outbox,
    handlers: {
      'order.placed': ({ data: { orderId, lines } }, { version }) =>
        change(orderId, version, { status: 'awaiting payment', lines }),
      'order.paid': ({ data: { orderId } }, { version, emit }) => {
        if (outbox !== undefined) {
          // An order is paid once, so this is the first and only version of its shipment.
          emit({ aggregate: 'shipment', key: orderId, version: 1 }, [
            { type: 'shipment.requested', data: { orderId } },
          ]);
        }
        return change(orderId, version, { status: 'to be packed' });
      },
      'order.shipped': ({ data: { orderId } }, { version }) => change(orderId, version, { status: 'shipped' }),
      'order.cancelled': ({ data: { orderId } }, { version }) => change(orderId, version, { status: 'cancelled' }),
      // `order.refund-due` concerns another service: no handler, no effect.
    },
    telemetry,
  });

  return {
    consumer,
    async shipment(orderId) {
      const { Item: row } = await database.get({ TableName: shipmentsTable, Key: { orderId }, ConsistentRead: true });
      return shipmentRow.optional().parse(row);
    },
  };
}
