import { GetItemCommand, QueryCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { decodeControl, STATE_KEY, type Control } from '../event/control';
import { CONTROL_PARTITION } from '../event/key';
import type { ControlStore } from './ports';

/** From this many holds and tombstones on, asking whether anything changed is cheaper than reading it all again. */
const CACHE_FROM = 25;

/**
 * Reads the control partition, strongly consistent: with one Query while it is small (one read unit up to 4 KB). A
 * large one is kept, and read again only when its revision has changed, which every write to it raises in the same
 * transaction.
 */
export function controlStore(client: DynamoDBClient, tableName: string): ControlStore {
  let kept: Control | undefined;

  const readAll = async (): Promise<Control> => {
    const items: Record<string, unknown>[] = [];
    let from: Record<string, AttributeValue> | undefined;
    do {
      const page = await client.send(
        new QueryCommand({
          TableName: tableName,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': { S: CONTROL_PARTITION } },
          ExclusiveStartKey: from,
        }),
      );
      items.push(...(page.Items ?? []).map((item) => unmarshall(item)));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    return decodeControl(items);
  };

  /** The state item sorts first, so pages that follow it are at least as new as its revision. */
  const currentRevision = async (): Promise<number> => {
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        ConsistentRead: true,
        Key: { pk: { S: STATE_KEY.pk }, sk: { S: STATE_KEY.sk } },
        ProjectionExpression: 'revision',
      }),
    );
    return Number(Item?.['revision']?.N ?? 0);
  };

  return {
    async read() {
      if (kept !== undefined) {
        const revision = await currentRevision();
        if (revision === kept.revision) return kept;
      }
      const control = await readAll();
      const large = control.holds.size + control.tombstones.size >= CACHE_FROM;
      // A Query is no snapshot: what changed while it ran is not worth keeping.
      kept = large && control.revision === (await currentRevision()) ? control : undefined;
      return control;
    },
  };
}
