import { marshall } from '@aws-sdk/util-dynamodb';
import { decodeItem } from '../../../lib/event/item';
import { messageBytes, messagesOf } from '../../../lib/event/message';
import { anItem, imageOf } from '../../builders/items';
import { NOW, order42, orderOutbox, placed } from '../write/order-outbox';

const messages = async (version: number | undefined) => {
  const [entry] = await orderOutbox().items(
    { ...order42, version },
    [
      { ...placed, id: 'a', headers: { tenant: 't' } },
      { type: 'order.invoiced', data: new Uint8Array([0, 255]), id: 'b', time: new Date(0) },
      { type: 'order.forgotten', id: 'c' },
    ],
    { traceContext: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } },
  );
  return messagesOf(decodeItem(marshall(entry!.Put.Item)));
};

test('an event becomes a CloudEvent in the binary mode of the Kafka binding', async () => {
  const [message] = await messages(7);
  expect(message).toEqual({
    topic: 'orders',
    key: Buffer.from('42'),
    value: Buffer.from('{"orderId":"42","total":99.5,"note":"none"}'),
    headers: {
      tenant: 't',
      ce_specversion: '1.0',
      ce_aggregate: 'order',
      ce_id: 'a',
      ce_source: '/shop/order',
      ce_type: 'order.placed',
      ce_time: new Date(NOW).toISOString(),
      ce_subject: '42',
      ce_sequence: '0000000000000007.0000',
      ce_txevents: '3',
      ce_partitionkey: '42',
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      'content-type': 'application/json',
    },
  });
});

test('each event keeps its own topic, time, content and place', async () => {
  const [, bytes, nothing] = await messages(7);
  expect(bytes).toMatchObject({ topic: 'invoices', value: Buffer.from([0, 255]) });
  expect(bytes?.headers).toMatchObject({
    ce_time: '1970-01-01T00:00:00.000Z',
    ce_sequence: '0000000000000007.0001',
    'content-type': 'application/pdf',
  });
  expect(nothing).toMatchObject({ topic: 'orders', value: null });
});

test('a key without versions has no sequence, because clocks prove no order', async () => {
  for (const { headers } of await messages(undefined)) expect(headers).not.toHaveProperty('ce_sequence');
});

test('an event names what caused it and the flow that it belongs to, by attributes of CloudEvents', () => {
  const cause = { causationId: 'payment-7', correlationId: 'checkout-1' };
  const [caused, root] = [anItem(cause), anItem()].flatMap((item) => messagesOf(decodeItem(imageOf(item))));
  expect(caused?.headers).toMatchObject({ ce_causationid: 'payment-7', ce_correlationid: 'checkout-1' });
  expect(Object.keys(root?.headers ?? {}).filter((name) => /causation|correlation/.test(name))).toEqual([]);
  // CloudEvents 1.0, "Naming conventions": SDKs refuse other names.
  const attributes = Object.keys(caused?.headers ?? {}).filter((name) => name.startsWith('ce_'));
  expect(attributes.filter((name) => !/^ce_[a-z0-9]{1,20}$/.test(name))).toEqual([]);
});

test('the size counts key, value and headers in UTF-8', () => {
  const empty = { topic: 't', key: Buffer.alloc(0), value: null, headers: {} };
  const full = { ...empty, key: Buffer.from('é'), value: Buffer.from('€'), headers: { é: '€' } };
  expect(messageBytes(full) - messageBytes(empty)).toBe(2 + 3 + 6 + 2 + 3);
});
