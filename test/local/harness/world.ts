import { randomBytes, randomUUID } from 'node:crypto';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument, paginateQuery, paginateScan } from '@aws-sdk/lib-dynamodb';
import { ConfigResourceTypes } from 'kafkajs';
import { z } from 'zod';
import { createOutbox, defineEvents, OutboxError, type OutboxOptions } from '../../../lib';
import { CONTROL_PARTITION } from '../../../lib/event/key';
import { isSignalKey } from '../../../lib/event/signal';
import { withAdmin } from '../../../local/kafka/topics';
import { startStack, type Stack } from '../../../local/stack';
import type { StackOptions } from '../../../local/stack-options';
import { emptyDatabase, sharedKafka } from './shared-servers';
import { TopicReader } from './topic-reader';

/** Real servers take time to start and to respond. */
export const STARTUP_MS = 300_000;

const anything = z.object({ n: z.number(), text: z.string().optional() });

/** One type per topic, so that a test chooses the topic by the type. The relay's brokers refuse large messages. */
export const events = defineEvents({
  'order.changed': { schema: anything, topic: 'orders' },
  'order.audited': { schema: anything, topic: 'audit' },
  'order.noted': { schema: anything, topic: 'small' },
  'order.lost': { schema: anything, topic: 'nowhere' },
});
type Definitions = typeof events extends OutboxOptions<infer D>['events'] ? D : never;

export const TOPICS = [
  { topic: 'orders' },
  { topic: 'audit', partitions: 3 },
  { topic: 'small', partitions: 3, configs: { 'max.message.bytes': '2000' } },
];

/** The service's own table, next to the outbox. */
export const BUSINESS_TABLE = 'business';

/** An item of the outbox table as a test reads it. */
export interface StoredItem {
  readonly pk: string;
  readonly sk: string;
  readonly id: string;
  readonly processedAt?: number;
  readonly receipts?: string[];
  readonly expiresAt?: number;
  readonly parked?: { reason: string; message: string };
  readonly events?: { id: string }[];
}

/** A stack with a writer and a reader. */
export interface World {
  readonly stack: Stack;
  readonly client: DynamoDBClient;
  readonly document: DynamoDBDocument;
  readonly outbox: ReturnType<typeof createOutbox<Definitions>>;
  readonly reader: TopicReader;
  /** Every item of the outbox table, or the items of one key. Without those of the control partition. */
  items(pk?: string): Promise<StoredItem[]>;
  /** The holds in the control partition. */
  holds(): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

export interface WorldOptions extends Partial<StackOptions> {
  /**
   * Starts Kafka for this world alone, for a test that stops, pauses or reconfigures brokers. Default: the Kafka that
   * test files share.
   */
  readonly ownKafka?: boolean;
}

export async function startWorld({ ownKafka = false, ...options }: WorldOptions = {}): Promise<World> {
  const shared = { ...(await emptyDatabase()), ...(ownKafka ? {} : { brokers: await sharedKafka() }) };
  const stack = await startStack({ topics: TOPICS, pollIntervalMs: 100, ...shared, ...options });
  try {
    const client = new DynamoDBClient(stack.clientConfig);
    const document = DynamoDBDocument.from(client, { marshallOptions: { removeUndefinedValues: true } });
    await createBusinessTable(client, BUSINESS_TABLE);
    const reader = await TopicReader.start(
      stack.brokers,
      TOPICS.map(({ topic }) => topic),
    );
    // A new object each time: a paginator writes its position into its input.
    const table = () => ({ TableName: stack.tableName, ConsistentRead: true });
    const query = (pk: string, skPrefix = ''): Promise<Record<string, unknown>[]> =>
      itemsOf(
        paginateQuery(
          { client: document },
          {
            ...table(),
            KeyConditionExpression: skPrefix === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :prefix)',
            ExpressionAttributeValues: { ':pk': pk, ...(skPrefix === '' ? {} : { ':prefix': skPrefix }) },
          },
        ),
      );
    return {
      stack,
      client,
      document,
      outbox: createOutbox({ tableName: stack.tableName, service: 'shop', region: stack.region, events }),
      reader,
      items: async (pk) => {
        const items = pk === undefined ? await itemsOf(paginateScan({ client: document }, table())) : await query(pk);
        return items.filter((item) => item['pk'] !== CONTROL_PARTITION) as unknown as StoredItem[];
      },
      holds: () => query(CONTROL_PARTITION, 'hold#'),
      async stop() {
        await reader.stop();
        client.destroy();
        await stack.stop();
      },
    };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** Creates a table of items with an `id`. */
export async function createBusinessTable(client: DynamoDBClient, name: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
}

async function itemsOf(
  pages: AsyncIterable<{ readonly Items?: Record<string, unknown>[] }>,
): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  for await (const { Items = [] } of pages) items.push(...Items);
  return items;
}

const POLL_MS = 100;

/** Polls until `isTrue` returns true. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs = 180_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const startedAt = Date.now();
    if (await isTrue()) return;
    if (Date.now() > end) throw new Error(`Timed out after ${timeoutMs / 1000} s: ${what}`);
    // A slow check, such as a scan, must not take the servers from the work that it waits for.
    await new Promise((resolve) => setTimeout(resolve, Math.max(POLL_MS, 3 * (Date.now() - startedAt))));
  }
}

/** The events that the writers know to be committed. */
export class Committed {
  readonly #versions = new Map<string, Map<number, readonly string[]>>();

  add(key: string, version: number, ids: readonly string[]): void {
    const versions = this.#versions.get(key) ?? new Map<number, readonly string[]>();
    this.#versions.set(key, versions.set(version, ids));
  }

  /** The event ids of a key in the order of its versions. */
  ids(key: string): string[] {
    return [...(this.#versions.get(key) ?? [])].toSorted(([a], [b]) => a - b).flatMap(([, ids]) => ids);
  }

  get keys(): string[] {
    return [...this.#versions.keys()];
  }

  get count(): number {
    return this.keys.reduce((sum, key) => sum + this.ids(key).length, 0);
  }
}

export interface WriterOptions {
  readonly keys: readonly string[];
  /** The writer stops after it has committed this many events. */
  readonly events: number;
  readonly perTransaction?: number;
  /** Pause between transactions, so that writing lasts as long as the test's fault. */
  readonly pauseMs?: number;
}

/**
 * Writes as an instance of a service does: reads a key's version from the business item, and writes the next version
 * with its events. On a version conflict it reads again.
 */
export async function write(
  { document, outbox }: World,
  { keys, events: wanted, perTransaction = 1, pauseMs = 0 }: WriterOptions,
  committed: Committed,
): Promise<{ conflicts: number }> {
  let conflicts = 0;
  const writer = randomUUID().slice(0, 4);
  for (let written = 0, turn = 0; written < wanted; turn++) {
    const key = keys[turn % keys.length] ?? '';
    const business = { TableName: BUSINESS_TABLE, Key: { id: key } };
    const { Item } = await document.get({ ...business, ConsistentRead: true });
    const version = Number(Item?.['version'] ?? 0) + 1;
    const ids = Array.from({ length: perTransaction }, (_, at) => `${key}:${version}.${at}-${writer}`);
    try {
      await outbox.transact(document, {
        actions: [
          {
            Update: {
              ...business,
              UpdateExpression: 'SET version = :next',
              ConditionExpression: version === 1 ? 'attribute_not_exists(version)' : 'version = :known',
              ExpressionAttributeValues: { ':next': version, ...(version === 1 ? {} : { ':known': version - 1 }) },
            },
          },
        ],
        changes: [
          {
            aggregate: 'order',
            key,
            version,
            events: ids.map((id, n) => ({ type: 'order.changed' as const, id, data: { n } })),
          },
        ],
      });
      committed.add(key, version, ids);
      written += ids.length;
    } catch (error) {
      if (!(error instanceof OutboxError)) throw error;
      if (!error.retryable && !error.is('version-conflict') && !error.is('condition-failed')) throw error;
      conflicts++;
    }
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return { conflicts };
}

/**
 * Resolves after the relay has been invoked for the whole stream, and the reader has all messages of the topics. An
 * event that has not arrived by then never arrives.
 */
export async function settled({ stack, reader }: World, timeoutMs?: number): Promise<void> {
  await stack.mapping.caughtUp(timeoutMs);
  await reader.caughtUp();
}

/** Every committed event arrived, and the first arrivals of each key are in order. */
export function expectCompleteAndInOrder({ reader }: World, committed: Committed): void {
  for (const key of committed.keys) expect(reader.firstIds(key)).toEqual(committed.ids(key));
}

/** Resolves when every committed event has arrived at least once. */
export const allArrived = ({ reader }: World, committed: Committed, timeoutMs?: number): Promise<void> =>
  until(
    `${committed.count} events`,
    () => {
      const ids = reader.ids();
      return committed.keys.every((key) => committed.ids(key).every((id) => ids.has(id)));
    },
    timeoutMs,
  );

/** Resolves when every item of the outbox is marked. Signals are ignored, because they get no mark. */
export const allMarked = ({ items }: World, timeoutMs?: number): Promise<void> =>
  until(
    'every mark',
    async () => (await items()).every(({ sk, processedAt }) => processedAt !== undefined || isSignalKey(sk)),
    timeoutMs,
  );

export const keysNamed = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}-${n}`);

/** Too large for topic `small`, even compressed. */
export const TOO_LARGE = randomBytes(8_000).toString('base64');

/** One event of a key with a version, for topic `small`. */
export const putNote = ({ outbox, document }: World, key: string, version: number, text = '') =>
  outbox.transact(document, {
    changes: [
      {
        aggregate: 'order',
        key,
        version,
        events: [{ type: 'order.noted', id: `${key}.${version}`, data: { n: version, text } }],
      },
    ],
  });

export const holdOfKey = async ({ holds }: World, key: string): Promise<Record<string, unknown> | undefined> =>
  (await holds()).find(({ key: held }) => held === `order#${key}`);

/** Changes the size limit of topic `small`. */
export const limitSmall = ({ stack }: World, bytes: number): Promise<unknown> =>
  withAdmin(stack.brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: 'small',
          configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
        },
      ],
    }),
  );

/** Holds a key as a vanished relay leaves it: no item of the key needs the hold. */
export async function leaveHold({ document, stack }: World, key: string, position: string): Promise<void> {
  const pk = `order#${key}`;
  await document.put({
    TableName: stack.tableName,
    Item: {
      pk: CONTROL_PARTITION,
      sk: `hold#${pk}`,
      key: pk,
      position,
      revision: '019b0a0a-3600-7a1b-8c2d-3e4f5a6b7c8d',
      state: 'draining',
      reason: 'drain-unfinished',
      message: '',
      attempts: 0,
      since: 1,
    },
  });
  // Every writer of the control partition raises the revision, so that relays read it.
  await document.update({
    TableName: stack.tableName,
    Key: { pk: CONTROL_PARTITION, sk: '!state' },
    UpdateExpression: 'ADD revision :one',
    ExpressionAttributeValues: { ':one': 1 },
  });
}
