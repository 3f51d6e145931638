import { KafkaJSProtocolError, type Admin } from 'kafkajs';
import { createTopicsWithLeaders } from '../../../lib/kafka/create-topics';

const unknown = () =>
  new KafkaJSProtocolError(
    Object.assign(new Error('This server does not host this topic-partition'), {
      ...{ type: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3, retriable: true },
    }),
  );
const led = (...leaders: number[]) => ({
  topics: [{ name: 'orders', partitions: leaders.map((leader) => ({ leader })) }],
});

/** An admin client whose metadata requests get these answers, one after the other. */
function adminWith(...answers: (Error | ReturnType<typeof led>)[]) {
  const asked = { created: 0, metadata: 0 };
  const admin = {
    createTopics: async ({ waitForLeaders }: { waitForLeaders?: boolean }) => {
      expect(waitForLeaders).toBe(false);
      asked.created++;
      return await Promise.resolve(true);
    },
    fetchTopicMetadata: async () => {
      const answer = answers[Math.min(asked.metadata++, answers.length - 1)];
      return await (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer));
    },
  };
  return { admin: admin as unknown as Admin, asked };
}

it('waits until the broker that is asked knows the topic and the leader of each partition', async () => {
  const { admin, asked } = adminWith(unknown(), led(), led(1, -1), led(1, 2));
  await createTopicsWithLeaders(admin, [{ topic: 'orders' }], 5_000);
  expect(asked).toEqual({ created: 1, metadata: 4 });
});

it('names the topics that have no leader in time', async () => {
  const { admin } = adminWith(led(1, -1));
  await expect(createTopicsWithLeaders(admin, [{ topic: 'orders' }], 0)).rejects.toThrow(
    'No leader for each partition of orders after 0 ms. The topics were created.',
  );
});

it('passes on any other error, and does not ask about no topics', async () => {
  const { admin, asked } = adminWith(new Error('not authorized'));
  await expect(createTopicsWithLeaders(admin, [{ topic: 'orders' }], 5_000)).rejects.toThrow('not authorized');
  expect(asked.metadata).toBe(1);
  await createTopicsWithLeaders(admin, [], 5_000);
  expect(asked.metadata).toBe(1);
});
