import { handleKafkaEvent } from '../../../lib/consume/lambda/handle-event';
import type { KafkaEvent } from '../../../lib/consume/lambda/kafka-event';
import { aRecord, aRig, NOW } from '../../builders/consume';
import { isMap } from '../attributes';
import { mutate } from '../mutate';
import type { Target } from '../target';

interface Message {
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

const bytesOf = (value: unknown): Buffer =>
  Buffer.from(typeof value === 'string' ? value : ((JSON.stringify(value) as string | undefined) ?? ''));
const base64 = (value: unknown): string | null =>
  value === null || value === undefined ? null : bytesOf(value).toString('base64');

/** A message of Lambda's event, some of whose parts are malformed: it is applied, a dead letter, parked or delivered again. */
export const messages: Target = {
  name: 'messages',
  input: (random): Message => {
    const { headers } = aRecord({ key: 'a', version: 1 + random.integer(3), index: random.integer(2), txEvents: 2 });
    const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    const changed = mutate(random, { key: random.chance(0.1) ? null : 'a', value: '{"total":5}', headers: texts });
    const { key, value, headers: changedHeaders }: Record<string, unknown> = isMap(changed) ? changed : {};
    return { key, value, headers: isMap(changedHeaders) ? changedHeaders : {} };
  },
  async run(input) {
    const { consumer, client, deadLetters, handled, told } = aRig({ attempts: 1 });
    const handle = handleKafkaEvent({ consumer, deadLetters, partialBatchResponse: true });
    const { key, value, headers } = input as Message;
    // Lambda vouches for the form and the place of a message, not for the bytes that others wrote.
    const message = {
      ...{ topic: 'orders', partition: 0, offset: 7, timestamp: NOW, key: base64(key), value: base64(value) },
      headers: Object.entries(headers).map(([name, text]) => ({ [name]: text === null ? null : [...bytesOf(text)] })),
    };
    const event: KafkaEvent = { records: { 'orders-0': [message] } };
    const { batchItemFailures } = await handle(event, { getRemainingTimeInMillis: () => 20_000 });
    const applied = client.effects().length;
    const ends = {
      applied,
      'dead letter': deadLetters.sent.length,
      parked: [...client.items.values()].filter(({ since }) => since !== undefined).length,
      ignored:
        told.of('replayIgnored').length + told.of('unknownTypeSkipped').length + told.of('noHandler' as never).length,
      'delivered again': batchItemFailures.length,
    };
    if (applied !== handled.length) throw new Error(`${handled.length} effects were handled, and ${applied} applied.`);
    const [end] = Object.entries(ends).find(([, count]) => count > 0) ?? [];
    if (end === undefined)
      throw new Error(`The message is skipped silently: ${told.calls.map(({ name }) => name).join()}`);
    return end === 'dead letter' ? `dead letter: ${deadLetters.reasons[0] ?? ''}` : end;
  },
};
