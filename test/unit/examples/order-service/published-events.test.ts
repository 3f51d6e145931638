import { createTestOutbox } from 'dynamodb-outbox/testing';
import { events } from '../../../../examples/order-service/events';
import { createOrderService } from '../../../../examples/order-service/order-service';

const line = (sku: string, quantity = 1) => ({ sku, quantity, unitPrice: 1900 });

/** The whole service, on tables in memory. */
function aService() {
  const kit = createTestOutbox({ events, tables: { orders: { pk: 'S' } } });
  const service = createOrderService({
    database: kit.client,
    ordersTable: 'orders',
    outboxTable: 'outbox',
    region: 'eu-central-1',
  });
  return { kit, service };
}

describe('the order service', () => {
  it('tells of an order and of its articles', async () => {
    const { kit, service } = aService();
    await service.replenish('hat', 5);
    await service.place({ orderId: '7', customerId: '1', lines: [line('hat', 2)] });
    await service.pay('7');
    await kit.relay();
    kit.expectPublished([
      { type: 'stock.replenished', key: 'hat', data: { sku: 'hat', quantity: 5, available: 5 } },
      { type: 'stock.reserved', key: 'hat', data: { sku: 'hat', quantity: 2, available: 3, orderId: '7' } },
      { type: 'order.placed', key: '7', version: 1 },
      { type: 'order.paid', key: '7', data: { orderId: '7', total: 3800 }, version: 2 },
    ]);
  });

  it('tells nothing of an order that it refuses', async () => {
    const { kit, service } = aService();
    await service.replenish('hat', 1);
    await expect(service.place({ orderId: '7', customerId: '1', lines: [line('hat', 2)] })).rejects.toMatchObject({
      code: 'out-of-stock',
    });
    await kit.relay();
    kit.expectPublished([{ type: 'stock.replenished', key: 'hat' }]);
  });

  it('sells the last article once, whoever asks at the same time', async () => {
    const { kit, service } = aService();
    await service.replenish('hat', 1);
    const orders = ['1', '2', '3', '4'].map((orderId) =>
      service.place({ orderId, customerId: '1', lines: [line('hat')] }),
    );
    const settled = await Promise.allSettled(orders);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await kit.relay();
    expect(kit.published.map(({ type }) => type).toSorted()).toEqual([
      'order.placed',
      'stock.replenished',
      'stock.reserved',
    ]);
  });
});
