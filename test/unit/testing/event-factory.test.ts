import { readEvent } from '../../../lib/index';
import { eventFactory } from '../../../lib/testing';
import { aKit, events } from './shop';

const committedAt = Date.UTC(2026, 0, 2, 3, 4, 5);
const own = { id: '019b7ce1-0000-7000-8000-000000000001', headers: { tenant: 'x' }, topic: 'stock' };

describe('an event factory', () => {
  it.each([{ version: 7 }, {}])('makes the bytes that the relay publishes: %j', async (version) => {
    const kit = aKit({ service: 'shop' });
    await kit.outbox.transact(kit.client, {
      changes: [
        { aggregate: 'order', key: '42', ...version, events: [{ type: 'order.placed', data: { total: 5 }, ...own }] },
      ],
      committedAt,
    });
    await kit.relay();
    const [published] = kit.published;
    const anEvent = eventFactory(events, { service: 'shop' });
    const made = await anEvent('order.placed', { key: '42', ...version, data: { total: 5 }, committedAt, ...own });
    const { topic, key, value, headers } = published!.record;
    expect(made).toMatchObject({ topic, key, value, headers, partition: 0, offset: 0n });
    expect(Object.keys(made.headers).toSorted()).toEqual(Object.keys(headers).toSorted());
  });

  it('makes what consumers read', async () => {
    const record = await eventFactory(events)('order.placed', { key: '42', data: { total: 5 } });
    const headers = Object.fromEntries(Object.entries(record.headers).map(([name, value]) => [name, String(value)]));
    await expect(readEvent(events, { value: record.value, headers })).resolves.toMatchObject({
      type: 'order.placed',
      data: { total: 5 },
    });
    expect(headers['ce_source']).toBe('/test/order');
  });

  it('refuses data that is not of the type', async () => {
    const anEvent = eventFactory(events);
    await expect(anEvent('order.placed', { key: '42', data: { total: '5' } as never })).rejects.toMatchObject({
      code: 'invalid-event-data',
    });
    await expect(anEvent('order.placed', { kye: '42', data: { total: 5 } } as never)).rejects.toMatchObject({
      details: { option: 'event.kye' },
    });
    await expect(anEvent('order.placed', { key: '42', data: { total: 5 }, offset: -1 })).rejects.toMatchObject({
      details: { option: 'event.offset' },
    });
  });
});
