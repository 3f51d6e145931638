import type { ConsistencyToken } from '../../../lib/consumer';
import { aRecord, aRig, feed } from '../../builders/consume';

const token = {
  ...{ aggregate: 'order', key: '42', source: '/shop/order', position: '0000000000000001' },
  topics: { orders: { id: '42:0000000000000001.0000', sequence: '0000000000000001.0000' } },
};
const withLast = (last: unknown): object => ({ ...token, topics: { orders: last } });

test.each([
  ['no object', 'token'],
  ['an aggregate that is an object', { ...token, aggregate: { S: 'order' } }],
  ['no key', { ...token, key: undefined }],
  ['a key that is half of a character', { ...token, key: '\ud800' }],
  ['a position that is a number', { ...token, position: 1 }],
  ['a topic that Kafka does not allow', { ...token, topics: { 'orders|order#x': token.topics.orders } }],
  ['no event of a topic', withLast(null)],
  ['an event without an id', withLast({ sequence: token.topics.orders.sequence })],
  ['a malformed sequence', withLast({ id: token.topics.orders.id, sequence: '1' })],
])('a consistency token with %s is refused by each method', async (_, malformed) => {
  const rig = aRig();
  await feed(rig, [aRecord({ version: 1 })]);
  const { consumer } = rig;
  const given = malformed as ConsistencyToken;
  expect(await consumer.isApplied(token)).toBe(true);
  const refusal = { code: 'invalid-option', details: { option: 'token' } };
  await expect(consumer.isApplied(given)).rejects.toMatchObject(refusal);
  await expect(consumer.lag(given)).rejects.toMatchObject(refusal);
  await expect(consumer.waitUntilApplied(given, { timeoutMs: 0 })).rejects.toMatchObject(refusal);
});

test.each([
  ['a text', 'orders'],
  ['a list with an object', ['orders', { toString: 'x' }]],
])('topics that are %s are refused', async (_, topics) => {
  await expect(aRig().consumer.isApplied(token, topics as never)).rejects.toMatchObject({
    code: 'invalid-option',
    details: { option: 'topics' },
  });
});
