import { handleKafkaEvent, type KafkaEvent } from '../../../../lib/consumer';
import { aRecord, aRig, kafkaEventOf } from '../../../builders/consume';

const place = 'orders-0';
const message = kafkaEventOf([aRecord({ version: 1, offset: 7 })]).records[place]?.[0];
const withMessages = (records: unknown): object => ({ records: { [place]: records } });

test.each([
  ['nothing', undefined, 'event'],
  ['an event of SQS', { Records: [{ messageId: 'x' }] }, 'event'],
  ['messages that are no list', withMessages({}), 'event.records["orders-0"]'],
  ['a message that is null', withMessages([null]), 'event.records["orders-0"][0]'],
  ['an offset that is a text', withMessages([{ ...message, offset: '7' }]), 'event.records["orders-0"][0].offset'],
  ['a value that is decoded', withMessages([{ ...message, value: {} }]), 'event.records["orders-0"][0].value'],
  [
    'a header that is a text',
    withMessages([message, { ...message, headers: [{ ce_id: 'x' }] }]),
    'event.records["orders-0"][1].headers',
  ],
])('a function that is invoked with %s names the fault and processes no message', async (_, event, option) => {
  const { consumer, deadLetters, handled } = aRig();
  const handle = handleKafkaEvent({ consumer, deadLetters });
  const context = { getRemainingTimeInMillis: () => 20_000 };
  await expect(handle(event as KafkaEvent, context)).rejects.toMatchObject({
    code: 'invalid-option',
    details: { option },
  });
  expect([handled, deadLetters.sent]).toEqual([[], []]);
});
