import { z } from 'zod';
import { createConsumer, defineEvents } from '../../../lib/consumer';
import { SILENT } from '../../../lib/consume/telemetry';
import { createTestOutbox } from '../../../lib/testing';

const events = defineEvents({
  'order.paid': { schema: z.object({ n: z.number() }), topic: 'orders' },
  'shipment.requested': { schema: z.object({ n: z.number() }), topic: 'shipments' },
  'shipment.counted': { schema: z.object({ n: z.number() }), topic: 'shipments' },
});
const KEYS = ['a', 'b', 'c', 'd'];
const VERSIONS = 12;

it.each([1, 2, 3, 4, 5])('shows each event that a handler emits once and in order, with faults %i', async (faults) => {
  const kit = createTestOutbox({ events, tables: { inbox: { pk: 'S', sk: 'S' } } });
  const shipping = createConsumer({
    name: 'shipping',
    tableName: 'inbox',
    client: kit.client,
    events,
    outbox: kit.outbox,
    handlers: {
      'order.paid': ({ data: { n } }, { key, version, emit }) => {
        emit({ aggregate: 'shipment', key, version }, [{ type: 'shipment.requested', data: { n } }]);
        emit({ aggregate: 'count', key: `of-${key}` }, [{ type: 'shipment.counted', data: { n } }]);
        return undefined;
      },
    },
    telemetry: SILENT,
  });
  const paid: { readonly key: string; readonly n: number }[] = [];
  for (let n = 1; n <= VERSIONS; n++) {
    for (const key of KEYS) {
      const data = { n };
      const change = { aggregate: 'order', key, version: n, events: [{ type: 'order.paid', id: `${key}-${n}`, data }] };
      await kit.outbox.transact(kit.client, { changes: [change as never] });
      paid.push({ key, n });
    }
  }
  await kit.relay();

  await kit.deliver(shipping, { faults });
  await kit.relay();

  await kit.expectApplied(shipping);
  kit.expectPublished([
    ...paid.map(({ key, n }) => ({ type: 'order.paid' as const, key, data: { n } })),
    ...paid.map(({ key, n }) => {
      const cause = { causationId: `${key}-${n}`, correlationId: `${key}-${n}` };
      return { type: 'shipment.requested' as const, key, version: n, data: { n }, ...cause };
    }),
    ...paid.map(({ key, n }) => ({ type: 'shipment.counted' as const, key: `of-${key}`, data: { n } })),
  ]);
});
