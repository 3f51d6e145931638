import { Journeys } from '../../../../examples/demo/journeys';
import type { CommittedEvent, Delivery, ItemState } from '../../../../examples/demo/record';

const event = (id: string): CommittedEvent => ({
  ...{ id, type: 'order.paid', topic: 'orders', stream: '/shop/order 7', key: '7' },
  ...{ sequence: '0000000000000002.0000', committedAt: 1_000 },
});

const delivery = (id: string, offset = 0n): Delivery => ({
  ...{ id, offset, topic: 'orders', partition: 0, stream: '/shop/order 7' },
  ...{ sequence: '0000000000000002.0000', arrivedAt: 1_020 },
});

const item = (id: string, processedAt?: number): ItemState => ({
  ...{ pk: 'order#7', sk: '0000000000000002', events: [id], processedAt, receipts: 0 },
});

describe('Journeys', () => {
  it('returns a journey once, when its event is committed, delivered and marked', () => {
    const journeys = new Journeys();
    journeys.committed(2, [event('a')]);
    journeys.arrived(delivery('a'));
    journeys.seen([item('a')]);
    expect(journeys.takeComplete()).toEqual([]);
    journeys.seen([item('a', 1_030)]);
    expect(journeys.takeComplete()).toEqual([
      { event: event('a'), transaction: 1, writer: 2, delivery: delivery('a'), markedAt: 1_030 },
    ]);
    expect(journeys.takeComplete()).toEqual([]);
  });

  it('accepts the reports in any order', () => {
    const journeys = new Journeys();
    journeys.seen([item('a', 1_030)]);
    journeys.arrived(delivery('a'));
    expect(journeys.takeComplete()).toEqual([]);
    journeys.committed(1, [event('a')]);
    expect(journeys.takeComplete()).toHaveLength(1);
  });

  it('numbers transactions, not events', () => {
    const journeys = new Journeys();
    journeys.committed(1, [event('a'), event('b')]);
    journeys.committed(1, [event('c')]);
    for (const id of ['a', 'b', 'c']) journeys.arrived(delivery(id));
    journeys.seen(['a', 'b', 'c'].map((id) => item(id, 1)));
    expect(journeys.takeComplete().map(({ transaction }) => transaction)).toEqual([1, 1, 2]);
  });

  it('keeps the first of several deliveries', () => {
    const journeys = new Journeys();
    journeys.committed(1, [event('a')]);
    journeys.arrived(delivery('a', 4n));
    journeys.arrived(delivery('a', 9n));
    journeys.seen([item('a', 1)]);
    expect(journeys.takeComplete()[0]?.delivery.offset).toBe(4n);
    expect(journeys.counts).toEqual({ committed: 1, delivered: 1, marked: 1 });
  });

  it('knows whether something is still on its way', () => {
    const journeys = new Journeys();
    expect(journeys.allDelivered).toBe(true);
    journeys.committed(1, [event('a'), event('b')]);
    journeys.arrived(delivery('a'));
    expect(journeys.allDelivered).toBe(false);
    journeys.arrived(delivery('b'));
    expect(journeys.allDelivered).toBe(true);
  });
});
