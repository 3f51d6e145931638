import { eventsInRequest } from '../../../../examples/demo/record';
import { createOutbox } from '../../../../lib';
import { events } from '../../../../examples/order-service/events';

describe('eventsInRequest', () => {
  it('finds the events of every key, with the sequence that their messages must have', async () => {
    const outbox = createOutbox({ tableName: 'outbox', service: 'shop', region: 'eu-central-1', events });
    const entries = await outbox.items(
      { aggregate: 'order', key: '7', version: 3 },
      [
        { type: 'order.cancelled', data: { orderId: '7' } },
        { type: 'order.refund-due', data: { orderId: '7', total: 5 } },
      ],
      { committedAt: 1_700_000_000_000 },
    );
    const business = { Put: { TableName: 'orders', Item: { pk: 'order#7', version: 3 } } };
    const noted = { topic: 'orders', stream: '/shop/order 7', key: '7', committedAt: 1_700_000_000_000 };
    expect(eventsInRequest({ TransactItems: [business, ...entries] })).toEqual([
      { ...noted, id: expect.any(String) as unknown, type: 'order.cancelled', sequence: '0000000000000003.0000' },
      { ...noted, id: expect.any(String) as unknown, type: 'order.refund-due', sequence: '0000000000000003.0001' },
    ]);
  });

  it('finds none in a request without an outbox item', () => {
    expect(eventsInRequest({ TransactItems: [{ Put: { Item: { pk: 'order#7' } } }, {}] })).toEqual([]);
  });
});
