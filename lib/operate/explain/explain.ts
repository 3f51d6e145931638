import { dynamodbInbox } from '../../consume/dynamodb/inbox';
import { decide, sequencedOf, type InboxState } from '../../consume/inbox';
import {
  aggregateIn,
  aggregateOf,
  inboxKeyOf,
  inboxKeyText,
  inboxPartitionKey,
  markerSortKey,
  sourceKeyOf,
  type InboxKey,
} from '../../consume/inbox-keys';
import { deadLetterTopic } from '../../event/consumer-name';
import { messageOf, OutboxError } from '../../event/errors';
import { isOwnPartition, parsePartitionKey } from '../../event/key';
import { formatSequence, versionOfPosition } from '../../event/position';
import { parseReceipt } from '../../event/receipt';
import { controlStore } from '../../relay/dynamodb/control';
import { scanPages } from '../../relay/dynamodb/pages';
import { forEachKey } from '../../timing/for-each';
import { readerOf } from '../consumer/consumer-lag';
import { deadLetters, type DeadLetter } from '../consumer/dead-letters';
import {
  consumersIn,
  inboxContents,
  refuseConsumer,
  type ConsumerTarget,
  type KnownKey,
} from '../consumer/inbox-contents';
import { parkedKeysOf } from '../consumer/parked';
import { openKafkaMetadata } from '../kafka-metadata';
import type { KafkaTarget } from '../kafka-target';
import { mapKeys } from '../map-keys';
import { show, type ShownKey } from '../show';
import { readItem, type OutboxTarget } from '../target';
import {
  explainKey,
  type ConsumerState,
  type ConsumerKafkaState,
  type KeyExplanation,
  type InboxKeyState,
  type NamedConsumer,
} from './diagnosis';

/** The reads of Kafka that `explain` needs. */
export interface ExplainKafka {
  /** The offset after the last message of each partition, and the topics that do not exist. */
  ends(
    topics: readonly string[],
  ): Promise<{ readonly ends: ReadonlyMap<string, bigint>; readonly absentTopics: readonly string[] }>;
  /** The group of a consumer, and its dead letters of a Kafka key. */
  consumer(consumer: NamedConsumer, topics: readonly string[], kafkaKey: string): Promise<ConsumerKafkaState>;
}

/** Where {@link explain} looks. */
export interface ExplainOptions {
  /** Tables of consumers. `explain` scans them to find the consumers. */
  readonly inboxes?: readonly string[];
  /** Consumers that a deployment names. `explain` scans their tables only if the outbox has nothing of the key. */
  readonly named?: readonly NamedConsumer[];
  /** Only this consumer. */
  readonly consumer?: string;
  /** Left out: Kafka is not read. */
  readonly kafka?: ExplainKafka;
  /** Options that select the same outbox in each command, such as `--stack Shop`. */
  readonly globals?: readonly string[];
  /** Sources that the caller does not read, and why. The report repeats them and adds its own. */
  readonly notLookedAt?: readonly string[];
  /** Called after each page of a scan with the number of items scanned so far. */
  readonly onProgress?: (scanned: number) => void;
}

/** The result of {@link explain}. */
export interface ExplainReport {
  /** One for each aggregate that has the key. For an unknown key: one for the key as it was given. */
  readonly keys: readonly KeyExplanation[];
  /** For an unknown key: keys of the same name in other aggregates. */
  readonly similar: readonly string[];
}

/**
 * Follows a key through the table, Kafka and every known consumer: its items, the place of each event in Kafka, and
 * what each consumer has done with it. Reads only.
 *
 * @param key - `order#42`; or `42` for every aggregate with this key, for which the table is scanned
 * @throws OutboxError `operation-refused` for a consumer that no table and no deployment knows; `service-unavailable`.
 */
export async function explain(target: OutboxTarget, key: string, options: ExplainOptions = {}): Promise<ExplainReport> {
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
    // Items expire in the outbox; rows of consumers do not.
    for (const inbox of new Set((options.named ?? []).map((each) => each.inbox))) {
      if (options.inboxes?.includes(inbox) === true) continue;
      rows.push(...(await inboxContents({ client: target.client, tableName: inbox }, { ...options, kafkaKeys })).keys);
    }
  }
  const ofRows = rows.map((row) => `${aggregateOf(row.key)}#${row.key.key}`);
  const known = [...new Set([...inOutbox.exact, ...ofRows.filter((pk) => means(key, pk))])].toSorted();
  const keys: KeyExplanation[] = [];
  for (const pk of known.length === 0 ? [key] : known) {
    keys.push(await explainOne(target, pk, { consumers: chosen, rows, options }));
  }
  const others = known.length > 0 ? [] : [...new Set([...inOutbox.similar, ...ofRows])].toSorted();
  return { keys, similar: others.slice(0, SIMILAR) };
}

/** How many similar keys are suggested for an unknown one. */
const SIMILAR = 10;

const kafkaKeyOf = (key: string): string => parsePartitionKey(key)?.key ?? key;

/** Whether a person who writes `key` means the partition key: all of it, or the part behind its aggregate. */
const means = (key: string, pk: string): boolean => pk === key || parsePartitionKey(pk)?.key === key;

/** `similar`: the same key of another aggregate. The table is scanned only if the key is not found by its name. */
async function keysInOutbox(
  target: OutboxTarget,
  key: string,
  { onProgress }: ExplainOptions,
): Promise<{ readonly exact: readonly string[]; readonly similar: readonly string[] }> {
  const { holds } = await controlStore(target).read();
  // A malformed key can be held: a faulty writer may have written it.
  if (holds.has(key)) return { exact: [key], similar: [] };
  if (parsePartitionKey(key) !== undefined) {
    const { items, signals } = await show(target, key);
    if (items.length > 0 || signals.length > 0) return { exact: [key], similar: [] };
  }
  const found = new Set([...holds.keys()].filter((pk) => pk.endsWith(`#${kafkaKeyOf(key)}`)));
  let scanned = 0;
  const pages = scanPages(target, {
    ConsistentRead: true,
    ProjectionExpression: 'pk',
    FilterExpression: 'contains(pk, :key)',
    ExpressionAttributeValues: { ':key': { S: `#${kafkaKeyOf(key)}` } },
  });
  for await (const page of pages) {
    for (const { pk } of page.items) {
      const name = pk?.S ?? '';
      if (!isOwnPartition(name) && kafkaKeyOf(name) === kafkaKeyOf(key)) found.add(name);
      else if (means(key, name)) found.add(name);
    }
    onProgress?.((scanned += page.scanned));
  }
  const exact = [...found].filter((pk) => means(key, pk));
  return { exact, similar: exact.length > 0 ? [] : [...found] };
}

interface Scope {
  readonly consumers: readonly NamedConsumer[];
  /** Rows of the Kafka key in the tables that were scanned. */
  readonly rows: readonly KnownKey[];
  readonly options: ExplainOptions;
}

async function explainOne(
  target: OutboxTarget,
  pk: string,
  { consumers, rows, options }: Scope,
): Promise<KeyExplanation> {
  const { kafka } = options;
  const notLookedAt = [...(options.notLookedAt ?? [])];
  const shown = await shownOf(target, pk);
  const topics = eventTopics(shown);
  const receipts = shown.items.flatMap((item) => item.receipts.flatMap((text) => parseReceipt(text)?.topic ?? []));
  const ask = async <T>(what: string, asked: Promise<T> | undefined): Promise<T | undefined> => {
    try {
      return await asked;
    } catch (error) {
      // If one topic or group may not be read, the rest is read all the same.
      notLookedAt.push(`${what}: ${messageOf(error)}`);
      return undefined;
    }
  };
  const inKafka = await ask('the ends of the topics', kafka?.ends([...new Set(receipts)]));
  const facts: ConsumerState[] = [];
  for (const one of consumers) {
    const ofConsumer = rows
      .filter((row) => row.consumer === one.consumer && sameKey(row.key, pk))
      .map(({ key }) => key);
    const read = [...new Set([...topics, ...ofConsumer.map(({ topic }) => topic)])];
    // Offsets are read before the table, so that the table or the dead letters show every event below them.
    const ofKafka = await ask(
      `the group and the dead letters of ${one.consumer}`,
      kafka?.consumer(one, read, kafkaKeyOf(pk)),
    );
    const keys = await readInboxKeys({ ...one, client: target.client, tableName: one.inbox }, shown, ofConsumer);
    facts.push({ ...one, keys, kafka: ofKafka });
  }
  return explainKey({ now: Date.now(), shown, consumers: facts, ...inKafka, notLookedAt, globals: options.globals });
}

/** `show` refuses a malformed key of which the table holds nothing. */
async function shownOf(target: OutboxTarget, pk: string): Promise<ShownKey> {
  try {
    return await show(target, pk);
  } catch (error) {
    if (error instanceof OutboxError && error.is('operation-refused')) return { pk, items: [], signals: [] };
    throw error;
  }
}

const eventTopics = ({ items }: ShownKey): string[] => [
  ...new Set(items.flatMap(({ events }) => events.flatMap(({ topic }) => topic ?? []))),
];

const sameKey = (key: InboxKey, pk: string): boolean =>
  key.key === kafkaKeyOf(pk) &&
  (parsePartitionKey(pk) === undefined || aggregateOf(key) === parsePartitionKey(pk)?.aggregate);

/** Reads the rows of a key: one for each topic and source that the outbox or the consumer's table names. */
async function readInboxKeys(
  inbox: ConsumerTarget,
  shown: ShownKey,
  known: readonly InboxKey[],
): Promise<readonly InboxKeyState[]> {
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
  const inOrder = [...keys].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return mapKeys(inOrder, async ([text, key]): Promise<InboxKeyState> => {
    const { state, appliedAt } = await store.read(key);
    const ofKey = parked.keys.find((each) => inboxKeyText(inboxKeyOf(each)) === text);
    return { key, state, appliedAt, parked: ofKey, marks: await marksOf(inbox, key, state, shown) };
  });
}

/** Marks of the events that the window of the key does not show as applied. */
async function marksOf(
  { client, tableName, consumer }: ConsumerTarget,
  key: InboxKey,
  state: InboxState,
  { items }: ShownKey,
): Promise<InboxKeyState['marks']> {
  const marks = new Map<string, 'applied' | 'discarded'>();
  const open = items
    .filter(({ state: stands, source }) => stands === 'processed' && source === key.source)
    .flatMap(({ position, events }) =>
      events.flatMap(({ id, topic }, index) => {
        if (id === undefined || topic !== key.topic) return [];
        const version = versionOfPosition(position);
        const seen = sequencedOf({
          id,
          sequence: version === undefined ? undefined : formatSequence({ version, index }),
        });
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

/** The connection to the cluster that `explain` reads. */
export interface ExplainKafkaConnection extends ExplainKafka {
  /** Disconnects. */
  close(): Promise<void>;
}

/**
 * Connects to the cluster for `explain`. The caller must close the connection.
 *
 * @throws OutboxError `service-unavailable`, which names the brokers that cannot be reached and why.
 */
export async function explainKafka(
  target: KafkaTarget,
  onProgress?: (passed: number, toPass: number) => void,
): Promise<ExplainKafkaConnection> {
  const look = await openKafkaMetadata(target);
  return {
    async ends(topics) {
      return {
        ends: await look.ends(topics),
        absentTopics: topics.filter((topic) => !look.topics.has(topic)),
      };
    },
    async consumer({ consumer, groups = {} }, topics, kafkaKey) {
      let members = 0;
      const committed = new Map<string, bigint>();
      // On Lambda each topic has a mapping, and a group, of its own.
      for (const [groupId, read] of Map.groupBy(topics, (topic) => groups[topic] ?? consumer)) {
        const group = await look.group(groupId, read);
        members += group.members;
        for (const [partition, offset] of group.committed) committed.set(partition, offset);
      }
      const letters = new Map<string, readonly DeadLetter[] | undefined>();
      for (const topic of topics) {
        const exists = look.topics.has(deadLetterTopic(topic, consumer));
        const options = { topic, consumer, keys: [kafkaKey], onProgress };
        letters.set(topic, exists ? (await deadLetters(target, options)).letters : undefined);
      }
      return { group: { members, committed }, deadLetters: letters };
    },
    close: () => look.close(),
  };
}
