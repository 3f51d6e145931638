import type { ProducerRecord, RecordMetadata } from 'kafkajs';
import { kafkajsDeadLetters } from '../../../../lib/consumer';
import { aRecord } from '../../../builders/consume';

/** kafkajs's `producer()`, answering as a test wants; each producer that was made is kept. */
function fakeKafka(answer: (request: ProducerRecord, producers: number) => RecordMetadata[] | Error) {
  const made: { sent: ProducerRecord[]; isGone: boolean }[] = [];
  const kafka = {
    producer: () => {
      const state = { sent: [] as ProducerRecord[], isGone: false };
      made.push(state);
      return {
        connect: () => Promise.resolve(),
        disconnect: () => {
          state.isGone = true;
          return Promise.resolve();
        },
        send: (request: ProducerRecord) => {
          state.sent.push(request);
          const result = answer(request, made.length);
          return result instanceof Error ? Promise.reject(result) : Promise.resolve(result);
        },
      };
    },
  };
  return { kafka: kafka as never, made };
}

const ack = ({ topic }: ProducerRecord): RecordMetadata[] => [
  { topicName: topic, partition: 0, errorCode: 0, baseOffset: '7' },
];
const aside = { reason: 'handler-failed', message: 'Error: no', stack: 'at handler.ts:1:1' } as const;

it('sends the whole message and why it is set aside, acknowledged by all', async () => {
  const { kafka, made } = fakeKafka(ack);
  const record = aRecord({ version: 1, offset: 77, partition: 3, headers: { odd: [Buffer.from([0xff])] } });

  await kafkajsDeadLetters({ kafka, consumer: 'shipping' }).send(record, aside);

  expect(made[0]?.sent[0]).toMatchObject({
    topic: 'orders.shipping.dlt',
    acks: -1,
    messages: [
      {
        key: record.key,
        value: record.value,
        headers: {
          ...record.headers,
          'outbox-dlt-reason': 'handler-failed',
          'outbox-dlt-message': 'Error: no',
          'outbox-dlt-topic': 'orders',
          'outbox-dlt-partition': '3',
          'outbox-dlt-offset': '77',
          'outbox-dlt-stack': 'at handler.ts:1:1',
        },
      },
    ],
  });
});

it.each([
  ['fails', new Error('timed out')],
  ['resolves without an answer', []],
  ['names another topic', [{ topicName: 'orders', partition: 0, errorCode: 0, baseOffset: '7' }]],
  ['gives no offset', [{ topicName: 'orders.shipping.dlt', partition: 0, errorCode: 0 }]],
  ['gives an error', [{ topicName: 'orders.shipping.dlt', partition: 0, errorCode: 5, baseOffset: '-1' }]],
])('rejects and throws its producer away when a send %s', async (_, first) => {
  const { kafka, made } = fakeKafka((request, producers) => (producers === 1 ? first : ack(request)));
  const deadLetters = kafkajsDeadLetters({ kafka, consumer: 'shipping' });

  await expect(deadLetters.send(aRecord(), aside)).rejects.toThrow();
  await deadLetters.send(aRecord(), aside);

  expect(made.map(({ isGone }) => isGone)).toEqual([true, false]);
  await deadLetters.close();
  expect(made.map(({ isGone }) => isGone)).toEqual([true, true]);
});

it('uses one producer for what is sent at the same time, one after the other', async () => {
  let running = 0;
  let most = 0;
  const { kafka, made } = fakeKafka(ack);
  const deadLetters = kafkajsDeadLetters({ kafka, consumer: 'shipping' });
  const sends = Array.from({ length: 5 }, async () => {
    most = Math.max(most, ++running);
    await deadLetters.send(aRecord(), aside);
    running--;
  });
  await Promise.all(sends);

  expect(made).toHaveLength(1);
  expect(made[0]?.sent).toHaveLength(5);
  expect(most).toBe(5);
});
