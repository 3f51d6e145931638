import type { KafkaMessage } from 'kafkajs';
import { runConsumer } from '../../../../lib/consumer';
import { aRecord, aRig } from '../../../builders/consume';
import { FakeKafkaConsumer } from '../../../builders/fake-kafka-consumer';

test.each([
  ['key', 'a'],
  ['value', { total: 5 }],
])('a batch whose messages have a %s of another type than bytes is refused, and not committed', async (name, given) => {
  const rig = aRig();
  const fake = new FakeKafkaConsumer();
  const kafka = { consumer: () => fake, producer: () => ({}) };
  const running = await runConsumer({ consumer: rig.consumer, kafka: kafka as never, topics: ['orders'] });
  fake.emit('group_join', { memberAssignment: { orders: [0] } });
  const { headers, key, value } = aRecord({ version: 1 });
  const message = { offset: '10', timestamp: '0', key, value, headers, [name]: given };

  await expect(fake.deliver([message] as unknown as KafkaMessage[])).rejects.toMatchObject({
    code: 'invalid-option',
    details: { option: `message.${name}` },
  });
  await running.stop();
  expect(rig.handled).toEqual([]);
  expect(fake.committed.map(({ offset }) => offset)).toEqual([]);
});
