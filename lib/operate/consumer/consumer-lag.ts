import { GetItemCommand, QueryCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { AppliedReader, type ConsumerLag } from '../../consume/applied';
import type { ConsumerClient } from '../../consume/client';
import { dynamodbInbox } from '../../consume/dynamodb/inbox';
import { consistencyToken } from '../../event/consistency-token';
import { decodeItem, type OutboxItem } from '../../event/item';
import { messagesOf } from '../../event/message';
import { SIGNAL_PREFIX } from '../../event/position';
import { queryPages } from '../../relay/dynamodb/pages';
import { requireConsumer, type ConsumerTarget } from './inbox-contents';
import { parkedKeysOf, type ParkedKey } from './parked';
import { refuse, requireKey, type OutboxTarget } from '../target';

/** How far a consumer is with a key of the outbox. */
export interface KeyLag {
  readonly pk: string;
  /** The position of the key's newest item in the outbox. */
  readonly position: string;
  /** Epoch milliseconds: when it was committed. */
  readonly committedAt: number;
  /** For each topic of that item. */
  readonly topics: readonly TopicLag[];
}

/** How far a consumer is with a key on one topic. */
export interface TopicLag extends ConsumerLag {
  /** Why the key is parked, since when, and at which event. Left out for a key that is not parked. */
  readonly parked?: ParkedKey;
}

/**
 * Compares the newest item of a key in the outbox with what the consumer has applied. Strongly consistent; reads only.
 *
 * @throws OutboxError `operation-refused` for a malformed key, a key of which the outbox has nothing (any more), or a
 * consumer of which the table holds nothing; `undecodable-item`.
 */
export async function consumerLag(outbox: OutboxTarget, inbox: ConsumerTarget, key: string): Promise<KeyLag> {
  const pk = requireKey('lag', key);
  const item = await newestItem(outbox, pk);
  const { consumer, tableName } = inbox;
  const store = dynamodbInbox({ client: readerOf(inbox.client), tableName, consumer });
  const lags = await new AppliedReader(store, Date, consumer).lag(consistencyToken(item, messagesOf(item)));
  // A row proves that the consumer exists. Without one, a mistyped name would look like a consumer far behind.
  if (lags.every(({ isApplied, appliedAt, isParked }) => !isApplied && !isParked && appliedAt === undefined)) {
    await requireConsumer(inbox, consumer);
  }
  const topics: TopicLag[] = [];
  for (const lag of lags) {
    const { topic, isParked } = lag;
    const selection = { keys: [item.key], topic, source: item.source, aggregate: item.aggregate };
    const [parked] = isParked ? (await parkedKeysOf(inbox, consumer, selection)).keys : [];
    topics.push(parked === undefined ? lag : { ...lag, parked });
  }
  return { pk, position: item.sk, committedAt: item.committedAt, topics };
}

async function newestItem(outbox: OutboxTarget, pk: string): Promise<OutboxItem> {
  const pages = queryPages(outbox, {
    ConsistentRead: true,
    // Signals sort behind every position.
    KeyConditionExpression: 'pk = :pk AND sk < :signals',
    ExpressionAttributeValues: { ':pk': { S: pk }, ':signals': { S: SIGNAL_PREFIX } },
    ScanIndexForward: false,
    Limit: 1,
  });
  // The newest item may be another region's: then the page is empty.
  for await (const { items } of pages) if (items[0] !== undefined) return decodeItem(items[0]);
  return refuse('lag', `the outbox has nothing of ${pk}. Processed items expire after their retention.`);
}

/** The reads that the inbox needs, without the document client. */
export const readerOf = (client: DynamoDBClient): Pick<ConsumerClient, 'get' | 'query'> => ({
  async get({ Key, ...input }) {
    const { Item } = await client.send(new GetItemCommand({ ...input, Key: marshall(Key) }));
    return { Item: Item && unmarshall(Item) };
  },
  async query({ ExpressionAttributeValues: values, ExclusiveStartKey: from, ...input }) {
    const { Items, LastEvaluatedKey } = await client.send(
      new QueryCommand({
        ...input,
        ExpressionAttributeValues: marshall(values),
        ExclusiveStartKey: from && marshall(from),
      }),
    );
    return {
      Items: Items?.map((item) => unmarshall(item)),
      LastEvaluatedKey: LastEvaluatedKey && unmarshall(LastEvaluatedKey),
    };
  },
});
