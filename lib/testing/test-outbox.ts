import { AssertionError } from 'node:assert';
import { PutItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Consumer } from '../consume/consumer';
import type { ConsumedRecord } from '../consume/record';
import type { EventCatalogue, EventDefinitions } from '../event/catalogue';
import type { ConsistencyToken } from '../event/consistency-token';
import { partitionKeyOf, type AggregateKey } from '../event/key';
import { isRecord, refuseOption, requireOptions, withoutUndefined } from '../event/options';
import { FIRST_POSITION } from '../event/position';
import { encodeSignal, newSignal } from '../event/signal';
import { ORDERS, type Order } from '../relay/environment';
import { createOutbox, type Outbox } from '../write/outbox';
import { DeliveryRun, type DeliverResult } from './deliver';
import { memoryClient } from './dynamodb/client';
import { MemoryDynamoDb } from './dynamodb/memory-dynamodb';
import type { KeySchema } from './dynamodb/table';
import { expectApplied, tokenOf } from './expect-applied';
import { expectPublished, type ExpectedEvent, publishedEvent, type PublishedEvent } from './expect-published';
import { Group } from './group';
import { itemsLeft } from './items-left';
import { asConsumed, MemoryKafka, type KafkaRefusal } from './memory-kafka';
import { MemoryRelay } from './memory-relay';
import { Random } from './random';

/** Options of {@link createTestOutbox}. */
export interface TestOutboxOptions<D extends EventDefinitions = EventDefinitions> {
  /** Made by `defineEvents`. */
  readonly events: EventCatalogue<D>;
  /**
   * The tables of the code under test with their keys, the partition key first: `{ orders: { id: 'S' } }`. Include a
   * consumer's table: `{ pk: 'S', sk: 'S' }`.
   *
   * @default none next to the outbox
   */
  readonly tables?: Readonly<Record<string, KeySchema>>;
  /** @default 'outbox' */
  readonly tableName?: string;
  /** The service name of the kit's outbox. @default 'test' */
  readonly service?: string;
  /** @default 'in-memory' */
  readonly region?: string;
  /** The number of partitions of each topic. @default 3 for each topic of the catalogue */
  readonly topics?: Readonly<Record<string, number>>;
  /** The order setting of the deployed relay. @default 'relaxed' */
  readonly order?: Order;
  /** @default the machine's clock */
  readonly clock?: {
    /** Epoch milliseconds. */
    now(): number;
  };
}

/** The result of a run of the relay, and the items that it left. */
export interface RelayResult {
  /** Events that Kafka acknowledged. */
  readonly published: number;
  /** Outbox items that Kafka refused. */
  readonly parked: number;
  /** Outbox items that could not be published, because Kafka was unavailable or the item before them is missing. */
  readonly pending: number;
  /** Outbox items behind a parked one of their key. */
  readonly waiting: number;
}

/** The topics and the faults of a delivery. */
export interface DeliverOptions {
  /**
   * A seed for random faults. Without it, each message comes once.
   *
   * Keys are interleaved in another order, even across transactions. Messages come twice. Partitions are read again
   * from an earlier offset. Two owners of a partition work at the same time. The first deliveries of a key keep their
   * order. The same seed produces the same deliveries.
   */
  readonly faults?: number;
  /** @default the topics of the types that the consumer has a handler for */
  readonly topics?: readonly string[];
}

/** An outbox, its relay and its topics in memory. Created by {@link createTestOutbox}. */
export interface TestOutbox<D extends EventDefinitions = EventDefinitions> {
  /** For code that creates its own document client. */
  readonly dynamodb: DynamoDBClient;
  /** For the code under test: it writes and reads the tables in memory. */
  readonly client: DynamoDBDocument;
  /** For a test that writes events itself. */
  readonly outbox: Outbox<D>;
  /** The events on the topics, oldest first, without repetitions. */
  readonly published: readonly PublishedEvent<keyof D & string>[];

  /**
   * Publishes the pending items as the relay does: in order per key. If Kafka refuses an item, the relay parks it, and
   * the item holds its key. While Kafka is unavailable, every item stays pending.
   */
  relay(): Promise<RelayResult>;

  /**
   * Makes Kafka refuse messages; `undefined` accepts a message. The relay parks the items of refused messages.
   *
   * @example
   * ```ts
   * kit.refuse(({ type }) => (type === 'order.placed' ? 'message-too-large' : undefined));
   * ```
   */
  refuse(why: (event: PublishedEvent<keyof D & string>) => KafkaRefusal | undefined): void;

  /** Makes Kafka unavailable, or available again. */
  setKafkaAway(isAway: boolean): void;

  /** Requests a redrive as `outbox redrive` does: the next run of the relay tries a held key again. */
  redrive(key: AggregateKey): Promise<void>;

  /** Appends a message to its topic as another producer would: see {@link eventFactory}. */
  append(message: Pick<ConsumedRecord, 'topic' | 'key' | 'value' | 'headers'>): void;

  /**
   * Delivers the messages that the consumer's group has not read yet, through the consumer's own queues, inbox and
   * retries. It resolves when every message is applied, ignored, parked or sent to the dead letters.
   *
   * @throws AssertionError with the reason, if the consumer makes no progress; `OutboxError` `not-simulated`, if a
   * handler sends a request that tables in memory do not support.
   * @example
   * ```ts
   * await kit.deliver(shipping);
   * await kit.deliver(billing, { faults: 7 });
   * ```
   */
  deliver(consumer: Consumer, options?: DeliverOptions): Promise<DeliverResult>;

  /**
   * Passes if exactly these events were published, in this order for each key. Only the fields of an expected event are
   * compared, its data as a whole.
   *
   * @throws AssertionError with the difference; also while items are pending, because the result would prove nothing.
   * @example
   * ```ts
   * kit.expectPublished([
   *   { type: 'order.placed', key: '42', data: { total: 5 } },
   *   { type: 'order.paid', key: '42' },
   * ]);
   * ```
   */
  expectPublished(expected: readonly ExpectedEvent<D>[]): void;

  /**
   * Passes if the consumer has applied the events of the tokens; without tokens, all published events that it has
   * handlers for.
   *
   * @throws AssertionError naming each missing event and the reason; also if an item is pending, or without any event.
   */
  expectApplied(consumer: Consumer, tokens?: ConsistencyToken | readonly ConsistencyToken[]): Promise<void>;
}

const DEFAULTS = {
  tables: {},
  tableName: 'outbox',
  service: 'test',
  region: 'in-memory',
  topics: {},
  order: 'relaxed',
  clock: { now: () => Date.now() },
} as const satisfies Partial<TestOutboxOptions>;

type Settings<D extends EventDefinitions> = Readonly<Required<TestOutboxOptions<D>>>;

const OPTIONS = ['events', ...Object.keys(DEFAULTS)];
const PARTITIONS = 3;
const OUTBOX_KEY = { pk: 'S', sk: 'S' } as const;

/**
 * An outbox for tests: DynamoDB, the relay and Kafka in memory, without servers.
 *
 * The code under test runs unchanged, with `client`; the relay's and the consumer's rules are the real ones. It works
 * in every test runner: a failed expectation throws `AssertionError`. A request that the tables in memory do not
 * support throws `OutboxError` `not-simulated`. Create one per test.
 *
 * @throws OutboxError `invalid-option`, naming the option, the value and the allowed values.
 * @example
 * ```ts
 * const kit = createTestOutbox({ events, tables: { orders: { id: 'S' } } });
 * await placeOrder({ client: kit.client, outbox: kit.outbox }, { id: '42', total: 5 });
 * await kit.relay();
 * kit.expectPublished([{ type: 'order.placed', key: '42', data: { total: 5 } }]);
 * ```
 */
export function createTestOutbox<D extends EventDefinitions>(options: TestOutboxOptions<D>): TestOutbox<D> {
  return new MemoryTestOutbox<D>(options);
}

class MemoryTestOutbox<D extends EventDefinitions> implements TestOutbox<D> {
  readonly dynamodb: DynamoDBClient;
  readonly client: DynamoDBDocument;
  readonly outbox: Outbox<D>;
  readonly #settings: Settings<D>;
  readonly #tables: MemoryDynamoDb;
  readonly #topics: ReadonlyMap<string, number>;
  readonly #kafka: MemoryKafka;
  readonly #relay: MemoryRelay;
  readonly #groups = new Map<string, Group>();
  #refusal: Error | undefined;
  /** The seed of the last delivery with faults. */
  #seed: number | undefined;

  constructor(options: TestOutboxOptions<D>) {
    this.#settings = settingsOf(options);
    const { events, tables, tableName, service, region, topics, order, clock } = this.#settings;
    this.outbox = createOutbox({ events, tableName, service, region, clock });
    const now = (): number => clock.now();
    this.#tables = new MemoryDynamoDb({ ...tables, [tableName]: OUTBOX_KEY }, now);
    this.dynamodb = memoryClient(this.#tables, region, (error) => (this.#refusal = error));
    this.client = DynamoDBDocument.from(this.dynamodb);
    const ofCatalogue = Object.values(events.definitions).map(({ topic }) => [topic, PARTITIONS] as const);
    this.#topics = new Map([...ofCatalogue, ...Object.entries(topics)]);
    this.#kafka = new MemoryKafka(this.#topics, now);
    this.#relay = new MemoryRelay({ client: this.dynamodb, tableName, publisher: this.#kafka, order, clock });
    this.#tables.onInsert = (insert) => this.#relay.insert(insert);
  }

  get published(): readonly PublishedEvent<keyof D & string>[] {
    const ids = new Set<string>();
    return this.#kafka.log.flatMap((record) => {
      const event = publishedEvent(record, this.#settings.events);
      const isNew = event !== undefined && !ids.has(`${event.topic}\n${event.source}\n${event.id}`);
      if (!isNew) return [];
      ids.add(`${event.topic}\n${event.source}\n${event.id}`);
      return [event];
    });
  }

  async relay(): Promise<RelayResult> {
    const { published, parked } = await this.#relay.run();
    const { pending, waiting } = this.#left();
    return { published, parked, pending, waiting };
  }

  refuse(why: (event: PublishedEvent<keyof D & string>) => KafkaRefusal | undefined): void {
    this.#kafka.refuses = (message) => {
      const event = publishedEvent(
        { ...asConsumed(message), partition: 0, offset: 0n, timestamp: 0 },
        this.#settings.events,
      );
      return event === undefined ? undefined : why(event);
    };
  }

  setKafkaAway(isAway: boolean): void {
    this.#kafka.isAway = isAway;
  }

  async redrive(key: AggregateKey): Promise<void> {
    const now = this.#settings.clock.now();
    const request = { by: 'test', at: now, why: 'redrive' };
    const signal = newSignal(partitionKeyOf(key), now, { kind: 'drain', from: FIRST_POSITION, request });
    const Item = marshall(encodeSignal(signal), { removeUndefinedValues: true });
    await this.dynamodb.send(new PutItemCommand({ TableName: this.#settings.tableName, Item }));
  }

  append(message: Pick<ConsumedRecord, 'topic' | 'key' | 'value' | 'headers'>): void {
    if (!this.#topics.has(message.topic)) {
      refuseOption('message.topic', message.topic, `one of ${[...this.#topics.keys()].join(', ')}`);
    }
    this.#kafka.append(message);
  }

  async deliver(consumer: Consumer, options: DeliverOptions = {}): Promise<DeliverResult> {
    requireOptions(options, ['faults', 'topics']);
    const { faults, topics = topicsOf(consumer) } = options;
    if (faults !== undefined && !Number.isSafeInteger(faults)) refuseOption('faults', faults, 'a seed: an integer');
    const random = faults === undefined ? undefined : new Random(faults);
    if (faults !== undefined) this.#seed = faults;
    const group = this.#groups.get(consumer.name) ?? new Group();
    this.#groups.set(consumer.name, group);
    for (const topic of topics) {
      const partitions =
        this.#topics.get(topic) ?? refuseOption('topics', topic, `one of ${[...this.#topics.keys()].join(', ')}`);
      for (let partition = 0; partition < partitions; partition++) {
        group.take(topic, partition, this.#kafka.partition(topic, partition), random);
      }
    }
    this.#refusal = undefined;
    const note = faults === undefined ? '' : ` (faults: ${faults})`;
    try {
      return await new DeliveryRun(consumer, group, random, note).run();
    } finally {
      // A refused request is the root cause, even if the consumer swallowed or wrapped its error.
      this.#throwRefusal();
    }
  }

  expectPublished(expected: readonly ExpectedEvent<D>[]): void {
    if (!Array.isArray(expected)) refuseOption('expected', expected, 'an array of events');
    this.#checkRelayed('expectPublished');
    const untyped = expected as unknown as readonly ExpectedEvent[];
    expectPublished(this.published, untyped, this.#settings.events, this.#parkedNote());
  }

  async expectApplied(consumer: Consumer, tokens?: ConsistencyToken | readonly ConsistencyToken[]): Promise<void> {
    this.#checkRelayed('expectApplied');
    const { published } = this;
    const { events, handlers } = consumer.settings;
    const wanted =
      tokens === undefined
        ? published
            .filter(({ record }) => handlers[publishedEvent(record, events)?.type ?? ''] !== undefined)
            .map(tokenOf)
        : [tokens].flat();
    if (wanted.length === 0) {
      const types = Object.keys(handlers).join(', ');
      throw new AssertionError({
        message: `Nothing was published that consumer "${consumer.name}" has a handler for: ${types}. It shows nothing.`,
        operator: 'expectApplied',
      });
    }
    const note = this.#seed === undefined ? '' : ` The last faults were ${this.#seed}.`;
    await expectApplied(consumer, wanted, published, this.#groups.get(consumer.name), note + this.#parkedNote());
  }

  #left() {
    return itemsLeft(this.#tables.items(this.#settings.tableName));
  }

  /** A pending item would let a test pass that must fail. */
  #checkRelayed(operator: string): void {
    const { pending } = this.#left();
    if (pending === 0) return;
    throw new AssertionError({
      message: `${pending} outbox item${pending === 1 ? ' is' : 's are'} not published yet: call relay() first, and see what it answers.`,
      actual: pending,
      expected: 0,
      operator,
    });
  }

  #parkedNote(): string {
    const { parked, waiting } = this.#left();
    return parked.length === 0 ? '' : ` Parked, with ${waiting} waiting behind: ${parked.join('; ')}.`;
  }

  #throwRefusal(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }
}

function settingsOf<D extends EventDefinitions>(options: TestOutboxOptions<D>): Settings<D> {
  checkOptions(options);
  return { ...DEFAULTS, ...withoutUndefined(options) };
}

function topicsOf({ settings: { events, handlers } }: Consumer): string[] {
  return [...new Set(Object.keys(handlers).map((type) => events.definitionOf(type).topic))];
}

const KEY_TYPES: readonly unknown[] = ['S', 'N', 'B'];

function checkOptions(options: TestOutboxOptions): void {
  const { tables = {}, topics = {}, order } = requireOptions(options, OPTIONS);
  if (!isRecord(tables)) return refuseOption('tables', tables, "an object such as { orders: { id: 'S' } }");
  for (const [name, schema] of Object.entries(tables)) {
    const types = isRecord(schema) ? Object.values(schema) : [];
    if (types.length < 1 || types.length > 2 || !types.every((type) => KEY_TYPES.includes(type))) {
      refuseOption(`tables[${JSON.stringify(name)}]`, schema, "its key or its two, such as { pk: 'S', sk: 'N' }");
    }
  }
  if (!isRecord(topics)) return refuseOption('topics', topics, 'an object such as { audit: 1 }');
  for (const [topic, partitions] of Object.entries(topics)) {
    if (!Number.isSafeInteger(partitions) || Number(partitions) < 1) {
      refuseOption(`topics[${JSON.stringify(topic)}]`, partitions, 'how many partitions it has');
    }
  }
  if (order !== undefined && !ORDERS.some((each) => each === order)) {
    refuseOption('order', order, `one of ${ORDERS.join(', ')}`);
  }
}
