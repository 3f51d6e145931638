import { randomBytes } from 'node:crypto';
import type { TransactionClient } from '../../lib/index';
import { createTestOutbox } from '../../lib/testing';
import { DEFAULT_PARTITIONS } from '../../local/kafka/topics';
import { events, startWorld, STARTUP_MS, TOPICS, until, type World } from './harness/world';

let world: World;

beforeAll(async () => {
  world = await startWorld();
}, STARTUP_MS);

afterAll(async () => {
  await world.stop();
});

const tooLarge = randomBytes(8_000).toString('base64');
const VERSIONS = [1, 2, 3, 4, 5];
const committedAt = Date.now();

/** The same requests with the same ids for every client. */
async function write(outbox: World['outbox'], client: TransactionClient): Promise<void> {
  for (const n of VERSIONS) {
    for (const key of ['a', 'b', 'ä']) {
      const text = key === 'b' && n === 3 ? tooLarge : '';
      await outbox.transact(client, {
        changes: [
          {
            aggregate: 'order',
            key,
            version: n,
            events: [
              { type: 'order.changed', data: { n }, headers: { tenant: 'x' } },
              { type: 'order.audited', data: { n } },
              { type: 'order.noted', data: { n, text } },
            ],
          },
          { aggregate: 'log', key: `log-${key}`, events: [{ type: 'order.changed', data: { n } }] },
        ],
        requestId: `${key}-${n}`,
        committedAt: committedAt + n,
      });
    }
  }
}

interface Seen {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly value: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** First deliveries, by topic and key, in order. */
function byKey(messages: readonly Seen[]): Record<string, readonly Seen[]> {
  const first = new Map(messages.toReversed().map((each) => [`${each.topic} ${each.headers['ce_id'] ?? ''}`, each]));
  const ordered = messages.filter((each) => first.get(`${each.topic} ${each.headers['ce_id'] ?? ''}`) === each);
  return Object.fromEntries(Map.groupBy(ordered, ({ topic, key }) => `${topic} ${key}`));
}

const standing = (items: readonly Record<string, unknown>[]) =>
  items
    .filter(({ pk }) => !String(pk).startsWith('$'))
    .map(({ pk, sk, id, processedAt, parked }) => ({
      ...{ pk, sk, id },
      isProcessed: processedAt !== undefined,
      parked: (parked as { reason?: string } | undefined)?.reason,
    }))
    .toSorted((a, b) => (`${String(a.pk)} ${String(a.sk)}` < `${String(b.pk)} ${String(b.sk)}` ? -1 : 1));

it('publishes, parks and holds back what the relay does on Kafka and DynamoDB, byte for byte', async () => {
  const kit = createTestOutbox({
    events,
    service: 'shop',
    topics: Object.fromEntries(TOPICS.map(({ topic, partitions = DEFAULT_PARTITIONS }) => [topic, partitions])),
  });
  kit.refuse(({ topic, record }) =>
    topic === 'small' && (record.value?.length ?? 0) > 2_000 ? 'message-too-large' : undefined,
  );
  await write(kit.outbox, kit.client);
  const { pending } = await kit.relay();
  expect(pending).toBe(0);

  await write(world.outbox, world.document);
  await until('the parking', async () => (await world.items()).some(({ parked }) => parked !== undefined));
  await world.stack.mapping.caughtUp();
  const published = kit.published.map(({ topic, key, record }): Seen => ({
    ...{ topic, key, partition: record.partition, value: record.value?.toString() },
    headers: Object.fromEntries(Object.entries(record.headers).map(([name, value]) => [name, String(value)])),
  }));
  await until('all messages', () => world.reader.ids().size >= new Set(kit.published.map(({ id }) => id)).size);

  const arrived = world.reader.arrivals.map(({ topic, partition, key, value, headers }): Seen => {
    return { topic, partition, key, value, headers };
  });
  expect(byKey(published)).toEqual(byKey(arrived));
  const { Items = [] } = await kit.client.scan({ TableName: 'outbox' });
  expect(standing(Items)).toEqual(standing((await world.items()) as unknown as Record<string, unknown>[]));
  expect(standing(Items).filter(({ isProcessed }) => !isProcessed)).toHaveLength(3);
});
