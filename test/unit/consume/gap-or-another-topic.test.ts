import { z } from 'zod';
import { defineEvents } from '../../../lib/consumer';
import { aRecord, aRig, feed, MemoryClient, type Definitions } from '../../builders/consume';
import type { ConsumerOptions } from '../../../lib/consumer';

const schema = z.object({ total: z.number() });
/** Events of one aggregate go to two topics. */
const twoTopics = defineEvents({
  'order.placed': { schema, topic: 'orders' },
  'order.shipped': { schema, topic: 'audit' },
}) as unknown as ConsumerOptions<Definitions>['events'];
const on = (topic: 'orders' | 'audit', version: number, change: object = {}) =>
  aRecord({ version, topic, type: topic === 'orders' ? 'order.placed' : 'order.shipped', ...change });
const aTwoTopicRig = (client = new MemoryClient()) =>
  aRig({ events: twoTopics, handlers: { 'order.placed': () => [], 'order.shipped': () => [] } }, client);

const gaps = (rig: ReturnType<typeof aRig>) => rig.told.of('gap').map(([, gap]) => gap);

it('a gap names the other topics of the aggregate, because no message tells which topic has the rest', async () => {
  const rig = aTwoTopicRig();
  await feed(rig, [on('orders', 1), on('orders', 3)]);
  expect(gaps(rig)).toEqual([
    {
      after: '0000000000000001.0000',
      missing: '0000000000000002.0000',
      got: '0000000000000003.0000',
      otherTopics: ['audit'],
    },
  ]);
});

it('an event that the consumer has applied from another topic is not missing', async () => {
  const rig = aTwoTopicRig();
  await feed(rig, [on('orders', 1)]);
  await feed(rig, [on('audit', 2)]);
  await feed(rig, [on('orders', 3)]);
  expect(gaps(rig)).toEqual([]);
});

it('an event on neither topic is missing', async () => {
  const rig = aTwoTopicRig();
  await feed(rig, [on('orders', 1)]);
  await feed(rig, [on('audit', 2, { txEvents: 2 })]);
  await feed(rig, [on('orders', 3)]);
  expect(gaps(rig)).toMatchObject([{ missing: '0000000000000002.0001', otherTopics: ['audit'] }]);
});

it('a gap reads the row of its own topic again, as ever, and no other; one that another topic explains reads nothing', async () => {
  const reads = async (...records: readonly ReturnType<typeof on>[]): Promise<readonly string[]> => {
    const client = new MemoryClient();
    const rig = aTwoTopicRig(client);
    for (const record of records.slice(0, -1)) await feed(rig, [record]);
    const read: string[] = [];
    client.beforeRead = (at) => read.push(at);
    await feed(rig, records.slice(-1));
    return read;
  };
  expect(await reads(on('orders', 1), on('orders', 3))).toEqual(['inbox|shipping#orders#/shop/order#42|inbox']);
  expect(await reads(on('orders', 1), on('audit', 2), on('orders', 3))).toEqual([]);
});
