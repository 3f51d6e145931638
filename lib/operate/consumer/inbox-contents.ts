import { ScanCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  unreadableCountPartition,
  decodeInboxKeyText,
  INBOX_SORT_KEY,
  MARKER_PREFIX,
  PARKED_PREFIX,
  parkedKeysPartition,
  type InboxKey,
} from '../../consume/inbox-keys';
import { CONSUMER_NAME_PATTERN } from '../../event/consumer-name';
import { refuse } from '../target';

/** The table of one or more consumers. */
export interface InboxTarget {
  readonly client: DynamoDBClient;
  readonly tableName: string;
}

/** A consumer by its name and its table. */
export interface ConsumerTarget extends InboxTarget {
  readonly consumer: string;
}

/** A key of which a consumer has a row, a mark or a parked event. */
export interface KnownKey {
  readonly consumer: string;
  readonly key: InboxKey;
}

/** The consumers and keys of which a table has items. */
export interface InboxContents {
  /** Sorted. Requests of operators and their answers do not count: a mistyped name has those too. */
  readonly consumers: readonly string[];
  /** The topics of each consumer's rows. */
  readonly topics: ReadonlyMap<string, ReadonlySet<string>>;
  /** Keys among `kafkaKeys`. A name too long for DynamoDB is stored as a hash, and is not found. */
  readonly keys: readonly KnownKey[];
}

/** Which keys to find, and when to stop. */
export interface InboxContentsOptions {
  /** The Kafka keys whose rows are wanted. */
  readonly kafkaKeys?: readonly string[];
  /** Stops at the first item of this consumer. */
  readonly until?: string;
  /** Called after each page with the number of items scanned so far. */
  readonly onProgress?: (scanned: number) => void;
}

/** The consumers that a table knows. It throws `operation-refused` for a table that holds nothing of any consumer. */
export async function consumersIn(
  target: InboxTarget,
  options: Pick<InboxContentsOptions, 'kafkaKeys' | 'onProgress'> = {},
): Promise<Pick<InboxContents, 'keys'> & { readonly consumers: readonly InboxConsumer[] }> {
  const { consumers, topics, keys } = await inboxContents(target, options);
  const { tableName: inbox } = target;
  if (consumers.length === 0) refuseConsumer(inbox, undefined, []);
  return {
    keys,
    consumers: consumers.map((consumer) => ({ consumer, inbox, topics: [...(topics.get(consumer) ?? [])] })),
  };
}

/** A consumer that a table knows. */
export interface InboxConsumer {
  readonly consumer: string;
  readonly inbox: string;
  /** Topics of which it has rows. */
  readonly topics: readonly string[];
}

/** Most tables show a consumer on a first page of this size. */
const FIRST_PAGE = 100;

/**
 * Scans a table for items of consumers. A table that is no inbox has none. Strongly consistent; reads only.
 *
 * @throws OutboxError `operation-refused` for a table with other keys than an inbox has.
 */
export async function inboxContents(
  { client, tableName }: InboxTarget,
  { kafkaKeys = [], until, onProgress }: InboxContentsOptions = {},
): Promise<InboxContents> {
  const topics = new Map<string, Set<string>>();
  const keys = new Map<string, KnownKey>();
  let [scanned, limit] = [0, until === undefined ? undefined : FIRST_PAGE];
  let from: Record<string, AttributeValue> | undefined;
  do {
    const page = await client.send(
      new ScanCommand({
        TableName: tableName,
        ConsistentRead: true,
        ProjectionExpression: 'pk, sk',
        Limit: limit,
        ExclusiveStartKey: from,
      }),
    );
    for (const { pk, sk } of page.Items ?? []) {
      const found = itemOf(pk?.S ?? '', sk?.S ?? '');
      if (found === undefined) continue;
      const read = topics.get(found.consumer) ?? new Set();
      topics.set(found.consumer, read);
      if (found.key === undefined) continue;
      read.add(found.key.topic);
      if (!kafkaKeys.includes(found.key.key)) continue;
      keys.set(pk?.S ?? '', { consumer: found.consumer, key: found.key });
    }
    if (scanned === 0 && topics.size === 0 && (page.Items ?? []).some(({ pk }) => pk === undefined)) {
      refuse('consumer', `table ${tableName} is no inbox: its items have no pk.`);
    }
    onProgress?.((scanned += page.ScannedCount ?? 0));
    if (until !== undefined && topics.has(until)) break;
    limit = undefined;
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return { consumers: [...topics.keys()].toSorted(), topics, keys: [...keys.values()] };
}

/** The consumer that has written an item, and its key. The sort key distinguishes an inbox from an outbox. */
function itemOf(pk: string, sk: string): { readonly consumer: string; readonly key?: InboxKey } | undefined {
  const at = pk.indexOf('#');
  const consumer = pk.slice(0, at);
  if (at < 1 || !CONSUMER_NAME_PATTERN.test(consumer)) return undefined;
  if (pk === parkedKeysPartition(consumer) || pk === unreadableCountPartition(consumer)) return { consumer };
  const isOfKey = sk === INBOX_SORT_KEY || sk.startsWith(MARKER_PREFIX) || sk.startsWith(PARKED_PREFIX);
  return isOfKey ? { consumer, key: decodeInboxKeyText(pk.slice(at + 1)) } : undefined;
}

/**
 * Scans the table until it finds an item of the consumer: a mistyped name must not look healthy.
 *
 * @throws OutboxError `operation-refused` if there is none, which names the consumers that the table knows.
 */
export async function requireConsumer(
  target: InboxTarget,
  consumer: string,
  options: Pick<InboxContentsOptions, 'onProgress'> = {},
): Promise<void> {
  const { consumers } = await inboxContents(target, { ...options, until: consumer });
  if (!consumers.includes(consumer)) refuseConsumer(target.tableName, consumer, consumers);
}

export const refuseConsumer = (tableName: string, consumer: string | undefined, known: readonly string[]): never =>
  refuse(
    'consumer',
    known.length === 0
      ? `table ${tableName} holds nothing of any consumer: it is no inbox, or no consumer has applied or parked an event there yet. Check --inbox.`
      : `table ${tableName} holds nothing of consumer "${consumer}". It knows ${known.join(', ')}. Check --consumer; a consumer is known once it has applied or parked an event.`,
  );
