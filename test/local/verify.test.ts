import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel, type Message } from 'kafkajs';
import { positionOfVersion } from '../../lib/event/position';
import { parseReceipt } from '../../lib/event/receipt';
import { replayMissing, type MissingEvent } from '../../lib/operate/replay';
import { verify, type VerifyOptions, type VerifyProgress, type VerifyReport } from '../../lib/operate/verify/verify';
import { createTopics, deleteTopic, withAdmin } from '../../local/kafka/topics';
import type { Arrival } from './harness/topic-reader';
import {
  allArrived,
  allMarked,
  Committed,
  keysNamed,
  settled,
  startWorld,
  STARTUP_MS,
  TOPICS,
  until,
  write,
  type World,
} from './harness/world';

let world: World;
let client: DynamoDBClient;

beforeAll(async () => {
  world = await startWorld();
  client = new DynamoDBClient(world.stack.clientConfig);
}, STARTUP_MS);

afterAll(async () => {
  client.destroy();
  await world.stop();
});

const verifyNow = (options: Partial<VerifyOptions> = {}): Promise<VerifyReport> =>
  verify(
    { client, tableName: world.stack.tableName },
    { brokers: world.stack.brokers, auth: { kind: 'none' } },
    { sinceMs: 0, ...options },
  );
const findings = async (...keys: string[]): Promise<string[]> =>
  (await verifyNow({ keys: keys.map((key) => `order#${key}`) })).findings.map(({ kind, id }) => `${kind} ${id}`);

/** A topic that was made again has no leader for a moment, or a broker does not know it. */
const untilReadable = (key: string): Promise<void> =>
  until(`The topics of ${key}`, async () => {
    const { unread, absentTopics } = await verifyNow({ keys: [key] });
    return unread === 0 && absentTopics.length === 0;
  });

type EventType = 'order.changed' | 'order.audited' | 'order.noted';

const commit = (key: string, version: number, type: EventType = 'order.changed') =>
  world.outbox.transact(world.document, {
    changes: [{ aggregate: 'order', key, version, events: [{ type, id: `${key}.${version}`, data: { n: version } }] }],
  });

/** Publishes and marks the versions 1 to `count` of a key; returns their messages. */
async function published(key: string, count: number, type: EventType = 'order.changed'): Promise<Arrival[]> {
  for (let version = 1; version <= count; version++) await commit(key, version, type);
  await until(`${count} messages of ${key}`, () => world.reader.ofKey(key).length === count);
  await allMarked(world);
  return world.reader.ofKey(key);
}

const copyOf = ({ key, value, headers, partition }: Arrival): Message => ({
  ...{ key, value: value ?? null, headers, partition },
});

async function produce(topic: string, messages: Message[]): Promise<void> {
  const producer = new Kafka({ brokers: [...world.stack.brokers], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();
}

const update = (key: string, version: number, change: { receipts: string[]; processedAt: number }) =>
  world.document.update({
    TableName: world.stack.tableName,
    Key: { pk: `order#${key}`, sk: positionOfVersion(version) },
    UpdateExpression: 'SET receipts = :receipts, processedAt = :processedAt',
    ExpressionAttributeValues: { ':receipts': change.receipts, ':processedAt': change.processedAt },
  });

const groups = async (): Promise<string[]> =>
  (await withAdmin(world.stack.brokers, (admin) => admin.listGroups())).groups.map(({ groupId }) => groupId);

it('finds nothing wrong while writers and relay are at work, and leaves no consumer group', async () => {
  const committed = new Committed();
  const seen = new AbortController();
  const writers = Promise.all(
    ['x', 'y'].map(async (name) => {
      while (!seen.signal.aborted)
        await write(world, { keys: keysNamed(name, 5), events: 20, perTransaction: 2 }, committed);
    }),
  );
  const reports: VerifyReport[] = [];
  try {
    // At least one report must see pending items.
    while (reports.length < 3 || !reports.some(({ items }) => items.pending > 0)) reports.push(await verifyNow());
  } finally {
    seen.abort();
    await writers;
  }
  await allArrived(world, committed);
  await allMarked(world);
  const progress: VerifyProgress[] = [];
  const last = await verifyNow({ onProgress: (one) => progress.push(one) });

  for (const report of reports) expect(report).toMatchObject({ findings: [], expired: 0, undecided: 0 });
  expect(last).toMatchObject({
    findings: [],
    items: { processed: committed.count / 2, pending: 0, parked: 0, discarded: 0 },
    events: committed.count,
    messages: { read: committed.count, unknown: 0, replayed: 0 },
    unreadable: 0,
    absentTopics: [],
  });
  expect(last.leftGroup).toBeUndefined();
  expect(JSON.parse(JSON.stringify(last))).toEqual({ ...last, leftGroup: undefined });
  expect(progress.at(-1)).toEqual({
    scanned: expect.any(Number),
    passed: committed.count,
    toPass: committed.count,
  });
  expect((await groups()).filter((groupId) => groupId.startsWith('outbox-verify'))).toEqual([]);
});

it('finds the duplicates that a killed relay made, and nothing else', async () => {
  const committed = new Committed();
  const writing = write(world, { keys: keysNamed('killed', 5), events: 300, perTransaction: 2 }, committed);
  for (let kill = 0; kill < 5; kill++) {
    await sleep(200 + Math.random() * 300);
    await world.stack.relay.kill();
  }
  await writing;
  await allArrived(world, committed);
  await allMarked(world);
  await settled(world);
  // The report has ten of a kind.
  const found: string[] = [];
  await verifyNow({
    keys: committed.keys.map((key) => `order#${key}`),
    onFinding: ({ kind, id }) => void found.push(`${kind} ${id}`),
  });

  const seen = new Map<string, number>();
  for (const { headers } of committed.keys.flatMap((key) => world.reader.ofKey(key))) {
    seen.set(headers['ce_id'] ?? '', (seen.get(headers['ce_id'] ?? '') ?? 0) + 1);
  }
  const repeated = [...seen].filter(([, times]) => times > 1).map(([id]) => `duplicate ${id}`);
  expect(found.toSorted()).toEqual(repeated.toSorted());
});

it('keeps to the range that it is given', async () => {
  await published('before', 1);
  await sleep(5);
  const since = Date.now();
  await published('within', 1);
  const before = await verifyNow({ sinceMs: 0, untilMs: since - 1 });
  const within = await verifyNow({ sinceMs: since });
  expect(within).toMatchObject({ sinceMs: since, events: 1, items: { processed: 1 }, findings: [] });
  expect(before.events).toBeGreaterThan(1);
  expect(before.messages.unknown).toBe(1);
  await expect(verifyNow({ sinceMs: 2, untilMs: 1 })).rejects.toMatchObject({ code: 'operation-refused' });
  await expect(verifyNow({ sinceMs: NaN })).rejects.toMatchObject({ code: 'operation-refused' });
  await expect(verifyNow({ keys: ['nokey'] })).rejects.toMatchObject({ code: 'operation-refused' });
});

it('finds a planted duplicate', async () => {
  const [, second] = await published('twice', 3);
  expect(await findings('twice')).toEqual([]);
  if (second !== undefined) await produce(second.topic, [copyOf(second)]);
  expect(await findings('twice')).toEqual(['duplicate twice.2']);
});

it('takes no replayed message for a duplicate', async () => {
  const [first] = await published('replayed', 2);
  if (first !== undefined) {
    const { headers, ...rest } = copyOf(first);
    await produce(first.topic, [{ ...rest, headers: { ...headers, 'outbox-replay': 'r1' } }]);
  }
  expect(await verifyNow({ keys: ['order#replayed'] })).toMatchObject({ findings: [], messages: { replayed: 1 } });
});

it('finds a wrong receipt', async () => {
  const [first, second] = await published('receipt', 2);
  await update('receipt', 2, { receipts: [`orders-${first?.partition}@${first?.offset}`], processedAt: Date.now() });
  const { findings: found } = await verifyNow({ keys: ['order#receipt'] });
  expect(found).toMatchObject([
    { kind: 'wrong-receipt', id: 'receipt.2', at: [`orders-${second?.partition}@${second?.offset}`] },
  ]);
});

it('takes what retention removed for expired, not for missing', async () => {
  const messages = await published('old', 3, 'order.audited');
  const { topic, partition, offset } = messages[1] ?? { topic: '', partition: 0, offset: '' };
  const removeBefore = (end: string): Promise<unknown> =>
    withAdmin(world.stack.brokers, async (admin) => {
      // kafkajs deletes records only from topics that the client has looked up.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: end }] });
    });
  await removeBefore(offset);
  expect(await verifyNow({ keys: ['order#old'] })).toMatchObject({ findings: [], expired: 1 });
  await removeBefore('-1');
  expect(await verifyNow({ keys: ['order#old'] })).toMatchObject({ findings: [], expired: 3 });
});

it('reads past the messages and markers of another producer’s transactions', async () => {
  await published('marked', 1);
  const transactional = new Kafka({ brokers: [...world.stack.brokers], logLevel: logLevel.NOTHING }).producer({
    transactionalId: 'another',
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await transactional.connect();
  for (const end of ['commit', 'abort'] as const) {
    const transaction = await transactional.transaction();
    await transaction.send({ topic: 'orders', messages: [{ key: 'foreign', value: end }] });
    await transaction[end]();
  }
  expect(await findings('marked')).toEqual([]);
  await published('marked-too', 1);
  await transactional.disconnect();
  expect(await findings('marked', 'marked-too')).toEqual([]);
});

describe('behind the unfinished transaction of another producer', () => {
  const openTransaction = async () => {
    const producer = new Kafka({ brokers: [...world.stack.brokers], logLevel: logLevel.NOTHING }).producer({
      ...{ transactionalId: `open-${Math.random()}`, idempotent: true, maxInFlightRequests: 1 },
    });
    await producer.connect();
    return { transaction: await producer.transaction(), close: () => producer.disconnect() };
  };

  it('an event is not readable yet, which is neither missing nor well; once it has ended all is well', async () => {
    const [first] = await published('behind', 1);
    const { transaction, close } = await openTransaction();
    const began = Date.now();
    const messages = [{ key: 'foreign', value: 'open', partition: first?.partition }];
    await transaction.send({ topic: 'orders', messages });
    await commit('behind', 2);
    await allMarked(world);

    const open = await verifyNow({ keys: ['order#behind'] });
    expect(open.findings).toEqual([
      expect.objectContaining({ kind: 'not-readable-yet', id: 'behind.2', receipt: expect.any(String) }),
    ]);
    expect(open.counts).toEqual([{ kind: 'not-readable-yet', topic: 'orders', count: 1 }]);
    const [finding] = open.findings;
    const sinceMs = finding?.kind === 'not-readable-yet' ? finding.sinceMs : undefined;
    expect(Math.abs((sinceMs ?? 0) - began)).toBeLessThan(10_000);

    await transaction.abort();
    await close();
    expect(await verifyNow({ keys: ['order#behind'] })).toMatchObject({ counts: [], unreadTopics: [] });
  });

  it('a receipt beyond all that was written is missing', async () => {
    const [first] = await published('beyond', 1);
    const { transaction, close } = await openTransaction();
    const messages = [{ key: 'foreign', value: 'open', partition: first?.partition }];
    await transaction.send({ topic: 'orders', messages });
    await commit('beyond', 2);
    await allMarked(world);
    await update('beyond', 2, { receipts: [`orders-${first?.partition}@99999999`], processedAt: Date.now() });
    const { counts } = await verifyNow({ keys: ['order#beyond'] });
    expect(counts).toEqual([{ kind: 'missing', topic: 'orders', count: 1 }]);
    await transaction.abort();
    await close();
  });

  it('a copy in an aborted transaction is no duplicate, and its offset is no hole', async () => {
    const [first] = await published('aborted', 1);
    const { transaction, close } = await openTransaction();
    const [copy] = first === undefined ? [] : await transaction.send({ topic: 'orders', messages: [copyOf(first)] });
    await transaction.abort();
    await close();
    expect(await findings('aborted')).toEqual([]);
    const receipts = [`orders-${first?.partition}@${copy?.baseOffset}`];
    await published('after', 1);
    await update('aborted', 1, { receipts, processedAt: Date.now() });
    expect(await findings('aborted')).toEqual(['wrong-receipt aborted.1']);
  });
});

// This must run before any other topic has a batch of this codec.
it('names the topic and partition that cannot be read, goes on with the others, and proves no loss there', async () => {
  const [audited, second] = await published('damaged', 2, 'order.audited');
  await published('well', 2);
  const lz4 = CompressionCodecs[CompressionTypes.LZ4];
  await withAdmin(world.stack.brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          ...{ type: ConfigResourceTypes.TOPIC, name: audited?.topic ?? '' },
          configEntries: [{ name: 'compression.type', value: 'lz4' }],
        },
      ],
    }),
  );
  await commit('damaged', 3, 'order.audited');
  await allMarked(world);
  // kafkajs uses the application's codec, and this one fails.
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    decompress: () => Promise.reject(new Error('the data end too early')),
  });
  try {
    const report = await verifyNow({ keys: ['order#damaged', 'order#well'] });
    expect(report).toMatchObject({ counts: [], unread: 1 });
    expect(report.unreadTopics).toEqual([
      {
        ...{ topic: audited?.topic, partition: audited?.partition },
        ...{
          offset: String(Number(second?.offset) + 1),
          why: expect.stringMatching(/lz4 cannot be read: the data end too early\. Read/),
        },
      },
    ]);
    expect(await verifyNow({ keys: ['order#well'] })).toMatchObject({ counts: [], unreadTopics: [] });
  } finally {
    CompressionCodecs[CompressionTypes.LZ4] = lz4;
  }
});

it('reads past the messages of a topic that the broker recompresses', async () => {
  const kinds = ['lz4', 'snappy', 'gzip', 'zstd'];
  for (const kind of kinds) {
    const value = kind;
    await withAdmin(world.stack.brokers, (admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [
          { type: ConfigResourceTypes.TOPIC, name: 'orders', configEntries: [{ name: 'compression.type', value }] },
        ],
      }),
    );
    await published(`by-${kind}`, 3);
  }
  expect(await verifyNow({ keys: kinds.map((kind) => `order#by-${kind}`) })).toMatchObject({
    ...{ events: 12, counts: [], unreadTopics: [], expired: 0 },
  });
});

it('finds a message that is gone with its topic', async () => {
  const [first, second] = await published('gone', 3, 'order.noted');
  const small = TOPICS.filter(({ topic }) => topic === 'small');
  await deleteTopic(world.stack.brokers, 'small');
  const absent = await verifyNow({ keys: ['order#gone'] });
  expect(absent).toMatchObject({ absentTopics: ['small'] });
  expect(absent.findings.map(({ kind, id }) => `${kind} ${id}`)).toEqual([1, 2, 3].map((n) => `missing gone.${n}`));

  await createTopics(world.stack.brokers, small);
  if (first !== undefined && second !== undefined) await produce('small', [copyOf(first), copyOf(second)]);
  await untilReadable('order#gone');
  expect(await findings('gone')).toEqual(['missing gone.3']);
});

it('names a topic that was made again, and finds nothing once the relay has replayed what is missing', async () => {
  const small = TOPICS.filter(({ topic }) => topic === 'small');
  await published('lost', 3, 'order.noted');
  await deleteTopic(world.stack.brokers, 'small');
  const keys = ['order#lost'];
  expect(await verifyNow({ keys })).toMatchObject({ absentTopics: ['small'] });
  await until('the new topic', async () => {
    // Brokers learn of a topic some time after its creation; until then kafkajs fails while it waits for the leaders.
    await createTopics(world.stack.brokers, small).catch(() => undefined);
    return (await withAdmin(world.stack.brokers, (admin) => admin.listTopics())).includes('small');
  });
  await untilReadable('order#lost');
  const missing: MissingEvent[] = [];
  const lost = await verifyNow({
    keys,
    onFinding: ({ pk, position, topic }) => void missing.push({ pk, position, topic }),
  });
  expect(lost.counts).toEqual([{ kind: 'missing', topic: 'small', count: 3 }]);
  expect(lost.shortPartitions).toMatchObject([{ topic: 'small', end: '0' }]);

  const request = { by: 'the test', at: Date.now(), why: 'small was deleted' };
  await replayMissing({ client, tableName: world.stack.tableName }, missing, request);
  let healed = lost;
  await until('the replay', async () => {
    healed = await verifyNow({ keys });
    return healed.counts.length === 0;
  });
  expect(healed.messages.replayed).toBe(3);
});

it('finds a swapped pair', async () => {
  const [model] = await published('model', 1);
  // The relay stays off from here on: the test creates the messages itself.
  await world.stack.mapping.disable();
  for (const version of [1, 2, 3]) await commit('swapped', version);
  const messageOf = (version: number): Message => ({
    key: 'swapped',
    value: '{}',
    partition: model?.partition,
    headers: { ...model?.headers, ce_id: `swapped.${version}`, ce_subject: 'swapped' },
  });
  await produce('orders', [1, 3, 2].map(messageOf));
  await until('the messages', () => world.reader.ofKey('swapped').length === 3);
  for (const { headers, topic, partition, offset } of world.reader.ofKey('swapped')) {
    const version = Number(headers['ce_id']?.split('.')[1]);
    await update('swapped', version, { receipts: [`${topic}-${partition}@${offset}`], processedAt: Date.now() });
  }
  const { findings: found } = await verifyNow({ keys: ['order#swapped'] });
  expect(found).toMatchObject([{ kind: 'reordered', id: 'swapped.2', overtakenBy: { id: 'swapped.3' } }]);
  expect(parseReceipt(found[0]?.kind === 'reordered' ? found[0].at : '')).toBeDefined();
});

it('counts what is pending and owes it no message', async () => {
  await commit('waiting', 1);
  expect(await verifyNow({ keys: ['order#waiting'] })).toMatchObject({
    findings: [],
    events: 0,
    items: { pending: 1, processed: 0 },
  });
});
