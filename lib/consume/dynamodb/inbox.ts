import { cancellationCodes } from '../../dynamodb/refusals';
import { isRecord, withoutUndefined } from '../../event/options';
import { formatSequence, parseSequence } from '../../event/position';
import type { TransactionAction } from '../../dynamodb/transaction';
import type { OperatorNote } from '../../event/signal';
import type { ConsumerClient, TableItem } from '../client';
import { appliedAfter } from '../committed-at';
import { EMPTY_INBOX, type InboxRow, type InboxState, type SequencedEvent } from '../inbox';
import {
  decodeInboxKey,
  INBOX_SORT_KEY,
  inboxKeyOf,
  inboxPartitionKey,
  markerSortKey,
  PARKED_PREFIX,
  parkedKeysPartition,
  parkedKeySortKey,
  parkedSortKey,
  sourceKeyOf,
  unreadableCountPartition,
  type InboxKey,
} from '../inbox-keys';
import type { ConsumerClock, InboxActions, InboxStore, UnreadableCountStore, Transactions } from '../ports';
import { operatorNoteOf } from '../request';
import { bufferedValuesOf, headersByName, type ConsumedRecord } from '../record';

/** The part of a table that belongs to one consumer. */
interface ConsumerTable {
  readonly tableName: string;
  readonly consumer: string;
}

export interface ReadableInbox extends ConsumerTable {
  readonly client: Pick<ConsumerClient, 'get' | 'query'>;
}

interface WritableInbox extends ConsumerTable {
  readonly markerRetentionMs: number;
  readonly clock: ConsumerClock;
}

/** Clocks differ, and a marker must outlive every message that depends on it. */
const MARKER_MARGIN_MS = 3600_000;

/** Reads a consumer's table, with strong consistency. */
export function dynamodbInbox({ client, tableName, consumer }: ReadableInbox): InboxStore {
  const get = async (pk: string, sk: string): Promise<TableItem | undefined> =>
    (await client.get({ TableName: tableName, Key: { pk, sk }, ConsistentRead: true })).Item;
  return {
    async read(key) {
      return rowOf(await get(inboxPartitionKey(consumer, key), INBOX_SORT_KEY));
    },
    async isMarked(key, id) {
      // An expired marker that DynamoDB has not deleted yet still counts.
      return (await get(inboxPartitionKey(consumer, sourceKeyOf(key)), markerSortKey(id))) !== undefined;
    },
    async nextParked(key) {
      const { Items } = await client.query({
        TableName: tableName,
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
        ExpressionAttributeValues: { ':pk': inboxPartitionKey(consumer, key), ':prefix': PARKED_PREFIX },
        ConsistentRead: true,
        Limit: 1,
      });
      const item = Items?.[0];
      if (item === undefined) return undefined;
      const { sk, resend, isLostIdentity } = item;
      return {
        record: parkedRecord(item),
        position: String(sk),
        resend: isRecord(resend) ? operatorNoteOf(resend) : undefined,
        isLostIdentity: isLostIdentity === true ? true : undefined,
      };
    },
    async *parkedKeys() {
      const items = itemsOf(client, tableName, parkedKeysPartition(consumer), { ConsistentRead: true });
      for await (const item of items) yield decodeInboxKey(item);
    },
  };
}

export async function* itemsOf(
  client: Pick<ConsumerClient, 'query'>,
  TableName: string,
  pk: string,
  { ConsistentRead }: { readonly ConsistentRead: boolean },
): AsyncGenerator<TableItem> {
  const query = { TableName, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': pk } };
  let from: TableItem | undefined;
  do {
    const start = from === undefined ? {} : { ExclusiveStartKey: from };
    const page = await client.query({ ...query, ConsistentRead, Limit: 100, ...start });
    yield* page.Items ?? [];
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
}

export const actionsOn = (TableName: string) => ({
  put: (Item: TableItem, condition: Condition = {}): TransactionAction => ({ Put: { TableName, Item, ...condition } }),
  remove: (Key: TableItem, condition: Condition = {}): TransactionAction => ({
    Delete: { TableName, Key, ...condition },
  }),
});

type Condition = Pick<NonNullable<TransactionAction['Put']>, 'ConditionExpression' | 'ExpressionAttributeValues'>;

const IS_NEW: Condition = { ConditionExpression: 'attribute_not_exists(pk)' };
export const EXISTS: Condition = { ConditionExpression: 'attribute_exists(pk)' };

export function dynamodbInboxActions(table: WritableInbox): InboxActions {
  const { tableName, consumer, markerRetentionMs, clock } = table;
  const { put, remove } = actionsOn(tableName);
  const at = (key: InboxKey, sk: string) => ({ pk: inboxPartitionKey(consumer, key), sk });
  return {
    row(key, known, state, applied) {
      const appliedAt = applied === undefined ? known.appliedAt : appliedAfter(known.appliedAt, clock.now());
      const item = { ...at(key, INBOX_SORT_KEY), ...encodeState(state), revision: known.revision + 1, appliedAt };
      // If two consumers process one key at once, as in a rebalance, only one of them has read the last revision.
      return put(withoutUndefined(item), ifRevision(known.revision));
    },
    marker(key, id) {
      const expiresAt = Math.ceil((clock.now() + markerRetentionMs + MARKER_MARGIN_MS) / 1000);
      return put({ ...at(sourceKeyOf(key), markerSortKey(id)), expiresAt }, IS_NEW);
    },
    keptMarker: (key, id, resend) =>
      put(withoutUndefined({ ...at(sourceKeyOf(key), markerSortKey(id)), resend: copied(resend) }), IS_NEW),
    notParked: (key) => ({
      ConditionCheck: {
        TableName: tableName,
        Key: at(key, INBOX_SORT_KEY),
        ConditionExpression: 'attribute_not_exists(parked)',
      },
    }),
    park(key, known, record, why, { resend, isLostIdentity } = {}) {
      const notes = withoutUndefined({ resend: copied(resend), isLostIdentity });
      const message = put({ ...at(key, parkedSortKey(record)), ...encodeRecord(record), why, ...notes });
      return known.state.parked
        ? [message]
        : [message, put({ ...parkedKeyItem(consumer, key), why, since: clock.now() })];
    },
    // An operator may have discarded it while it was being applied.
    unpark: (key, position) => remove(at(key, position), EXISTS),
    unlist(key) {
      const { pk, sk } = parkedKeyItem(consumer, key);
      return remove({ pk, sk });
    },
  };
}

/** A plain object, as the document client requires it. */
const copied = (note: OperatorNote | undefined) => (note === undefined ? undefined : { ...note });

const UNREADABLE_SORT_KEY = 'unreadable';

export function dynamodbUnreadableCount({ client, tableName, consumer }: ReadableInbox): UnreadableCountStore {
  const Key = { pk: unreadableCountPartition(consumer), sk: UNREADABLE_SORT_KEY };
  return {
    async read() {
      const { Item } = await client.get({ TableName: tableName, Key, ConsistentRead: true });
      if (Item === undefined) return { since: 0, keys: 0, revision: 0 };
      return { since: Number(Item['since']), keys: Number(Item['keys']), revision: Number(Item['revision']) };
    },
    replace: (known, next) =>
      actionsOn(tableName).put({ ...Key, ...next, revision: known.revision + 1 }, ifRevision(known.revision)),
  };
}

/** A condition that the item still has the revision that was read; 0 stands for an item that does not exist. */
const ifRevision = (known: number): Condition =>
  known === 0 ? IS_NEW : { ConditionExpression: 'revision = :known', ExpressionAttributeValues: { ':known': known } };

export const parkedKeyItem = (consumer: string, key: InboxKey) => ({
  pk: parkedKeysPartition(consumer),
  sk: parkedKeySortKey(consumer, key),
  ...inboxKeyOf(key),
});

/** Short, so that the row of an ordinary key stays within one write unit. */
const encodeState = ({ window, topEvents, topAt, unapplied, parked }: InboxState) => ({
  window: window.map(encodeSequenced),
  topEvents,
  topAt,
  aside: unapplied.length === 0 ? undefined : unapplied.map(encodeSequenced),
  parked: parked || undefined,
});

function encodeSequenced({ sequence, id }: SequencedEvent): string {
  const parsed = parseSequence(sequence);
  return parsed === undefined ? `${sequence} ${id}` : `${parsed.version}.${parsed.index} ${id}`;
}

function decodeSequenced(text: unknown): SequencedEvent {
  const [, version, index, id] = /^(\d+)\.(\d+) (.*)$/s.exec(String(text)) ?? [];
  if (version === undefined || index === undefined || id === undefined) {
    throw new Error(`The inbox holds ${JSON.stringify(text)}, which is not "<version>.<index> <id>".`);
  }
  return { sequence: formatSequence({ version: Number(version), index: Number(index) }), id };
}

function rowOf(item: TableItem | undefined): InboxRow {
  if (item === undefined) return { state: EMPTY_INBOX, revision: 0 };
  const { revision, appliedAt, topEvents, topAt, parked } = item;
  return {
    state: {
      window: listOf(item['window']).map(decodeSequenced),
      topEvents: numberOf(topEvents),
      topAt: numberOf(topAt),
      unapplied: listOf(item['aside']).map(decodeSequenced),
      parked: parked === true,
    },
    revision: Number(revision),
    appliedAt: numberOf(appliedAt),
  };
}

/** A number as the client returns it: its option `wrapNumbers` may turn numbers into objects. */
const numberOf = (value: unknown): number | undefined =>
  value === undefined ? undefined : Number((value as number | bigint | { toString(): string }).toString());

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

/** The place of a message in Kafka. A timestamp is any 64-bit number: the client takes an unsafe one only as text. */
export const encodePlace = ({ topic, partition, offset, timestamp }: ConsumedRecord): TableItem => ({
  topic,
  partition,
  offset: String(offset),
  timestamp: Number.isSafeInteger(timestamp) ? timestamp : String(timestamp),
});

/** Kafka's message as it was read: key, value and headers byte for byte. */
export const encodeRecord = (record: ConsumedRecord): TableItem => ({
  ...encodePlace(record),
  ...(record.key === null ? {} : { messageKey: record.key }),
  ...(record.value === null ? {} : { value: record.value }),
  headers: Object.entries(record.headers).flatMap(([name, given]) =>
    bufferedValuesOf(given).map((bytes) => [name, bytes]),
  ),
});

export function parkedRecord(item: TableItem): ConsumedRecord {
  return {
    topic: String(item['topic']),
    partition: Number(item['partition']),
    offset: BigInt(String(item['offset'])),
    timestamp: Number(item['timestamp']),
    key: 'messageKey' in item ? (bytesOf(item['messageKey']) ?? Buffer.alloc(0)) : null,
    // A client with `convertEmptyValues` stores an empty value as null; a tombstone has no attribute.
    value: 'value' in item ? (bytesOf(item['value']) ?? Buffer.alloc(0)) : null,
    headers: headersByName(
      listOf(item['headers']).map((pair) => {
        const [name, bytes] = listOf(pair);
        return [String(name), bytes] as const;
      }),
    ),
  };
}

/** The SDK returns binary as `Uint8Array`. */
const bytesOf = (value: unknown): Buffer | null =>
  value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : null;

export const dynamodbTransactions = (client: Pick<ConsumerClient, 'transactWrite'>): Transactions => ({
  async write(entries: readonly TransactionAction[]) {
    try {
      await client.transactWrite({ TransactItems: [...entries] });
      return { kind: 'written' };
    } catch (cause) {
      const reasons = cancellationCodes(cause) ?? [];
      if (reasons.length > 0) return { kind: 'cancelled', reasons, cause };
      if (cause instanceof Error && cause.name === 'ValidationException') return { kind: 'rejected', cause };
      // The SDK retried a request that DynamoDB is still executing: decide again when it has ended.
      if (cause instanceof Error && cause.name === 'TransactionInProgressException') {
        return { kind: 'cancelled', reasons: entries.map(() => 'TransactionConflict'), cause };
      }
      throw cause;
    }
  },
});
