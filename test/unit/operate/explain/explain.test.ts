import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { encodeItem } from '../../../../lib/event/item';
import { CONTROL_PARTITION } from '../../../../lib/event/key';
import { positionOfVersion } from '../../../../lib/event/position';
import type { DeadLetter } from '../../../../lib/operate/consumer/dead-letters';
import { explain, type ExplainKafka, type ExplainOptions } from '../../../../lib/operate/explain/explain';
import type { KeyExplanation } from '../../../../lib/operate/explain/diagnosis';
import { anEvent, anItem } from '../../../builders/items';
import { INBOX, TABLE, tablesInMemory } from '../table-in-memory';

type Item = Record<string, unknown>;

const SINCE = Date.UTC(2026, 0, 2);

function world() {
  const { target, put } = tablesInMemory();
  const putInbox = async (...rows: readonly Item[]): Promise<void> => {
    for (const row of rows) {
      await target.client.send(new PutItemCommand({ TableName: INBOX, Item: marshall(row) }));
    }
  };
  /** The inbox row of a consumer that has applied every event up to a version. */
  const applied = (consumer: string, version: number, more: Item = {}): Item => ({
    ...{ pk: `${consumer}#orders#/shop/order#42`, sk: 'inbox', revision: version, appliedAt: SINCE },
    ...{ window: Array.from({ length: version }, (_, at) => `${at + 1}.0 ${idOf(at + 1)}`), topEvents: 1 },
    ...more,
  });
  const parkedAt = (consumer: string, version: number): Item[] => [
    {
      ...{ pk: `${consumer}#$parked`, sk: `${consumer}#orders#/shop/order#42` },
      ...{ topic: 'orders', source: '/shop/order', key: '42', why: 'Error: no stock', since: SINCE },
    },
    {
      ...{ pk: `${consumer}#orders#/shop/order#42`, sk: `parked#0000000000#0000000000000000000${version}` },
      ...{ topic: 'orders', partition: 0, offset: String(version), timestamp: 1, why: 'Error: no stock' },
      headers: [
        ['ce_id', Buffer.from(idOf(version))],
        ['ce_sequence', Buffer.from(`${positionOfVersion(version)}.0000`)],
        ['ce_type', Buffer.from('order.placed')],
      ],
    },
  ];
  const ask = async (key = 'order#42', options: ExplainOptions = { inboxes: [INBOX] }): Promise<KeyExplanation> => {
    const { keys } = await explain(target, key, options);
    expect(keys).toHaveLength(1);
    return keys[0]!;
  };
  return { target, put, putInbox, applied, parkedAt, ask };
}

const idOf = (version: number): string => `42.${version}`;

const item = (version: number, more: Item = {}): Item => ({
  ...encodeItem(anItem({ key: '42', version, events: [anEvent({ id: idOf(version) })] })),
  ...more,
});
const published = (version: number): Item =>
  item(version, { processedAt: SINCE, receipts: [`orders-0@${version}`], expiresAt: SINCE / 1000 + 86_400 });
const hold = (version: number, more: Item = {}): Item => ({
  ...{ pk: CONTROL_PARTITION, sk: 'hold#order#42', key: 'order#42', position: positionOfVersion(version) },
  ...{ revision: '1', state: 'holding', reason: 'unknown-topic', message: 'no such topic', attempts: 1, since: SINCE },
  ...more,
});

interface KafkaState {
  readonly end?: bigint;
  readonly committed?: bigint;
  readonly members?: number;
  readonly letters?: readonly Partial<DeadLetter>[];
  readonly absent?: readonly string[];
}

const kafkaWith = ({ end = 100n, committed, members = 1, letters, absent = [] }: KafkaState): ExplainKafka => ({
  ends: () => Promise.resolve({ ends: new Map([['orders-0', end]]), absentTopics: absent }),
  consumer: () =>
    Promise.resolve({
      group: { members, committed: new Map(committed === undefined ? [] : [['orders-0', committed]]) },
      deadLetters: new Map([['orders', letters as readonly DeadLetter[] | undefined]]),
    }),
});

test('everything is applied', async () => {
  const { put, putInbox, applied, ask } = world();
  await put(published(1), published(2));
  await putInbox(applied('shipping', 2));
  expect(await ask()).toMatchObject({
    verdict: 'applied',
    why: 'All 2 items of order#42 in the table are published. Applied by shipping.',
    consumers: [{ consumer: 'shipping', topics: [{ topic: 'orders', appliedUpTo: '0000000000000002.0000' }] }],
  });
  expect((await ask()).next).toBeUndefined();
});

test('a name that nothing knows is never an all-clear, and a similar one is suggested', async () => {
  const { target, put, putInbox, applied, ask } = world();
  await put(published(1));
  await putInbox(applied('shipping', 1));
  expect(await ask('order#43')).toMatchObject({
    verdict: 'unknown-key',
    why: expect.stringMatching(/^order#43 is unknown: nothing of it is in the table and the consumers shipping\./),
  });
  expect(await explain(target, 'ordr#42', { inboxes: [INBOX] })).toMatchObject({
    keys: [{ verdict: 'unknown-key' }],
    similar: ['order#42'],
  });
  expect(await ask('43', {})).toMatchObject({
    verdict: 'unknown-key',
    why: expect.stringContaining('is in the table.'),
  });
});

test('a short name stands for every aggregate that has the key', async () => {
  const { target, put } = world();
  await put(published(1), { ...published(1), pk: 'customer#42' }, { ...published(1), pk: 'order#142' });
  const { keys } = await explain(target, '42');
  expect(keys.map(({ pk }) => pk)).toEqual(['customer#42', 'order#42']);
});

test('a key of which the outbox has nothing any more is found by the rows of its consumers', async () => {
  const { putInbox, applied, parkedAt, ask } = world();
  await putInbox(applied('shipping', 1));
  for (const key of ['42', 'order#42']) {
    expect(await ask(key)).toMatchObject({
      pk: 'order#42',
      verdict: 'undecided',
      consumers: [{ topics: [{ appliedUpTo: '0000000000000001.0000' }] }],
    });
  }
  await putInbox(...parkedAt('shipping', 2), applied('shipping', 1, { parked: true }));
  const named = [{ consumer: 'shipping', inbox: INBOX }];
  expect(await ask('42', { named })).toMatchObject({ pk: 'order#42', verdict: 'parked-at-consumer' });
});

test.each<[string, readonly Item[], Partial<KeyExplanation>, RegExp]>([
  [
    'one that is young',
    [item(1, { committedAt: Date.now() })],
    { verdict: 'pending' },
    /^wait some seconds, then outbox explain order#42$/,
  ],
  [
    'one of some seconds ago',
    [item(1, { committedAt: Date.now() - 11_000 })],
    { verdict: 'pending' },
    /^outbox status shows/,
  ],
  ['one that is old', [item(1, { committedAt: SINCE })], { verdict: 'pending' }, /^outbox status shows/],
])('an item waits for the relay: %s', async (_, items, expected, next) => {
  const { put, ask } = world();
  await put(...items);
  expect(await ask('order#42', {})).toMatchObject({ ...expected, next: expect.stringMatching(next) });
});

const PARKED = { parked: { reason: 'unknown-topic', message: 'no such topic', attempts: 1, since: SINCE } };

test.each<[string, readonly Item[], Partial<KeyExplanation>, RegExp]>([
  [
    'behind an item that was refused',
    [published(1), item(2, PARKED), item(3), hold(2)],
    {
      verdict: 'held',
      why: 'order#42 is held at 2 since 2026-01-02T00:00:00Z: unknown-topic: no such topic. 1 item waits behind it.',
    },
    /^ask the owner of the writer whether the name is right\. .*\. Then outbox redrive order#42 --why "…" --follow$/,
  ],
  [
    'behind an item that somebody deleted',
    [published(1), item(3), hold(2)],
    {
      verdict: 'item-gone',
      why: expect.stringMatching(/the item at 2 is gone.*refused before: unknown-topic: no such topic/) as never,
    },
    /^ask the owner of the data .*outbox restore "order#42" 2 .*outbox skip "order#42" --at 2/,
  ],
  [
    'for a partition',
    [item(2), hold(2, { reason: 'partition-unavailable', awaits: { topic: 'orders', partition: 3, failedAt: SINCE } })],
    { verdict: 'held', why: expect.stringContaining('for partition orders-3, which is unavailable') as never },
    /^check the replicas of orders-3/,
  ],
  [
    'while a redrive is at work',
    [item(2), hold(2, { state: 'draining', reason: 'drain-unfinished' })],
    { verdict: 'held' },
    /^wait some seconds/,
  ],
  [
    'without a hold',
    [item(2, PARKED)],
    { verdict: 'held', why: expect.stringContaining('no hold names its key') as never },
    /^outbox sweep$/,
  ],
])('a key waits in the outbox %s', async (_, items, expected, next) => {
  const { put, ask } = world();
  await put(...items);
  expect(await ask('order#42', {})).toMatchObject({ ...expected, next: expect.stringMatching(next) });
});

test.each<[string, KafkaState, RegExp]>([
  [
    'beyond the end of its topic',
    { end: 2n },
    /at 2 was acknowledged as orders-0@2, but orders-0 ends at 2: the topic lost messages/,
  ],
  ['of a topic that is gone', { absent: ['orders'] }, /topic orders does not exist/],
])('a receipt lies %s', async (_, facts, why) => {
  const { put, putInbox, applied, ask } = world();
  await put(published(1), published(2));
  await putInbox(applied('shipping', 2));
  expect(await ask('order#42', { inboxes: [INBOX], kafka: kafkaWith(facts) })).toMatchObject({
    verdict: 'lost-in-kafka',
    why: expect.stringMatching(why),
    next: expect.stringContaining('outbox verify'),
  });
});

test('an event is parked at one consumer, and applied by another', async () => {
  const { put, putInbox, applied, parkedAt, ask } = world();
  await put(published(1), published(2), published(3));
  await putInbox(applied('mails', 3), applied('shipping', 1, { parked: true }), ...parkedAt('shipping', 2));
  const explained = await ask();
  expect(explained).toMatchObject({
    verdict: 'parked-at-consumer',
    why: 'shipping has parked order#42 at orders-0@2 since 2026-01-02T00:00:00Z: Error: no stock. 0 events wait behind it.',
    next: `ask the owner of shipping to fix the cause. Then outbox consumer redrive order#42 --inbox inbox --consumer shipping --why "…" --follow`,
  });
  expect(explained.consumers.map(({ events }) => events.map(({ state }) => state))).toEqual([
    ['applied', 'applied', 'applied'],
    ['applied', 'parked', 'parked'],
  ]);
  expect(await ask('order#42', { inboxes: [INBOX], consumer: 'mails' })).toMatchObject({ verdict: 'applied' });
});

test('a dead letter has no effect, and its reason is reported if Kafka was read', async () => {
  const { put, putInbox, applied, ask } = world();
  await put(published(1), published(2));
  await putInbox(applied('shipping', 1, { aside: [`2.0 ${idOf(2)}`] }));
  expect(await ask()).toMatchObject({
    verdict: 'dead-letter',
    why: 'shipping has sent order#42 at 2 (orders-0@2) to its dead letters, without its effect.',
    next: expect.stringContaining(
      'fix the cause, then outbox consumer dead-letters --topic orders --inbox inbox --consumer shipping --key order#42 --resend --as parked --why "…"',
    ),
  });
  const letters = [{ id: idOf(2), reason: 'handler-failed', message: 'Error: no stock', deadLetteredAt: SINCE }];
  expect(await ask('order#42', { inboxes: [INBOX], kafka: kafkaWith({ letters }) })).toMatchObject({
    verdict: 'dead-letter',
    why: expect.stringContaining(': handler-failed, Error: no stock (2026-01-02T00:00:00Z).'),
  });
});

test('an event that is not applied while the topic for dead letters is missing: that topic is the next step', async () => {
  const { put, putInbox, applied, ask } = world();
  await put(published(1), published(2));
  await putInbox(applied('shipping', 1));
  expect(await ask('order#42', { inboxes: [INBOX], kafka: kafkaWith({ committed: 2n }) })).toMatchObject({
    verdict: 'not-consumed',
    why: expect.stringContaining('orders.shipping.dlt, does not exist'),
    next: expect.stringMatching(
      /^ask the owner of shipping .* in order\. Otherwise outbox topic create orders.shipping.dlt --like orders --yes/,
    ),
  });
  expect(
    (await ask('order#42', { inboxes: [INBOX], kafka: kafkaWith({ committed: 2n, letters: [], members: 0 }) })).next,
  ).toMatch(/^start an instance/);
});

test('an event that an operator discarded at the consumer is not missing', async () => {
  const { put, putInbox, applied, ask } = world();
  await put(published(1), published(2));
  const mark = {
    pk: 'shipping#orders#/shop/order#42',
    sk: `event#${idOf(2)}`,
    discarded: { by: 'me', at: 1, why: 'x' },
  };
  await putInbox(applied('shipping', 1, { aside: [`2.0 ${idOf(2)}`] }), mark);
  expect(await ask()).toMatchObject({
    verdict: 'applied',
    consumers: [{ events: [{ state: 'applied' }, { state: 'discarded' }] }],
  });
});

test.each<[string, KafkaState | undefined, Partial<KeyExplanation>, RegExp]>([
  [
    'of which nothing is read from Kafka',
    undefined,
    { verdict: 'not-consumed' },
    /^outbox doctor shows whether an instance of shipping runs$/,
  ],
  [
    'without an instance',
    { committed: 2n, members: 0 },
    { verdict: 'not-consumed', why: expect.stringContaining('no instance runs') as never },
    /^start an instance of shipping, then outbox explain/,
  ],
  [
    'that is behind',
    { committed: 0n, letters: [] },
    { verdict: 'not-consumed', why: expect.stringContaining('2 messages of the partition come before it') as never },
    /^wait, then outbox explain/,
  ],
  [
    'that has read past it',
    { committed: 3n },
    { verdict: 'missed', why: expect.stringContaining('has read past order#42 at 2') as never },
    /^outbox replay order#42 --from 2 --to 2 /,
  ],
])('an event is published, and not applied by a consumer %s', async (_, facts, expected, next) => {
  const { put, putInbox, applied, ask } = world();
  await put(published(1), published(2));
  await putInbox(applied('shipping', 1));
  const kafka = facts === undefined ? {} : { kafka: kafkaWith(facts) };
  expect(await ask('order#42', { inboxes: [INBOX], ...kafka })).toMatchObject({
    ...expected,
    next: expect.stringMatching(next),
  });
});

test('an event is missing before later ones that were applied', async () => {
  const { put, putInbox, applied, ask } = world();
  await put(published(1), published(2), published(3));
  await putInbox(applied('shipping', 3, { window: [`1.0 ${idOf(1)}`, `3.0 ${idOf(3)}`] }));
  expect(await ask()).toMatchObject({
    verdict: 'missed',
    why: 'shipping has applied later events of the key, and not order#42 at 2 (orders-0@2).',
    next: expect.stringMatching(/^outbox replay order#42 --from 2 --to 2 --why .* to every consumer of the topic/),
  });
});

test('the next command is about the same outbox', async () => {
  const { put, ask } = world();
  await put(item(2, PARKED), hold(2));
  expect((await ask('order#42', { globals: ['--stack', 'Shop'] })).next).toMatch(
    / Then outbox redrive order#42 --stack Shop --why "…" --follow$/,
  );
});

test('without a consumer nothing is decided', async () => {
  const { put, ask } = world();
  await put(published(1));
  expect(await ask('order#42', { notLookedAt: ['consumers: they are not known'] })).toMatchObject({
    verdict: 'undecided',
    next: expect.stringContaining('outbox explain order#42 --inbox TABLE'),
    notLookedAt: ['consumers: they are not known'],
  });
});

test('a consumer that reads another topic lacks nothing, and is not said to have applied anything', async () => {
  const { put, putInbox, applied, ask } = world();
  await put(published(1));
  await putInbox({ ...applied('audits', 1), pk: 'audits#audit#/shop/order#7' });
  expect(await ask()).toMatchObject({
    verdict: 'undecided',
    why: expect.stringContaining('No known consumer (audits) has read orders'),
  });
  await putInbox(applied('shipping', 1));
  expect(await ask()).toMatchObject({ verdict: 'applied', why: expect.stringMatching(/Applied by shipping\.$/) });
});

test('what Kafka refuses to tell is named, and the rest is seen', async () => {
  const { put, putInbox, applied, ask } = world();
  await put(published(1));
  await putInbox(applied('shipping', 1));
  const kafka: ExplainKafka = {
    ...kafkaWith({}),
    consumer: () => Promise.reject(new Error('GROUP_AUTHORIZATION_FAILED')),
  };
  expect(await ask('order#42', { inboxes: [INBOX], kafka })).toMatchObject({
    verdict: 'applied',
    why: expect.stringContaining('as far as was checked'),
    notLookedAt: ['the group and the dead letters of shipping: GROUP_AUTHORIZATION_FAILED'],
  });
});

test('a consumer that no table knows is refused', async () => {
  const { target, put, putInbox, applied } = world();
  await put(published(1));
  await putInbox(applied('shipping', 1));
  await expect(explain(target, 'order#42', { inboxes: [INBOX], consumer: 'nosuch' })).rejects.toThrow(
    /table inbox holds nothing of consumer "nosuch"\. It knows shipping\./,
  );
  await expect(explain(target, 'order#42', { inboxes: [TABLE] })).rejects.toThrow(/no inbox/);
});
