import { createTopics } from '../../../local/kafka/topics';

test('brokers that are not there are named', async () => {
  await expect(createTopics(['127.0.0.1:1'], [{ topic: 'orders' }])).rejects.toMatchObject({
    name: 'LocalStackError',
    code: 'not-ready',
    message: expect.stringMatching(/^No Kafka broker responds at 127\.0\.0\.1:1\. .*ECONNREFUSED/),
  });
});
