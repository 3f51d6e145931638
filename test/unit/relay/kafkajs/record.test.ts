import type { Message } from '../../../../lib/event/message';
import { topicMessagesOf } from '../../../../lib/relay/kafkajs/session';

const message = (overrides: Partial<Record<keyof Message, unknown>> = {}): Message =>
  ({ topic: 'a', key: Buffer.from('k'), value: Buffer.from('v'), headers: { h: '1' }, ...overrides }) as Message;

it('gathers batches by topic, each message with its partition and in order', () => {
  const [first, second, third, fourth] = ['1', '2', '3', '4'].map((v) => message({ value: Buffer.from(v) }));
  const batches = [
    { topic: 'a', partition: 2, messages: [first!, second!] },
    { topic: 'b', partition: 0, messages: [third!] },
    { topic: 'a', partition: 1, messages: [fourth!] },
  ];

  const seen = topicMessagesOf(batches).map(({ topic, messages }) => [
    topic,
    messages.map((m) => [m.partition, String(m.value)]),
  ]);

  expect(seen).toEqual([
    [
      'a',
      [
        [2, '1'],
        [2, '2'],
        [1, '4'],
      ],
    ],
    ['b', [[0, '3']]],
  ]);
});

it('sends key, value and headers as they are, and no time stamp', () => {
  const sent = message();
  const [topic] = topicMessagesOf([{ topic: 'a', partition: 3, messages: [sent] }]);

  expect(topic?.messages).toEqual([{ key: sent.key, value: sent.value, headers: sent.headers, partition: 3 }]);
});
