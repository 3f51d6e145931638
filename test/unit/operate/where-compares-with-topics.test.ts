import { comparedWith, type EventLocation } from '../../../lib/operate/where';

const at = (topic: string, partition: number, offset: string): EventLocation => ({
  ...{ topic, partition, offset },
  ...{ position: '1', eventId: 'e', type: 'order.placed', processedAt: 1 },
});
const kafka = { topics: new Set(['orders']), ends: new Map([['orders-0', 40n]]) };

test.each([
  ['below the end', at('orders', 0, '39'), undefined],
  ['at the end', at('orders', 0, '40'), 'orders-0 ends at 40'],
  ['beyond the end', at('orders', 0, '9007199254740993'), 'orders-0 ends at 40'],
  ['in a partition that the topic has not', at('orders', 7, '0'), 'topic orders has no partition 7'],
  ['in a topic that does not exist', at('payments', 0, '0'), 'topic payments does not exist'],
])('a message %s', (_, location, gone) => {
  expect(comparedWith([location], kafka)).toEqual([gone === undefined ? location : { ...location, gone }]);
});
