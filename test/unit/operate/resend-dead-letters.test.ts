import { deadLetterTopic } from '../../../lib/event/consumer-name';
import { DEAD_LETTER_HEADERS } from '../../../lib/event/dead-letter';
import { dynamodbRequests } from '../../../lib/consume/dynamodb/requests';
import { headersByName } from '../../../lib/consume/record';
import type { ConsumedRecord } from '../../../lib/consumer';
import { memoryClient } from '../../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../../lib/testing/dynamodb/memory-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import type { RawMessage, ReadTopicsOptions } from '../../../lib/operate/topic-consumption';
import { planResendBy, resendDeadLetters, type ResendOptions } from '../../../lib/operate/consumer/resend';
import { aRecord } from '../../builders/consume';
import { INBOX } from './table-in-memory';

const request = { by: 'me', at: Date.UTC(2026, 0, 2), why: 'fixed' };

interface Letter {
  readonly record: ConsumedRecord;
  readonly reason?: string;
  readonly deadLetteredAt?: number;
  /** Changed headers of the dead letter. */
  readonly change?: Readonly<Record<string, Buffer | undefined>>;
}

function rawOf({ record, reason = 'handler-failed', change = {} }: Letter): RawMessage {
  const text = (value: string | number | bigint) => Buffer.from(String(value));
  const added: Record<string, Buffer | undefined> = {
    [DEAD_LETTER_HEADERS.reason]: text(reason),
    [DEAD_LETTER_HEADERS.message]: text('Error: no stock'),
    [DEAD_LETTER_HEADERS.topic]: text(record.topic),
    [DEAD_LETTER_HEADERS.partition]: text(record.partition),
    [DEAD_LETTER_HEADERS.offset]: text(record.offset),
    [DEAD_LETTER_HEADERS.timestamp]: text(record.timestamp),
    [DEAD_LETTER_HEADERS.stack]: text('at all'),
    ...change,
  };
  const headers = Object.entries({ ...record.headers, ...added }).filter(([, value]) => value !== undefined);
  return { key: record.key, value: record.value, headers: Object.fromEntries(headers) as RawMessage['headers'] };
}

/** A consumer's table, and the dead letters that Kafka has. */
function world(letters: readonly Letter[]) {
  const dynamodb = new MemoryDynamoDb({ [INBOX]: { pk: 'S', sk: 'S' } }, Date.now);
  const client = memoryClient(dynamodb, 'eu-west-1', () => undefined);
  const target = { client, tableName: INBOX, consumer: 'shipping' };
  const reading = ({ topics, onMessage }: ReadTopicsOptions) => {
    expect([...topics]).toEqual([deadLetterTopic('orders', 'shipping')]);
    for (const [at, letter] of letters.entries()) {
      const raw = rawOf(letter);
      const header = (name: string) => raw.headers[name]?.toString();
      onMessage(
        {
          ...{ topic: 'orders.shipping.dlt', partition: 0, offset: BigInt(at), timestamp: letter.deadLetteredAt ?? at },
          ...{ key: raw.key?.toString() ?? '', id: header('ce_id'), source: header('ce_source'), isReplay: false },
        },
        raw,
      );
    }
    return Promise.resolve({ absentTopics: [], unread: [] });
  };
  const plan = (options: Partial<ResendOptions> = {}) =>
    planResendBy(reading, target, { topic: 'orders', as: 'parked', ...options });
  const requests = dynamodbRequests({
    ...{ client: DynamoDBDocument.from(client), tableName: INBOX, consumer: 'shipping' },
    clock: { now: Date.now },
  });
  return { dynamodb, target, plan, requests };
}

const normal = (record: ConsumedRecord | undefined) =>
  record && { ...record, headers: headersByName(Object.entries(record.headers)) };

describe('a plan', () => {
  it('selects by reason, key, source, aggregate and place', async () => {
    const { plan } = world([
      { record: aRecord({ version: 1, offset: 1 }) },
      { record: aRecord({ version: 2, offset: 2 }), reason: 'invalid-data' },
      { record: aRecord({ key: '43', version: 1, offset: 3 }) },
      { record: aRecord({ version: 1, offset: 4, source: '/shop', headers: { ce_aggregate: Buffer.from('order') } }) },
      { record: aRecord({ version: 1, offset: 5, source: '/shop/customer' }) },
    ]);
    const offsets = async (options: Partial<ResendOptions>) =>
      (await plan(options)).targets.map(({ record }) => Number(record.offset));

    expect(await offsets({})).toEqual([1, 2, 3, 4, 5]);
    expect(await offsets({ reasons: ['invalid-data', 'late'] })).toEqual([2]);
    expect(await offsets({ keys: ['43', '44'] })).toEqual([3]);
    expect(await offsets({ source: '/shop' })).toEqual([4]);
    expect(await offsets({ aggregate: 'order' })).toEqual([1, 2, 3, 4]);
    expect(await offsets({ places: ['orders-0@5', 'orders-0@9'] })).toEqual([5]);
    expect(await offsets({ keys: ['42'], reasons: ['handler-failed'], aggregate: 'order' })).toEqual([1, 4]);
  });

  it('has a message once that was dead-lettered several times, and two messages of one place', async () => {
    const record = aRecord({ version: 1, offset: 1 });
    const { plan } = world([
      { record, reason: 'late' },
      { record },
      { record: aRecord({ version: 1, offset: 1, id: 'of a topic that was made again' }) },
    ]);

    expect((await plan()).targets).toMatchObject([
      { letter: { reason: 'handler-failed' } },
      { letter: { id: 'of a topic that was made again' } },
    ]);
  });

  const large = aRecord({ version: 1, offset: 7, value: Buffer.alloc(409_000) });
  it.each<[string, Letter, RegExp]>([
    [
      'of another consumer',
      { record: aRecord({ topic: 'orders.eu' }) },
      /topic "orders\.eu" and so of another consumer/,
    ],
    [
      'that another program wrote',
      { record: aRecord(), change: { [DEAD_LETTER_HEADERS.topic]: undefined } },
      /No consumer/,
    ],
    ['without a place', { record: aRecord(), change: { [DEAD_LETTER_HEADERS.offset]: Buffer.from('x') } }, /no number/],
    [
      'without a time',
      { record: aRecord(), change: { [DEAD_LETTER_HEADERS.timestamp]: undefined } },
      /the time of its message/,
    ],
    ['without an id', { record: aRecord({ id: '' }) }, /^not-a-cloudevent: .* Publish it again/],
    ['with a key that is no text', { record: { ...aRecord(), key: Buffer.from([255]) } }, /^invalid-key: /],
    ['that fits no item', { record: large }, /^It takes 4\d{5} bytes as an item .* Publish it again/],
  ])('refuses a dead letter %s, and says why', async (_, letter, why) => {
    const good = { record: aRecord({ version: 1, offset: 1 }) };
    const { plan } = world([letter, good]);

    const { targets, refused } = await plan();

    expect(targets.map(({ record }) => record.offset)).toEqual([1n]);
    expect(refused).toEqual([
      { letter: expect.objectContaining({ reason: 'handler-failed' }), why: expect.stringMatching(why) },
    ]);
  });
});

describe('a resend', () => {
  const records: [string, ConsumedRecord][] = [
    ['without a key', aRecord({ key: null, offset: 3, partition: 2, timestamp: 5 })],
    ['that is a tombstone', aRecord({ version: 1, value: null })],
    ['with an empty value and key', { ...aRecord({ version: 1, value: Buffer.alloc(0) }), key: Buffer.alloc(0) }],
    ['of arbitrary bytes', aRecord({ version: 1, value: Buffer.from([0, 255, 123, 10]) })],
    [
      'with odd headers',
      aRecord({
        headers: {
          twice: [Buffer.from('a'), Buffer.from('b')],
          empty: Buffer.alloc(0),
          bytes: Buffer.from([255, 0]),
          constructor: Buffer.from('x'),
          'outbox-dlt-own': Buffer.from('of the writer'),
        },
      }),
    ],
  ];
  it.each(records)('of a message %s hands it to the consumer byte for byte', async (_, record) => {
    const { plan, target, requests } = world([{ record }]);

    const { asked, failed } = await resendDeadLetters(target, await plan(), request);

    expect(failed).toEqual([]);
    expect(asked).toHaveLength(1);
    expect(normal(await requests.resentMessage(asked[0]?.id ?? ''))).toEqual(normal(record));
    expect(await requests.read(asked[0]?.id ?? '')).toEqual(asked[0]);
    expect(asked).toMatchObject([{ asks: 'resend', as: 'parked', request }]);
  });

  it('asks for the messages of a key in the order of their places', async () => {
    const offsets = [5, 1, 4, 2, 3];
    const { plan, target, requests } = world(
      offsets.map((offset) => ({ record: aRecord({ version: offset, offset }) })),
    );

    await resendDeadLetters(target, await plan(), request);

    const waiting: unknown[] = [];
    for await (const one of requests.pending()) waiting.push(one);
    expect(waiting).toMatchObject([1, 2, 3, 4, 5].map((offset) => ({ resent: `orders-0@${offset}` })));
  });

  it('that is repeated before the consumer has done it asks for nothing', async () => {
    const { plan, target } = world([{ record: aRecord({ version: 1, offset: 1 }) }]);
    await resendDeadLetters(target, await plan(), request);

    expect(await plan()).toMatchObject({ targets: [], asked: [{ from: { offset: '1' } }] });
  });

  it('that fails for one message asks for no later one of its key', async () => {
    const { plan, target, requests } = world([
      ...[1, 2, 3].map((offset) => ({ record: aRecord({ version: offset, offset }) })),
      { record: aRecord({ key: '43', version: 1, offset: 4 }) },
    ]);
    const ready = await plan();
    const { client } = target;
    let calls = 0;
    const failing = {
      send: (command: Parameters<typeof client.send>[0]) =>
        JSON.stringify(command.input).includes('"2"') && ++calls > 0
          ? Promise.reject(new Error('throttled'))
          : client.send(command),
    } as unknown as typeof client;

    const report = await resendDeadLetters({ ...target, client: failing }, ready, request);

    expect(report.asked.map(({ resent }) => resent).toSorted()).toEqual(['orders-0@1', 'orders-0@4']);
    expect(report.failed).toEqual(['orders-0@2', 'orders-0@3'].map((place) => ({ place, why: 'throttled' })));
    const waiting: unknown[] = [];
    for await (const one of requests.pending()) waiting.push(one);
    expect(waiting).toHaveLength(2);
  });

  it('needs a reason', async () => {
    const { plan, target } = world([{ record: aRecord() }]);
    await expect(resendDeadLetters(target, await plan(), { ...request, why: ' ' })).rejects.toMatchObject({
      code: 'operation-refused',
    });
  });
});
