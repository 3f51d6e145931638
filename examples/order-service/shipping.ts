import type { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import type { Outbox } from 'dynamodb-outbox';
import { createConsumer, type Consumer, type ConsumerTelemetry, type Effects } from 'dynamodb-outbox/consumer';
import { z } from 'zod';
import { events, orderLine } from './events';
import type { ShippingEvents } from './shipping-events';

/** A row of shipping's own table: what it knows of an order, from events alone. */
export const shipmentRow = z.object({
  orderId: z.string(),
  lines: z.array(orderLine),
  status: z.enum(['awaiting payment', 'to be packed', 'shipped', 'cancelled']),
  /** The version of the order that it shows. */
  version: z.int().positive(),
  /** Counts the events that changed the row: an effect that happened twice would show. */
  changes: z.int().positive(),
});

export type Shipment = z.output<typeof shipmentRow>;

export interface ShippingOptions {
  readonly database: Pick<DynamoDBDocument, 'get' | 'query' | 'transactWrite'>;
  /** The read model; its partition key is `orderId`, it has no sort key. */
  readonly shipmentsTable: string;
  /** What the consumer keeps for itself; its keys are `pk` and `sk`. */
  readonly inboxTable: string;
  /** Also the name of its Kafka group. Default: `shipping`. */
  readonly name?: string;
  readonly telemetry?: ConsumerTelemetry;
  /** Where `shipment.requested` goes for each paid order. Without it shipping is a read model and nothing else. */
  readonly outbox?: Outbox<ShippingEvents>;
}

/** Another team's service: it keeps a read model of the orders, and asks the order service for nothing but by events. */
export interface Shipping {
  /** To be run with `runConsumer` or `handleKafkaEvent`, on the topic `orders`. */
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
  /** One entry for each event. It is committed with the record that the event was applied, so it needs no condition. */
  const change = (
    orderId: string,
    version: number | undefined,
    { status, lines }: Partial<Pick<Shipment, 'lines'>> & Pick<Shipment, 'status'>,
  ): Effects => [
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
      // That money is due concerns somebody else: no handler, no effect.
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
