import type { ConsistencyToken } from '../../../lib/consumer';
import { parkedSortKey } from '../../../lib/consume/inbox-keys';
import { encodeRequest } from '../../../lib/consume/request';
import { formatSequence } from '../../../lib/event/position';
import { aRecord, aRig, effectOf, feed, NOW } from '../../builders/consume';

const sequence = (version: number): string => formatSequence({ version, index: 0 });
const tokenOf = (version: number, topics = ['orders']): ConsistencyToken => ({
  aggregate: 'order',
  key: '42',
  source: '/shop/order',
  position: String(version).padStart(16, '0'),
  topics: Object.fromEntries(
    topics.map((topic) => [topic, { id: `42:${sequence(version)}`, sequence: sequence(version) }]),
  ),
});

it('knows applied, outstanding and dead-lettered events', async () => {
  const rig = aRig();
  const versions = [1, 2].map((version) => aRecord({ version }));
  await feed(rig, [...versions, aRecord({ version: 3, value: Buffer.from('{') }), aRecord({ version: 4 })]);
  const { consumer } = rig;

  expect(await Promise.all([1, 2, 3, 4, 5].map((version) => consumer.isApplied(tokenOf(version))))).toEqual([
    true,
    true,
    false,
    true,
    false,
  ]);
});

it('knows an event by its id, however long that is', async () => {
  const rig = aRig();
  const id = 'x'.repeat(1_000);
  await feed(rig, [aRecord({ version: 1, id })]);
  const token = (id: string) => ({ ...tokenOf(1), topics: { orders: { id, sequence: sequence(1) } } });

  expect(await rig.consumer.isApplied(token(id))).toBe(true);
  expect(await rig.consumer.isApplied(token(`${id}x`))).toBe(false);
});

it('asks each topic of the token that the consumer reads', async () => {
  const rig = aRig();
  await feed(rig, [aRecord({ version: 1 })]);
  const token = tokenOf(1, ['orders', 'audit']);

  expect(await rig.consumer.isApplied(token)).toBe(false);
  expect(await rig.consumer.isApplied(token, ['orders'])).toBe(true);
  await expect(rig.consumer.isApplied(token, ['other'])).rejects.toMatchObject({ code: 'invalid-option' });
});

it('knows keys without versions by their markers', async () => {
  const rig = aRig();
  await feed(rig, [aRecord({ id: 'a' })]);
  const token = (id: string): ConsistencyToken => ({ ...tokenOf(1), topics: { orders: { id } } });

  expect(await rig.consumer.isApplied(token('a'))).toBe(true);
  expect(await rig.consumer.isApplied(token('b'))).toBe(false);
});

it('does not report a discarded event as applied', async () => {
  let isRefusing = true;
  const rig = aRig({
    handlers: {
      'order.placed': ({ id }) => {
        if (isRefusing && id === `42:${sequence(2)}`) throw new Error('no stock');
        return [effectOf(id)];
      },
    },
  });
  const records = [1, 2, 3].map((version) => aRecord({ version, offset: version }));
  await feed(rig, records);
  isRefusing = false;
  const key = { source: '/shop/order', topic: 'orders', key: '42' };
  const position = parkedSortKey({ partition: 0, offset: 2n });
  const skip = { id: 'one', key, request: { by: 'me', at: NOW, why: 'a test' }, asks: 'skip', position } as const;
  rig.client.items.set('inbox|shipping#$requests|one', encodeRequest('shipping#$requests', skip));
  await rig.consumer.requests.poll(new AbortController().signal);

  expect(await Promise.all([1, 2, 3].map((version) => rig.consumer.isApplied(tokenOf(version))))).toEqual([
    true,
    false,
    true,
  ]);
});

it('waits until it is applied, and no longer than it may', async () => {
  const rig = aRig({ clock: { now: () => Date.now() } });
  const waiting = rig.consumer.waitUntilApplied(tokenOf(1), { timeoutMs: 60_000 });
  await feed(rig, [aRecord({ version: 1 })]);
  await waiting;

  await expect(rig.consumer.waitUntilApplied(tokenOf(2), { timeoutMs: 30 })).rejects.toMatchObject({
    code: 'not-applied-in-time',
    retryable: true,
    details: { consumer: 'shipping', topics: ['orders'], timeoutMs: 30 },
  });
  await expect(rig.consumer.waitUntilApplied(tokenOf(2), { timeoutMs: -1 })).rejects.toMatchObject({
    code: 'invalid-option',
  });
});

it('measures how far a key is behind', async () => {
  const rig = aRig();
  const { consumer } = rig;
  expect(await consumer.lag(tokenOf(7))).toEqual([{ topic: 'orders', isApplied: false, isParked: false }]);

  await feed(rig, [aRecord({ version: 4 })]);

  expect(await consumer.lag(tokenOf(7))).toMatchObject([
    { isApplied: false, appliedSequence: sequence(4), versionsBehind: 3, isParked: false },
  ]);
  expect(await consumer.lag(tokenOf(4))).toMatchObject([{ isApplied: true, versionsBehind: 0 }]);
});
