import {
  ConditionalCheckFailedException,
  GetItemCommand,
  UpdateItemCommand,
  type AttributeValue,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { decodeControl, STATE_KEY, type Control } from '../../event/control';
import { CONTROL_PARTITION } from '../../event/key';
import { partitionPages } from './pages';
import type { Clock, ControlStore } from '../ports';

/** From this many holds and tombstones on, asking whether anything changed is cheaper than reading it all again. */
const CACHE_FROM = 25;

/**
 * DynamoDB commits a transaction item by item, so a Query may see the new revision and not yet the hold that was written
 * with it. What a Query reads is complete for its revision if that revision was visible this long before it began.
 */
const COMMITTED_AFTER_MS = 10_000;

/**
 * Reads the control partition, strongly consistent: with one Query while it is small (one read unit up to 4 KB). A
 * large one is kept, and read again only when its revision has changed, which every write to it raises in the same
 * transaction. It is kept only when its revision had been visible for some seconds before it was read.
 */
export function controlStore(client: DynamoDBClient, tableName: string, clock: Clock): ControlStore {
  let kept: Control | undefined;
  /** When this process first saw the revision that it saw last. */
  let seen: { readonly revision: number; readonly at: number } | undefined;

  const isOldRevision = (revision: number, before: number): boolean => {
    if (seen?.revision !== revision) seen = { revision, at: clock.now() };
    return before - seen.at >= COMMITTED_AFTER_MS;
  };

  const readAll = async (): Promise<Control> => {
    const items: Record<string, unknown>[] = [];
    for await (const page of partitionPages(client, tableName, CONTROL_PARTITION)) {
      items.push(...page.map((item) => unmarshall(item)));
    }
    return decodeControl(items);
  };

  /** The state item sorts first, so pages that follow it are at least as new as its revision. */
  const readState = async (): Promise<Control> => {
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        ConsistentRead: true,
        Key: marshall(STATE_KEY),
        ProjectionExpression: 'sk, revision, retriedAt',
      }),
    );
    return decodeControl(Item === undefined ? [] : [unmarshall(Item)]);
  };

  return {
    async read() {
      if (kept !== undefined) {
        const { revision, retriedAt } = await readState();
        if (revision === kept.revision) return { ...kept, retriedAt };
      }
      const began = clock.now();
      const control = await readAll();
      const large = control.holds.size + control.tombstones.size >= CACHE_FROM;
      // What a later page shows of a transaction that came meanwhile does no harm: its revision ends the cache.
      kept = isOldRevision(control.revision, began) && large ? control : undefined;
      return control;
    },

    async claim(owner) {
      try {
        await client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall(STATE_KEY),
            UpdateExpression: 'SET #owner = :owner ADD revision :one',
            ConditionExpression: 'attribute_not_exists(#owner) OR #owner = :owner',
            ExpressionAttributeNames: { '#owner': 'owner' },
            ExpressionAttributeValues: { ':owner': { S: owner }, ':one': { N: '1' } },
          }),
        );
        return owner;
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
      return (await this.read()).owner;
    },

    async noteRetry() {
      // Without a new revision: the holds are as they were, and what others keep of them stays true.
      await client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: marshall(STATE_KEY),
          UpdateExpression: 'SET retriedAt = :now',
          ExpressionAttributeValues: { ':now': { N: String(clock.now()) } },
        }),
      );
    },

    async noteStream(known, streamArn) {
      const doubts = known.streamArn !== undefined;
      const values: Record<string, AttributeValue> = { ':new': { S: streamArn }, ':one': { N: '1' } };
      if (known.streamArn !== undefined) {
        values[':known'] = { S: known.streamArn };
        values[':now'] = { N: String(clock.now()) };
      }
      try {
        const { Attributes } = await client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall(STATE_KEY),
            UpdateExpression: `SET streamArn = :new${doubts ? ', doubtSince = :now' : ''} ADD revision :one`,
            ConditionExpression: doubts ? 'streamArn = :known' : 'attribute_not_exists(streamArn)',
            ExpressionAttributeValues: values,
            ReturnValues: 'ALL_NEW',
          }),
        );
        return stateOf(decodeControl([unmarshall(Attributes ?? {})]));
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
      const now = await this.read();
      if (now.streamArn === streamArn) return stateOf(now);
      throw new Error(
        `The relay was invoked by ${streamArn}, while another one has just noted ${now.streamArn ?? 'no stream'}: two event source mappings read this table.`,
      );
    },
  };
}

/** Without holds and tombstones: of those the state item knows nothing, and the caller has read them. */
const stateOf = ({ streamArn, doubtSince }: Control): Pick<Control, 'streamArn' | 'doubtSince'> => ({
  streamArn,
  doubtSince,
});
