import { CompressionTypes, KafkaJSProtocolError, type ProducerRecord, type RecordMetadata } from 'kafkajs';
import { kafkajsDeadLetters } from '../../../../lib/consumer';
import { aRecord } from '../../../builders/consume';

/** kafkajs's `producer()` with scripted responses. It keeps each created producer. */
function fakeKafka(
  answer: (request: ProducerRecord, producers: number) => RecordMetadata[] | Error | Promise<RecordMetadata[]>,
) {
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
const note = { reason: 'handler-failed', message: 'Error: no', stack: 'at handler.ts:1:1' } as const;

it('sends the whole message with the reason, acknowledged by all replicas', async () => {
  const { kafka, made } = fakeKafka(ack);
  const record = aRecord({ version: 1, offset: 77, partition: 3, headers: { odd: [Buffer.from([0xff])] } });

  await kafkajsDeadLetters({ kafka, consumer: 'shipping' }).send(record, note);

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

  await expect(deadLetters.send(aRecord(), note)).rejects.toThrow();
  await deadLetters.send(aRecord(), note);

  expect(made.map(({ isGone }) => isGone)).toEqual([true, false]);
  await deadLetters.close();
  expect(made.map(({ isGone }) => isGone)).toEqual([true, true]);
});

it('uses one producer of a topic for simultaneous sends', async () => {
  let running = 0;
  let most = 0;
  const { kafka, made } = fakeKafka(ack);
  const deadLetters = kafkajsDeadLetters({ kafka, consumer: 'shipping' });
  const sends = Array.from({ length: 5 }, async () => {
    most = Math.max(most, ++running);
    await deadLetters.send(aRecord(), note);
    running--;
  });
  await Promise.all(sends);

  expect(made).toHaveLength(1);
  expect(made[0]?.sent).toHaveLength(5);
  expect(most).toBe(5);
});

const refused = (type: string): Error =>
  new KafkaJSProtocolError({ type, code: 1, message: type, retriable: false } as never);
const never = new Promise<RecordMetadata[]>(() => undefined);
const toTopic = (topic: string) => aRecord({ topic, offset: 77, partition: 3 });

it('compresses: a message may fit its topic, and its dead-letter topic, only so', async () => {
  const { kafka, made } = fakeKafka(ack);
  await kafkajsDeadLetters({ kafka, consumer: 'shipping' }).send(aRecord(), note);
  expect(made[0]?.sent.map(({ compression }) => compression)).toEqual([CompressionTypes.GZIP]);
});

it.each(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])(
  'tries what is refused as %s without compression',
  async (type) => {
    const { kafka, made } = fakeKafka((request) =>
      request.compression === CompressionTypes.GZIP ? refused(type) : ack(request),
    );
    await kafkajsDeadLetters({ kafka, consumer: 'shipping' }).send(aRecord(), note);
    expect(made).toHaveLength(1);
    expect(made[0]?.sent.map(({ compression }) => compression)).toEqual([CompressionTypes.GZIP, CompressionTypes.None]);
  },
);

it('reports for a dead letter that is too large its topic, its size, the limit and the fix', async () => {
  const { kafka } = fakeKafka(() => refused('MESSAGE_TOO_LARGE'));
  const asked: unknown[] = [];
  const admin = () => ({
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    describeConfigs: (request: unknown) => {
      asked.push(request);
      return Promise.resolve({
        resources: [{ configEntries: [{ configName: 'max.message.bytes', configValue: '1000' }] }],
      });
    },
  });
  const value = Buffer.alloc(2_000);
  const record = aRecord({ value, partition: 3, offset: 77 });
  const withLimit = kafkajsDeadLetters({ kafka: { ...(kafka as object), admin } as never, consumer: 'shipping' });

  const error: unknown = await withLimit.send(record, note).catch((cause: unknown) => cause);
  expect(error).toMatchObject({
    code: 'dead-letter-too-large',
    details: { topic: 'orders.shipping.dlt', receipt: 'orders-3@77', maxBytes: 1_000 },
    message: expect.stringMatching(/orders-3@77.*"orders\.shipping\.dlt".*1000 bytes.*Raise "max\.message\.bytes"/),
  });
  expect((error as { details: { bytes: number } }).details.bytes).toBeGreaterThan(2_000);
  await expect(kafkajsDeadLetters({ kafka, consumer: 'shipping' }).send(record, note)).rejects.toMatchObject({
    code: 'dead-letter-too-large',
    details: expect.not.objectContaining({ maxBytes: expect.anything() }),
  });
});

it('names a dead-letter topic that is missing', async () => {
  const { kafka } = fakeKafka(() => refused('UNKNOWN_TOPIC_OR_PARTITION'));
  await expect(kafkajsDeadLetters({ kafka, consumer: 'shipping' }).send(aRecord(), note)).rejects.toMatchObject({
    code: 'topic-missing',
    retryable: true,
    details: { topics: ['orders.shipping.dlt'] },
  });
});

it('a send that hangs ends in time, discards its producer, and delays neither its topic nor another one', async () => {
  const { kafka, made } = fakeKafka((request) => (request.messages[0]?.value === null ? never : ack(request)));
  const deadLetters = kafkajsDeadLetters({ kafka, consumer: 'shipping', timeoutMs: 50 });
  const hung = deadLetters.send(aRecord({ value: null }), note);
  const rejected = expect(hung).rejects.toMatchObject({
    code: 'service-unavailable',
    message: expect.stringMatching(/"orders\.shipping\.dlt": no acknowledgement within 50 ms/),
  });
  await deadLetters.send(toTopic('orders'), note);
  await deadLetters.send(toTopic('payments'), note);
  expect(made).toHaveLength(2);
  await rejected;
  expect(made.map(({ isGone }) => isGone)).toEqual([true, false]);

  await deadLetters.send(toTopic('orders'), note);
  expect(made).toHaveLength(3);
  await deadLetters.close();
  expect(made.map(({ isGone }) => isGone)).toEqual([true, true, true]);
});

it('a topic that is missing delays no other', async () => {
  const { kafka, made } = fakeKafka((request) =>
    request.topic.startsWith('payments') ? refused('UNKNOWN_TOPIC_OR_PARTITION') : ack(request),
  );
  const deadLetters = kafkajsDeadLetters({ kafka, consumer: 'shipping' });
  const both = await Promise.allSettled(['payments', 'orders'].map((topic) => deadLetters.send(toTopic(topic), note)));
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(made.map(({ isGone }) => isGone)).toEqual([true, false]);
});

it('closes although a send hangs, rejects it, and sends nothing more', async () => {
  const { kafka, made } = fakeKafka(() => never);
  const deadLetters = kafkajsDeadLetters({ kafka, consumer: 'shipping' });
  const rejected = expect(deadLetters.send(aRecord(), note)).rejects.toMatchObject({ code: 'service-unavailable' });
  await Promise.all([deadLetters.close(), deadLetters.close()]);
  await rejected;
  await expect(deadLetters.send(aRecord(), note)).rejects.toMatchObject({ code: 'service-unavailable' });

  expect(made.map(({ isGone }) => isGone)).toEqual([true]);
});

it.each([0, -1, NaN, 1.5, '10', 3_600_001])('refuses %p as a time limit', (timeoutMs) => {
  const { kafka } = fakeKafka(ack);
  expect(() => kafkajsDeadLetters({ kafka, consumer: 'shipping', timeoutMs: timeoutMs as never })).toThrow(
    expect.objectContaining({ code: 'invalid-option' }),
  );
});
