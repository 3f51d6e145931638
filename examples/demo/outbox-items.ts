import type { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { isPosition } from '../../lib/event/position';
import type { ItemState } from './record';

interface StoredItem {
  readonly pk: string;
  readonly sk: string;
  readonly events?: readonly { readonly id: string }[];
  readonly processedAt?: number;
  readonly expiresAt?: number;
  readonly receipts?: readonly string[];
}

/** All outbox items that were committed at or after `since`, without holds and signals. */
export async function readItems(document: DynamoDBDocument, tableName: string, since: number): Promise<ItemState[]> {
  const items: ItemState[] = [];
  let from: Record<string, unknown> | undefined;
  do {
    const page = await document.scan({
      TableName: tableName,
      ConsistentRead: true,
      FilterExpression: 'committedAt >= :since',
      ExpressionAttributeValues: { ':since': since },
      ...(from === undefined ? {} : { ExclusiveStartKey: from }),
    });
    const stored = (page.Items ?? []) as StoredItem[];
    items.push(...stored.filter(({ sk }) => isPosition(sk)).map(stateOf));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return items;
}

const stateOf = ({ pk, sk, events = [], processedAt, expiresAt, receipts = [] }: StoredItem): ItemState => ({
  ...{ pk, sk, processedAt, expiresAt },
  events: events.map(({ id }) => id),
  receipts: receipts.length,
});
