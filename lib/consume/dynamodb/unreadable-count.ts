import { unreadableCountPartition } from '../inbox-keys';
import type { UnreadableCountStore } from '../ports';
import { ifRevision, type DynamoDbInboxOptions } from './inbox';

const SORT_KEY = 'unreadable';

/** Keeps the consumer's breaker in its table. */
export function dynamodbUnreadableCount({
  client,
  tableName,
  consumer,
}: Pick<DynamoDbInboxOptions, 'client' | 'tableName' | 'consumer'>): UnreadableCountStore {
  const Key = { pk: unreadableCountPartition(consumer), sk: SORT_KEY };
  return {
    async read() {
      const { Item } = await client.get({ TableName: tableName, Key, ConsistentRead: true });
      if (Item === undefined) return { since: 0, keys: 0, revision: 0 };
      return { since: Number(Item['since']), keys: Number(Item['keys']), revision: Number(Item['revision']) };
    },
    replace: (known, next) => ({
      Put: {
        TableName: tableName,
        Item: { ...Key, ...next, revision: known.revision + 1 },
        ...ifRevision(known.revision),
      },
    }),
  };
}
