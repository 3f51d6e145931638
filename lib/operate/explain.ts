import { ScanCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { dynamodbInbox } from '../consume/dynamodb/inbox';
import { decide, seenOf, type InboxState } from '../consume/inbox';
import {
  aggregateIn,
  aggregateOf,
  inboxKeyOf,
  inboxKeyText,
  inboxPartitionKey,
  markerSortKey,
  sourceKeyOf,
  type InboxKey,
} from '../consume/inbox-keys';
import { messageOf, OutboxError } from '../event/errors';
import { isOwnPartition, parsePartitionKey } from '../event/key';
import { versionOfPosition } from '../event/position';
import { parseReceipt } from '../event/receipt';
import { formatSequence } from '../event/sequence';
import { controlStore } from '../relay/dynamodb/control';
import { forEachKey } from '../relay/key-work';
import { readerOf } from './consumer/consumer-lag';
import { consumersIn, inboxContents, refuseConsumer, type KnownKey } from './consumer/inbox-contents';
import { parkedKeysOf } from './consumer/parked';
import type { ConsumerTarget } from './consumer/redrive-parked';
import {
  explainKey,
  type ConsumerFacts,
  type ConsumerKafkaFacts,
  type Explanation,
  type InboxFacts,
} from './explain-judge';
import { show, type ShownKey } from './show';
import { OPERATOR_CLOCK, type Target } from './target';
import { readItem } from './read-item';

/** A consumer that a deployment names. */
export interface NamedConsumer {
  readonly consumer: string;
  readonly inbox: string;
  /** Topics that its mapping names. */
  readonly topics?: readonly string[];
  /** Its consumer group, by topic. Default: its name. */
  readonly groups?: Readonly<Record<string, string>>;
}

/** What Kafka is asked while a key is explained. */
export interface ExplainKafka {
  /** The offset after the last message of each partition, and the topics that do not exist. */
  ends(
    topics: readonly string[],
  ): Promise<{ readonly ends: ReadonlyMap<string, bigint>; readonly absentTopics: readonly string[] }>;
  /** The group of a consumer, and what it has set aside of a Kafka key. */
  consumer(consumer: NamedConsumer, topics: readonly string[], kafkaKey: string): Promise<ConsumerKafkaFacts>;
}

/** Where to look. */
export interface ExplainOptions {
  /** Tables of consumers. They are scanned for the consumers that they know. */
  readonly inboxes?: readonly string[];
  /** Consumers that a deployment names: their tables are scanned only for a key of which the outbox has nothing. */
  readonly named?: readonly NamedConsumer[];
  /** Only this consumer. */
  readonly consumer?: string;
  /** Left out: Kafka is not read. */
  readonly kafka?: ExplainKafka;
  /** Options that every command needs to be about the same outbox, such as `--stack Shop`. */
  readonly globals?: readonly string[];
  /** What the caller does not look at, and why; answered with what turns out to be unseen here. */
  readonly notLookedAt?: readonly string[];
  /** Called after each page of a scan with the items looked at. */
  readonly onProgress?: (scanned: number) => void;
}

/** What `explain` answers. */
export interface ExplainReport {
  /** One for each aggregate that has the key; that of the key itself if nothing of it is found anywhere. */
  readonly keys: readonly Explanation[];
  /** Of an unknown key: others with the same name behind another aggregate. */
  readonly similar: readonly string[];
}

/**
 * Follows a key through the whole: its items in the table, where each event lies in Kafka, and what each consumer that is
 * known has done with it. Reads only.
 *
 * @param key - `order#42`; or `42` for every aggregate with this key, for which the table is scanned
 * @throws OutboxError `operation-refused` for a consumer that no table and no deployment knows; `service-unavailable`.
 */
export async function explain(target: Target, key: string, options: ExplainOptions = {}): Promise<ExplainReport> {
  const kafkaKeys = [...new Set([key, kafkaKeyOf(key)])];
  const rows: KnownKey[] = [];
  const consumers = [...(options.named ?? [])];
  for (const inbox of new Set(options.inboxes)) {
    const found = await consumersIn({ client: target.client, tableName: inbox }, { ...options, kafkaKeys });
    rows.push(...found.keys);
    const isNamed = ({ consumer }: NamedConsumer): boolean =>
      consumers.some((each) => each.inbox === inbox && each.consumer === consumer);
    consumers.push(...found.consumers.filter((each) => !isNamed(each)));
  }
  const chosen = consumers.filter(({ consumer }) => options.consumer === undefined || options.consumer === consumer);
  if (options.consumer !== undefined && chosen.length === 0) {
    const tables = [...new Set(consumers.map(({ inbox }) => inbox))].join(', ');
    refuseConsumer(tables, options.consumer, [...new Set(consumers.map(({ consumer }) => consumer))]);
  }

  const inOutbox = await keysInOutbox(target, key, options);
  if (inOutbox.exact.length === 0) {
    // Items expire in the outbox, rows of consumers do not.
    for (const inbox of new Set((options.named ?? []).map((each) => each.inbox))) {
      if (options.inboxes?.includes(inbox) === true) continue;
      rows.push(...(await inboxContents({ client: target.client, tableName: inbox }, { ...options, kafkaKeys })).keys);
    }
  }
  const ofRows = rows.map((row) => `${aggregateOf(row.key)}#${row.key.key}`);
  const known = [...new Set([...inOutbox.exact, ...ofRows.filter((pk) => means(key, pk))])].toSorted();
  const keys: Explanation[] = [];
  for (const pk of known.length === 0 ? [key] : known) {
    keys.push(await explainOne(target, pk, { consumers: chosen, rows, options }));
  }
  const others = known.length > 0 ? [] : [...new Set([...inOutbox.similar, ...ofRows])].toSorted();
  return { keys, similar: others.slice(0, SIMILAR) };
}

/** So many other names are suggested for one that is unknown. */
const SIMILAR = 10;

const kafkaKeyOf = (key: string): string => parsePartitionKey(key)?.key ?? key;

/** Whether a person who writes `key` means the partition key: it is the same, or `key` is all behind its aggregate. */
const means = (key: string, pk: string): boolean => pk === key || parsePartitionKey(pk)?.key === key;

/** `similar`: the same key of another aggregate. Only a key that is not found by its name costs a scan. */
async function keysInOutbox(
  target: Target,
  key: string,
  { onProgress }: ExplainOptions,
): Promise<{ readonly exact: readonly string[]; readonly similar: readonly string[] }> {
  const { holds } = await controlStore(target.client, target.tableName, OPERATOR_CLOCK).read();
  // A key that no key should be may be held all the same.
  if (holds.has(key)) return { exact: [key], similar: [] };
  if (parsePartitionKey(key) !== undefined) {
    const { items, signals } = await show(target, key);
    if (items.length > 0 || signals.length > 0) return { exact: [key], similar: [] };
  }
  const found = new Set([...holds.keys()].filter((pk) => pk.endsWith(`#${kafkaKeyOf(key)}`)));
  let scanned = 0;
  let from: Record<string, AttributeValue> | undefined;
  do {
    const page = await target.client.send(
      new ScanCommand({
        TableName: target.tableName,
        ConsistentRead: true,
        ProjectionExpression: 'pk',
        FilterExpression: 'contains(pk, :key)',
        ExpressionAttributeValues: { ':key': { S: `#${kafkaKeyOf(key)}` } },
        ExclusiveStartKey: from,
      }),
    );
    for (const { pk } of page.Items ?? []) {
      const name = pk?.S ?? '';
      if (!isOwnPartition(name) && kafkaKeyOf(name) === kafkaKeyOf(key)) found.add(name);
      else if (means(key, name)) found.add(name);
    }
    onProgress?.((scanned += page.ScannedCount ?? 0));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  const exact = [...found].filter((pk) => means(key, pk));
  return { exact, similar: exact.length > 0 ? [] : [...found] };
}

interface Looking {
  readonly consumers: readonly NamedConsumer[];
  /** Rows of the Kafka key, of tables that were scanned. */
  readonly rows: readonly KnownKey[];
  readonly options: ExplainOptions;
}

async function explainOne(target: Target, pk: string, { consumers, rows, options }: Looking): Promise<Explanation> {
  const { kafka } = options;
  const notLookedAt = [...(options.notLookedAt ?? [])];
  const shown = await shownOf(target, pk);
  const topics = topicsOf(shown);
  const receipts = shown.items.flatMap((item) => item.receipts.flatMap((text) => parseReceipt(text)?.topic ?? []));
  const ask = async <T>(what: string, asked: Promise<T> | undefined): Promise<T | undefined> => {
    try {
      return await asked;
    } catch (error) {
      // One topic or group that may not be read must not keep the rest from being seen.
      notLookedAt.push(`${what}: ${messageOf(error)}`);
      return undefined;
    }
  };
  const inKafka = await ask('the ends of the topics', kafka?.ends([...new Set(receipts)]));
  const facts: ConsumerFacts[] = [];
  for (const one of consumers) {
    const ofConsumer = rows
      .filter((row) => row.consumer === one.consumer && sameKey(row.key, pk))
      .map(({ key }) => key);
    const read = [...new Set([...topics, ...ofConsumer.map(({ topic }) => topic)])];
    // Before the table is read: what the group has read past by then, its table or its dead letters have.
    const ofKafka = await ask(
      `the group and the dead letters of ${one.consumer}`,
      kafka?.consumer(one, read, kafkaKeyOf(pk)),
    );
    const keys = await inboxFacts({ ...one, client: target.client, tableName: one.inbox }, shown, ofConsumer);
    facts.push({ ...one, keys, ...(ofKafka === undefined ? {} : { kafka: ofKafka }) });
  }
  return explainKey({ now: Date.now(), shown, consumers: facts, ...inKafka, notLookedAt, globals: options.globals });
}

/** Of a name that is no key the table holds nothing, unless it is held. */
async function shownOf(target: Target, pk: string): Promise<ShownKey> {
  try {
    return await show(target, pk);
  } catch (error) {
    if (error instanceof OutboxError && error.is('operation-refused')) return { pk, items: [], signals: [] };
    throw error;
  }
}

const topicsOf = ({ items }: ShownKey): string[] => [
  ...new Set(items.flatMap(({ events }) => events.flatMap(({ topic }) => topic ?? []))),
];

const sameKey = (key: InboxKey, pk: string): boolean =>
  key.key === kafkaKeyOf(pk) &&
  (parsePartitionKey(pk) === undefined || aggregateOf(key) === parsePartitionKey(pk)?.aggregate);

/** The rows of a key: on each topic and of each source that the outbox or the table knows of it. */
async function inboxFacts(
  inbox: ConsumerTarget,
  shown: ShownKey,
  known: readonly InboxKey[],
): Promise<readonly InboxFacts[]> {
  const name = parsePartitionKey(shown.pk);
  const keys = new Map(known.map((key) => [inboxKeyText(key), key]));
  for (const { source, events } of name === undefined ? [] : shown.items) {
    if (source === undefined || name === undefined) continue;
    for (const { topic } of events) {
      if (topic === undefined) continue;
      const key = { source, topic, key: name.key, ...aggregateIn(source, name.aggregate) };
      keys.set(inboxKeyText(key), key);
    }
  }
  const store = dynamodbInbox({ ...inbox, client: readerOf(inbox.client) });
  const parked = await parkedKeysOf(inbox, inbox.consumer, { keys: [kafkaKeyOf(shown.pk)] });
  const facts: InboxFacts[] = [];
  await forEachKey([...keys.values()], async (key) => {
    const { state, appliedAt } = await store.read(key);
    const ofKey = parked.keys.find((each) => inboxKeyText(inboxKeyOf(each)) === inboxKeyText(key));
    facts.push({
      key,
      state,
      ...(appliedAt === undefined ? {} : { appliedAt }),
      ...(ofKey === undefined ? {} : { parked: ofKey }),
      marks: await marksOf(inbox, key, state, shown),
    });
  });
  return facts.toSorted((a, b) => (inboxKeyText(a.key) < inboxKeyText(b.key) ? -1 : 1));
}

/** Marks of the events that the window of the key does not show as applied. */
async function marksOf(
  { client, tableName, consumer }: ConsumerTarget,
  key: InboxKey,
  state: InboxState,
  { items }: ShownKey,
): Promise<InboxFacts['marks']> {
  const marks = new Map<string, 'applied' | 'discarded'>();
  const open = items
    .filter(({ state: stands, source }) => stands === 'processed' && source === key.source)
    .flatMap(({ position, events }) =>
      events.flatMap(({ id, topic }, index) => {
        if (id === undefined || topic !== key.topic) return [];
        const version = versionOfPosition(position);
        const seen = seenOf({ id, sequence: version === undefined ? undefined : formatSequence({ version, index }) });
        return seen !== undefined && decide(state, seen).kind === 'duplicate' ? [] : [id];
      }),
    );
  await forEachKey(open, async (id) => {
    const pk = inboxPartitionKey(consumer, sourceKeyOf(key));
    const Item = await readItem({ client, tableName }, { pk, sk: markerSortKey(id) });
    if (Item !== undefined) marks.set(id, Item['discarded'] === undefined ? 'applied' : 'discarded');
  });
  return marks;
}
