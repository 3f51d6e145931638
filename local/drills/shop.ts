import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { Kafka, logLevel } from 'kafkajs';
import { z } from 'zod';
import { createConsumer, defineEvents, runConsumer, type RunningConsumer } from '../../lib/consumer';
import { createOutbox } from '../../lib';
import { DEAD_LETTER_OVERHEAD_BYTES, deadLetterTopic } from '../../lib/event/consumer-name';
import { createInboxTable } from '../../lib/operator';
import type { TopicSpec } from '../kafka/topics';
import { startStack, type Stack } from '../stack';
import type { StackOptions } from '../stack-options';
import { waitUntil } from '../wait-until';

/** The consumer of the shop, and the table of its inbox. */
export const CONSUMER = 'shipping';
export const INBOX = 'shipping-inbox';
/** After an outage, kafkajs and Lambda try again after up to 30 s, each in its turn, and a busy machine needs longer. */
export const SETTLED_MS = 120_000;
const EFFECTS = 'shipments';

/** A broker's default. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** The topic for the dead letters of a topic. */
export function deadLettersOf(topic: string): TopicSpec {
  const limit = DEFAULT_MAX_MESSAGE_BYTES + DEAD_LETTER_OVERHEAD_BYTES;
  return {
    topic: deadLetterTopic(topic, CONSUMER),
    partitions: 3,
    configs: { 'max.message.bytes': String(limit) },
  };
}

const READ = ['orders', 'payments'];
const TOPICS: readonly TopicSpec[] = [
  { topic: 'orders', partitions: 6 },
  { topic: 'payments', partitions: 3 },
  { topic: 'notes', partitions: 3, configs: { 'max.message.bytes': '2000' } },
  ...READ.map(deadLettersOf),
];

const order = z.looseObject({ total: z.number() });
/** The events that the order service writes. */
const written = defineEvents({
  'order.placed': { schema: order, topic: 'orders' },
  'order.changed': { schema: order, topic: 'orders' },
  'order.gift-wrapped': { schema: order, topic: 'orders' },
  'order.paid': { schema: order, topic: 'payments' },
  'order.noted': { schema: z.looseObject({ text: z.string() }), topic: 'notes' },
  'order.exported': { schema: order, topic: 'exports' },
  'order.refunded': { schema: order, topic: 'paymets' },
});
export type Written = Parameters<typeof written.definitionOf>[0];

/** The events that the shipping service read before its last deployment. */
const OLD_TYPES = {
  'order.placed': { schema: order, topic: 'orders' },
  'order.changed': { schema: order, topic: 'orders' },
  'order.paid': { schema: order, topic: 'payments' },
  'order.refunded': { schema: order, topic: 'payments' },
};

/** A small shop on the local stack: an order service writes to the outbox, and a shipping service consumes. */
export class Shop {
  readonly stack: Stack;
  readonly document: DynamoDBDocument;
  /** Orders for which shipping's handler fails. */
  readonly failing = new Set<string>();
  /** Orders of which an event may be applied after later ones. */
  readonly mayBeLate = new Set<string>();
  /** Whether the shipping service is the new version, which knows every type. */
  isNew = false;
  readonly #client: DynamoDBClient;
  readonly #outbox: ReturnType<typeof createOutbox>;
  readonly #versions = new Map<string, number>();
  /** The ids of the events that shipping must apply, by order. */
  readonly #expected = new Map<string, string[]>();
  #shipping: RunningConsumer | undefined;

  /** Use {@link Shop.open}. */
  constructor(stack: Stack) {
    this.stack = stack;
    this.#client = new DynamoDBClient(stack.clientConfig);
    this.document = DynamoDBDocument.from(this.#client);
    const { tableName, region } = stack;
    this.#outbox = createOutbox({ tableName, service: 'shop', region, events: written }) as never;
  }

  static async open(options: Partial<StackOptions> = {}): Promise<Shop> {
    const stack = await startStack({ topics: TOPICS, ...options });
    try {
      const shop = new Shop(stack);
      await createInboxTable(shop.#client, INBOX);
      await shop.#client.send(
        new CreateTableCommand({
          TableName: EFFECTS,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        }),
      );
      await shop.startShipping();
      return shop;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  /** Commits the next version of an order with one event. Returns the event's id. */
  async write(id: string, type: Written, data: Readonly<Record<string, unknown>> = { total: 5 }): Promise<string> {
    const version = (this.#versions.get(id) ?? 0) + 1;
    const event = `${id}.${version}`;
    await this.#outbox.transact(this.document, {
      changes: [{ aggregate: 'order', key: id, version, events: [{ type, id: event, data }] as never }],
    });
    this.#versions.set(id, version);
    if (type !== 'order.noted' && type !== 'order.exported') this.expect(id, event);
    return event;
  }

  /** Puts an item without the write helper. */
  async writeByHand(id: string, item: Readonly<Record<string, unknown>>): Promise<void> {
    const version = (this.#versions.get(id) ?? 0) + 1;
    this.#versions.set(id, version);
    const sk = String(version).padStart(16, '0');
    await this.document.put({ TableName: this.stack.tableName, Item: { pk: `order#${id}`, sk, ...item } });
  }

  /** Shipping need not apply the event any more. */
  giveUp(id: string, event: string): void {
    this.#expected.set(
      id,
      (this.#expected.get(id) ?? []).filter((each) => each !== event),
    );
  }

  expect(id: string, event: string): void {
    this.#expected.set(id, [...(this.#expected.get(id) ?? []), event]);
  }

  /** The events that shipping has not applied, or that it applied in another order; empty if there are none. */
  async missing(): Promise<string[]> {
    const missing: string[] = [];
    for (const [id, expected] of this.#expected) {
      const applied = await this.applied(id);
      const rest = expected.filter((event) => !applied.includes(event));
      missing.push(...rest);
      const isInOrder = this.mayBeLate.has(id) || String(applied) === String(expected);
      if (rest.length === 0 && !isInOrder) missing.push(`${id}: ${applied.join(', ')}`);
    }
    return missing;
  }

  async applied(id: string): Promise<string[]> {
    const { Item } = await this.document.get({ TableName: EFFECTS, Key: { id }, ConsistentRead: true });
    return (Item?.['events'] as string[] | undefined) ?? [];
  }

  /** Resolves when shipping has applied every event that it must apply. */
  async settled(timeoutMs = SETTLED_MS): Promise<void> {
    await waitUntil('The effect of every event', timeoutMs, async () =>
      (await this.missing()).length === 0 ? true : undefined,
    );
  }

  async startShipping(): Promise<void> {
    if (this.#shipping !== undefined) return;
    const events = defineEvents(
      this.isNew ? { ...OLD_TYPES, 'order.gift-wrapped': { schema: order, topic: 'orders' } } : OLD_TYPES,
    );
    const apply = ({ id }: { readonly id: string }, { key }: { readonly key: string }) => {
      if (this.failing.has(key)) throw new Error(`No address is known for order ${key}.`);
      return [
        {
          Update: {
            TableName: EFFECTS,
            Key: { id: key },
            UpdateExpression: 'SET events = list_append(if_not_exists(events, :none), :event)',
            ExpressionAttributeValues: { ':none': [], ':event': [id] },
          },
        },
      ];
    };
    const consumer = createConsumer({
      name: CONSUMER,
      tableName: INBOX,
      client: DynamoDBDocument.from(new DynamoDBClient(this.stack.clientConfig)),
      events,
      handlers: Object.fromEntries(
        [...Object.keys(OLD_TYPES), ...(this.isNew ? ['order.gift-wrapped'] : [])].map((type) => [type, apply]),
      ),
      attempts: 2,
      redriveIntervalMs: 1_000,
    });
    this.#shipping = await runConsumer({
      consumer,
      kafka: new Kafka({ clientId: CONSUMER, brokers: [...this.stack.brokers], logLevel: logLevel.NOTHING }),
      topics: READ,
      commitIntervalMs: 200,
      kafkaConsumer: { heartbeatInterval: 500, sessionTimeout: 10_000 },
    });
  }

  async stopShipping(): Promise<void> {
    const running = this.#shipping;
    this.#shipping = undefined;
    await running?.stop();
  }

  async close(): Promise<void> {
    await this.stopShipping();
    this.#client.destroy();
    await this.stack.stop();
  }
}
