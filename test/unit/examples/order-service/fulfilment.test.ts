import { createFulfilment } from '../../../../examples/order-service/fulfilment';
import { events } from '../../../../examples/order-service/events';
import { createOrderService } from '../../../../examples/order-service/order-service';
import { createShipping } from '../../../../examples/order-service/shipping';
import { shippingEvents } from '../../../../examples/order-service/shipping-events';
import { createOutbox, defineEvents } from '../../../../lib';
import { SILENT } from '../../../../lib/consume/telemetry';
import { createTestOutbox } from '../../../../lib/testing';

const REGION = 'in-memory';

/** The order service and shipping. They share only topics and an outbox table. */
async function shop() {
  const kit = createTestOutbox({
    events: defineEvents({ ...events.definitions, ...shippingEvents.definitions }),
    tables: {
      orders: { pk: 'S' },
      shipments: { orderId: 'S' },
      'shipping-inbox': { pk: 'S', sk: 'S' },
      'order-inbox': { pk: 'S', sk: 'S' },
    },
  });
  const database = kit.client;
  const storing = { database, ordersTable: 'orders', outboxTable: 'outbox', region: REGION };
  const service = createOrderService(storing);
  const shipping = createShipping({
    database,
    shipmentsTable: 'shipments',
    inboxTable: 'shipping-inbox',
    outbox: createOutbox({ tableName: 'outbox', service: 'shipping', region: REGION, events: shippingEvents }),
    telemetry: SILENT,
  });
  const fulfilment = createFulfilment({ ...storing, inboxTable: 'order-inbox', telemetry: SILENT });
  await service.replenish('hat', 10);
  await service.place({ orderId: '7', customerId: '1', lines: [{ sku: 'hat', quantity: 1, unitPrice: 100 }] });
  /** Publishes and delivers until no service emits further events. */
  const settle = async (faults: number): Promise<void> => {
    while ((await kit.relay()).published > 0) {
      await kit.deliver(shipping.consumer, { faults });
      await kit.deliver(fulfilment, { faults: faults + 1 });
    }
  };
  return { kit, service, shipping, fulfilment, settle };
}

it.each([1, 2, 3])('a paid order is shipped once, by events alone (seed %i)', async (seed) => {
  const { kit, service, shipping, settle } = await shop();
  await service.pay('7');

  await settle(seed);

  const published = kit.published.filter(({ topic }) => topic !== 'stock');
  expect(published.map(({ type, version }) => `${type} ${version ?? ''}`)).toEqual([
    'order.placed 1',
    'order.paid 2',
    'shipment.requested 1',
    'order.shipped 3',
  ]);
  expect(await shipping.shipment('7')).toMatchObject({ status: 'shipped', version: 3, changes: 3 });
  const [, paid, requested, shipped] = published;
  expect([requested, shipped]).toMatchObject([
    { causationId: paid?.id, correlationId: paid?.id, source: '/shipping/shipment' },
    { causationId: requested?.id, correlationId: paid?.id, source: '/order-service/order' },
  ]);
});

it('an order that was cancelled meanwhile is not shipped', async () => {
  const { kit, service, shipping, settle } = await shop();
  await service.pay('7');
  await kit.relay();
  await kit.deliver(shipping.consumer);
  await service.cancel('7');

  await settle(1);

  expect(kit.published.map(({ type }) => type)).toEqual(expect.not.arrayContaining(['order.shipped']));
  expect(await shipping.shipment('7')).toMatchObject({ status: 'cancelled' });
});

it('an order that is cancelled between the read and the commit is decided on again', async () => {
  const { kit, service, shipping, fulfilment, settle } = await shop();
  await service.pay('7');
  await kit.relay();
  await kit.deliver(shipping.consumer);
  await kit.relay();
  let reads = 0;
  kit.dynamodb.middlewareStack.add((next) => async (args) => {
    const answer = await next(args);
    const { TableName, Key } = args.input as { TableName?: string; Key?: unknown };
    if (TableName === 'orders' && Key !== undefined && ++reads === 1) await service.cancel('7');
    return answer;
  });

  await kit.deliver(fulfilment);
  await settle(1);

  expect(reads).toBeGreaterThan(1);
  expect(kit.published.map(({ type }) => type)).toEqual(expect.not.arrayContaining(['order.shipped']));
  expect(await shipping.shipment('7')).toMatchObject({ status: 'cancelled' });
});
