import { z } from 'zod';
import {
  createConsumer,
  defineEvents,
  type DeadLetterNote,
  type ConsumedRecord,
  type Consumer,
  type ConsumerClient,
  type ConsumerOptions,
  type ConsumerTelemetry,
  type DeadLetters,
  type EventDefinitions,
  type KafkaEvent,
  type TransactionAction,
} from '../../lib/consumer';
import { queueKeyOf } from '../../lib/consume/inbox-keys';
import { KeyQueues } from '../../lib/consume/key-queues';
import { OffsetTracker } from '../../lib/consume/offsets';
import type { InFlightMessage, Outcome } from '../../lib/consume/in-flight';
import type { WhenBlocked } from '../../lib/consume/delays';
import { SILENT } from '../../lib/consume/telemetry';
import { Semaphore } from '../../lib/consume/semaphore';
import { formatSequence } from '../../lib/event/position';

export const events = defineEvents({
  'order.placed': { schema: z.object({ total: z.number() }), topic: 'orders' },
  'order.shipped': { schema: z.object({ total: z.number() }), topic: 'orders' },
});
export type Definitions = typeof events extends ConsumerOptions<infer D>['events'] ? D : never;

type Item = Record<string, unknown>;

/** The SDK's error when DynamoDB does not answer. */
export const unreachable = (): Error =>
  Object.assign(new Error('connect ECONNREFUSED'), { name: 'Error', $metadata: { attempts: 1 } });

/**
 * DynamoDB in memory, limited to the consumers' requests: all or nothing, with the conditions that they write. Items of
 * other tables have the key `id`.
 */
export class MemoryClient implements ConsumerClient {
  readonly items = new Map<string, Item>();
  transactions = 0;
  /** Awaited before each transaction, with its entries. It may throw, as in an outage. */
  beforeWrite: (entries: readonly TransactionAction[]) => Promise<void> | void = () => undefined;
  /** Called after each committed transaction. It may throw, as when a response is lost. */
  afterWrite: () => void = () => undefined;
  /** Called before each read, with its partition or key. */
  beforeRead: (at: string) => void = () => undefined;

  async transactWrite({ TransactItems: entries }: { TransactItems: TransactionAction[] }): Promise<unknown> {
    await this.beforeWrite(entries);
    await Promise.resolve();
    const names = entries.map((entry) => nameOf(entry));
    if (new Set(names).size < names.length)
      throw Object.assign(new Error('Two on one item'), { name: 'ValidationException' });
    const codes = entries.map((entry, at) => (this.#holds(entry, names[at] ?? '') ? 'None' : 'ConditionalCheckFailed'));
    if (codes.some((code) => code !== 'None')) {
      throw Object.assign(new Error('Cancelled'), {
        name: 'TransactionCanceledException',
        $metadata: { httpStatusCode: 400 },
        CancellationReasons: codes.map((Code) => ({ Code })),
      });
    }
    this.transactions++;
    entries.forEach(({ Put, Delete }, at) => {
      if (Put?.Item !== undefined) this.items.set(names[at] ?? '', structuredClone(Put.Item));
      if (Delete !== undefined) this.items.delete(names[at] ?? '');
    });
    this.afterWrite();
    return {};
  }

  async get({ TableName, Key }: { TableName: string; Key: Item }): Promise<{ Item?: Item }> {
    this.beforeRead(keyName(TableName, Key));
    await Promise.resolve();
    const found = this.items.get(keyName(TableName, Key));
    return found === undefined ? {} : { Item: structuredClone(found) };
  }

  async query({
    TableName,
    ExpressionAttributeValues,
    Limit,
  }: Parameters<ConsumerClient['query']>[0]): Promise<{ Items: Item[] }> {
    this.beforeRead(`${TableName}|${String(ExpressionAttributeValues[':pk'])}`);
    await Promise.resolve();
    const { ':pk': pk, ':prefix': prefix = '' } = ExpressionAttributeValues;
    const found = [...this.items]
      .filter(([name, item]) => name.startsWith(`${TableName}|`) && item['pk'] === pk)
      .map(([, item]) => item)
      .filter(({ sk }) => String(sk).startsWith(String(prefix)))
      .toSorted((a, b) => (String(a['sk']) < String(b['sk']) ? -1 : 1));
    return { Items: found.slice(0, Limit).map((item) => structuredClone(item)) };
  }

  /** The ids of a table's items that effects wrote. */
  effects(table = 'effects'): string[] {
    return [...this.items.keys()]
      .filter((name) => name.startsWith(`${table}|`))
      .map((name) => name.split('|')[1] ?? '');
  }

  #holds({ Put, Update, Delete, ConditionCheck }: TransactionAction, name: string): boolean {
    const action = Put ?? Update ?? Delete ?? ConditionCheck;
    const item = this.items.get(name);
    switch (action?.ConditionExpression) {
      case undefined:
        return true;
      case 'attribute_not_exists(pk)':
      case 'attribute_not_exists(id)':
        return item === undefined;
      case 'attribute_exists(pk)':
        return item !== undefined;
      case 'asks = :asks':
        return item?.['asks'] === action.ExpressionAttributeValues?.[':asks'];
      case 'attribute_not_exists(parked)':
        return item?.['parked'] === undefined;
      case 'revision = :known':
        return item?.['revision'] === action.ExpressionAttributeValues?.[':known'];
      default:
        throw new Error(`The table in memory does not know the condition ${action?.ConditionExpression ?? ''}`);
    }
  }
}

function nameOf({ Put, Update, Delete, ConditionCheck }: TransactionAction): string {
  const keyed = Update ?? Delete ?? ConditionCheck;
  return keyName(Put?.TableName ?? keyed?.TableName ?? '', Put?.Item ?? keyed?.Key ?? {});
}

const keyName = (table: string, { id, pk, sk }: Item): string =>
  [table, ...(pk === undefined ? [id] : [pk, sk])].map(String).join('|');

export interface RecordChange {
  readonly key?: string | null;
  /** Leave it out for a key without versions. */
  readonly version?: number;
  readonly index?: number;
  readonly txEvents?: number;
  readonly id?: string;
  readonly type?: string;
  readonly source?: string;
  readonly value?: Buffer | null;
  readonly offset?: number;
  readonly partition?: number;
  readonly topic?: string;
  readonly timestamp?: number;
  readonly headers?: ConsumedRecord['headers'];
}

export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

let lastOffset = 0;

/** A valid message with the given changes. */
export function aRecord(change: RecordChange = {}): ConsumedRecord {
  const { key = '42', version, index = 0, txEvents = 1, type = 'order.placed', source = '/shop/order' } = change;
  const { value = Buffer.from('{"total":5}'), offset = ++lastOffset, partition = 0, topic = 'orders' } = change;
  const sequence = version === undefined ? undefined : formatSequence({ version, index });
  const { id = `${String(key)}:${sequence ?? offset}`, timestamp = NOW } = change;
  return {
    topic,
    partition,
    offset: BigInt(offset),
    timestamp,
    key: key === null ? null : Buffer.from(key),
    value,
    headers: {
      ce_specversion: Buffer.from('1.0'),
      ce_id: Buffer.from(id),
      ce_source: Buffer.from(source),
      ce_type: Buffer.from(type),
      ce_time: Buffer.from(new Date(NOW).toISOString()),
      ce_txevents: Buffer.from(String(txEvents)),
      'content-type': Buffer.from('application/json'),
      ...(sequence === undefined ? {} : { ce_sequence: Buffer.from(sequence) }),
      ...change.headers,
    },
  };
}

/** The records as Lambda delivers them. */
export function kafkaEventOf(records: readonly ConsumedRecord[]): KafkaEvent {
  const byPartition: Record<string, KafkaEvent['records'][string][number][]> = {};
  for (const { topic, partition, offset, timestamp, key, value, headers } of records) {
    const list = (byPartition[`${topic}-${partition}`] ??= []);
    list.push({
      topic,
      partition,
      offset: Number(offset),
      timestamp,
      key: key?.toString('base64'),
      value: value?.toString('base64') ?? null,
      headers: Object.entries(headers).map(([name, bytes]) => ({ [name]: [...(bytes as Buffer)] })),
    });
  }
  return { records: byPartition };
}

/** Dead letters in memory. */
export class MemoryDeadLetters implements DeadLetters {
  readonly sent: { readonly record: ConsumedRecord; readonly aside: DeadLetterNote }[] = [];
  fail: () => boolean = () => false;

  send(record: ConsumedRecord, aside: DeadLetterNote): Promise<void> {
    if (this.fail()) return Promise.reject(new Error('Kafka is unavailable'));
    this.sent.push({ record, aside });
    return Promise.resolve();
  }

  get reasons(): string[] {
    return this.sent.map(({ aside }) => aside.reason);
  }
}

/** The telemetry calls of a consumer, by method name. */
export class TelemetryRecorder {
  readonly calls: { readonly name: string; readonly values: readonly unknown[] }[] = [];
  readonly telemetry: ConsumerTelemetry = Object.fromEntries(
    Object.keys(SILENT).map((name) => [name, (...values: unknown[]) => this.calls.push({ name, values })]),
  ) as unknown as ConsumerTelemetry;

  of(name: keyof ConsumerTelemetry): readonly (readonly unknown[])[] {
    return this.calls.filter((call) => call.name === name).map(({ values }) => values);
  }
}

/** Puts an item per event; a second effect of one event fails its condition. */
export const effectOf = (id: string): TransactionAction => ({
  Put: { TableName: 'effects', Item: { id }, ConditionExpression: 'attribute_not_exists(id)' },
});

export interface Rig {
  readonly consumer: Consumer;
  readonly client: MemoryClient;
  readonly deadLetters: MemoryDeadLetters;
  readonly told: TelemetryRecorder;
  /** Ids in the order in which the handler received them, including repetitions. */
  readonly handled: string[];
}

/** A consumer on a table in memory, with short pauses. */
export function aRig<E extends EventDefinitions = never>(
  options: Partial<ConsumerOptions<Definitions, E>> = {},
  client = new MemoryClient(),
): Rig {
  const told = new TelemetryRecorder();
  const handled: string[] = [];
  const consumer = createConsumer<Definitions, E>({
    name: 'shipping',
    tableName: 'inbox',
    client,
    events,
    handlers: {
      'order.placed': ({ id }) => {
        handled.push(id);
        return [effectOf(id)];
      },
    },
    retry: { initialDelayMs: 1, maxDelayMs: 2 },
    attempts: 3,
    clock: { now: () => NOW },
    telemetry: told.telemetry,
    ...options,
  });
  return { consumer, client, deadLetters: new MemoryDeadLetters(), told, handled };
}

export interface Fed {
  readonly outcomes: readonly Outcome[];
  /** The offset that the runner may commit. */
  readonly committable: bigint | undefined;
}

/** Delivers the records as one partition, by key, and waits until no work is left. */
export async function feed(
  { consumer, deadLetters }: Pick<Rig, 'consumer' | 'deadLetters'>,
  records: readonly ConsumedRecord[],
  { signal = new AbortController().signal, whenBlocked }: { signal?: AbortSignal; whenBlocked?: WhenBlocked } = {},
): Promise<Fed> {
  const outcomes: Outcome[] = [];
  const offsets = new OffsetTracker();
  const semaphore = new Semaphore(consumer.settings.concurrency);
  const processor = consumer.processor(deadLetters, whenBlocked);
  const queues = new KeyQueues<InFlightMessage>(async (messages, queue) => {
    outcomes.push(await processor.process(messages, queue));
  }, consumer.settings.eventsOfKeyPerTransaction);
  for (const record of records) {
    offsets.begin(record.offset);
    queues.add(queueKeyOf(record), { record, semaphore, signal, finished: () => offsets.finish(record.offset) });
  }
  await queues.idle();
  return { outcomes, committable: offsets.committable };
}
