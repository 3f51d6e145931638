import type { Failure } from '../../../lib/relay/ports';
import { anEvent, anItem, insertOf } from '../../builders/items';
import { aRelay, plentyOfTime } from '../../builders/relay-ports';

const outage: Failure = { kind: 'outage', message: 'no answer' };

/** The lookup of topic `cold` fails; the publisher knows the partitions of `orders` if `known`. */
function aRelayWithAColdTopic(known: boolean) {
  const world = aRelay();
  const { kafka } = world;
  kafka.topics.set('cold', outage);
  Object.assign(kafka, { knownPartitionCount: (topic: string) => (known && topic === 'orders' ? 4 : undefined) });
  return { ...world, lookUps: jest.spyOn(kafka, 'partitionCount') };
}

const records = [
  insertOf(anItem({ key: 'a', events: [anEvent({ id: 'cold', topic: 'cold' })] })),
  insertOf(anItem({ key: 'b', events: [anEvent({ id: 'warm' })] })),
];

it('a failed lookup does not delay the events of a known topic', async () => {
  const { kafka, handle, lookUps } = aRelayWithAColdTopic(true);

  expect(await handle(records, plentyOfTime)).toBe(0);

  expect(kafka.log.map(({ id }) => id)).toEqual(['warm']);
  expect(lookUps.mock.calls).toEqual([['cold']]);
});

it('a failed lookup does not delay the events of another unknown topic', async () => {
  const { kafka, handle, lookUps } = aRelayWithAColdTopic(false);

  expect(await handle(records, plentyOfTime)).toBe(0);

  expect(kafka.log.map(({ id }) => id)).toEqual(['warm']);
  expect(lookUps.mock.calls).toEqual([['cold'], ['orders']]);
});

it('after two failed lookups no other topic is looked up', async () => {
  const { kafka, handle, lookUps } = aRelayWithAColdTopic(false);
  kafka.topics.set('colder', outage);
  const colder = insertOf(anItem({ key: 'c', events: [anEvent({ id: 'colder', topic: 'colder' })] }));

  expect(await handle([colder, ...records], plentyOfTime)).toBe(0);

  expect(kafka.log).toEqual([]);
  expect(lookUps.mock.calls).toEqual([['colder'], ['cold']]);
});
