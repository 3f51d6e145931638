import { readTopics } from '../../../lib/operate/read-topics';
import type { FoundTopic } from '../../../lib/topics/plan';

const ORDERS: FoundTopic = { partitions: 12, replicationFactor: 3, configs: { 'cleanup.policy': 'compact' } };

test('reads the properties of topics, and names those that do not exist', async () => {
  const admin = { find: (topic: string) => Promise.resolve(topic.startsWith('order') ? ORDERS : undefined) };
  expect(await readTopics(admin, ['zone', 'orders', 'audit', 'order-log'])).toEqual({
    topics: { 'order-log': ORDERS, orders: ORDERS },
    missing: ['audit', 'zone'],
  });
});
