import { decodeSignal, encodeSignal, newSignal, type ReplaySignal } from '../../../lib/event/signal';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Image } from '../../../lib/event/item';
import { anEvent, anItem } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';

const request = { by: 'someone', at: 1, why: 'payments was deleted' };
const signalOf = (at: number, change: Partial<ReplaySignal> = {}) =>
  newSignal('order#42', at, { kind: 'replay' as const, replayId: 'r', request, ofTopic: 'payments', ...change });

/** Version 1 has events of two topics, version 2 of another topic only, version 3 of the lost topic. */
async function processed() {
  const world = aRelayOverTable();
  for (const topic of ['orders', 'payments', 'payments-again']) world.kafka.topics.set(topic, 1);
  const topics = [['payments', 'orders'], ['orders'], ['payments']];
  const items = topics.map((names, at) =>
    anItem({ version: at + 1, events: names.map((topic) => anEvent({ id: `${topic}-${at + 1}`, topic })) }),
  );
  await world.handle(
    items.map((item) => world.table.put({ ...item, committedAt: world.clock.at })),
    plentyOfTime,
  );
  const before = world.kafka.log.length;
  return { ...world, replayed: () => world.kafka.log.slice(before).map(({ id, topic }) => `${id} to ${topic}`) };
}

test('only events of the topic are published again', async () => {
  const { handle, table, clock, replayed } = await processed();
  await handle([table.putSignal(signalOf(clock.at))], plentyOfTime);
  expect(replayed()).toEqual(['payments-1 to payments', 'payments-3 to payments']);
});

test('they may go to another topic', async () => {
  const { handle, table, clock, replayed } = await processed();
  await handle([table.putSignal(signalOf(clock.at, { topic: 'payments-again' }))], plentyOfTime);
  expect(replayed()).toEqual(['payments-1 to payments-again', 'payments-3 to payments-again']);
});

test('the signal keeps its topic, and a signal with an invalid topic is unprocessable', () => {
  const image = (signal: ReplaySignal) => marshall(encodeSignal(signal), { removeUndefinedValues: true }) as Image;
  expect(decodeSignal(image(signalOf(1)))).toMatchObject({ ofTopic: 'payments' });
  expect(() => decodeSignal(image(signalOf(1, { ofTopic: 'no topic' })))).toThrow('ofTopic');
});
