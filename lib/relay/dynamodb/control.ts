import { UpdateItemCommand, type TransactWriteItem, type UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { ifConditionHolds } from '../../dynamodb/refusals';
import {
  decodeControl,
  encodeHold,
  holdKey,
  stateKey,
  type Control,
  type GapState,
  type Hold,
} from '../../event/control';
import { partitionPages, type OutboxTable } from './pages';
import type { Clock, ControlStore } from '../ports';
import { readItem } from './item';

/** From this many holds and tombstones on, checking the revision is cheaper than reading everything again. */
const CACHE_FROM = 25;

/**
 * DynamoDB commits a transaction item by item, so a Query may see the new revision before the hold that was written
 * with it. A Query's result is complete for its revision if that revision was visible this long before the Query began.
 */
const COMMITTED_AFTER_MS = 10_000;

/**
 * Reads the control partition, strongly consistent: with one Query while it is small (one read unit up to 4 KB). A
 * large one is cached and read again only when its revision changes; every write to it raises the revision in the same
 * transaction. It is cached only if its revision was visible for some seconds before the read.
 */
export function controlStore(table: OutboxTable, clock: Clock = Date): ControlStore {
  const key = stateKey(table.home);
  let kept: Control | undefined;
  /** The latest revision and when this process first saw it. */
  let seen: { readonly revision: number; readonly at: number } | undefined;

  const isOldRevision = (revision: number, before: number): boolean => {
    if (seen?.revision !== revision) seen = { revision, at: clock.now() };
    return before - seen.at >= COMMITTED_AFTER_MS;
  };

  const readAll = async (): Promise<Control> => {
    const items: Record<string, unknown>[] = [];
    for await (const page of partitionPages(table, key.pk)) items.push(...page.items.map((item) => unmarshall(item)));
    return decodeControl(items);
  };

  /** The state item sorts first, so later pages are at least as new as its revision. */
  const readState = async (): Promise<Control> => {
    const item = await readItem(table, key, 'sk, revision, retriedAt');
    return decodeControl(item === undefined ? [] : [unmarshall(item)]);
  };

  const updateState = stateWriter(table);

  return {
    async read() {
      if (kept !== undefined) {
        const { revision, retriedAt } = await readState();
        if (revision === kept.revision) return { ...kept, retriedAt };
      }
      const began = clock.now();
      const control = await readAll();
      const large = control.holds.size + control.tombstones.size >= CACHE_FROM;
      // A later page may show parts of a newer transaction. That is harmless: its revision ends the cache.
      kept = isOldRevision(control.revision, began) && large ? control : undefined;
      return control;
    },

    async claim(owner) {
      const claimed = await updateState({
        UpdateExpression: 'SET #owner = :owner ADD revision :one',
        ConditionExpression: 'attribute_not_exists(#owner) OR #owner = :owner',
        ExpressionAttributeNames: { '#owner': 'owner' },
        ExpressionAttributeValues: { ':owner': { S: owner }, ':one': { N: '1' } },
      });
      return claimed === undefined ? (await this.read()).owner : owner;
    },

    async noteRetry() {
      // Keeps the revision: the holds are unchanged, and other relays' caches stay valid.
      await updateState({
        UpdateExpression: 'SET retriedAt = :now',
        ExpressionAttributeValues: { ':now': { N: String(clock.now()) } },
      });
    },

    async noteStream({ streamArn: known }, streamArn) {
      const noted = await updateState({
        UpdateExpression: `SET streamArn = :new${known === undefined ? '' : ', doubtSince = :now'} ADD revision :one`,
        ConditionExpression: known === undefined ? 'attribute_not_exists(streamArn)' : 'streamArn = :known',
        ExpressionAttributeValues: {
          ':new': { S: streamArn },
          ':one': { N: '1' },
          ...(known === undefined ? {} : { ':known': { S: known }, ':now': { N: String(clock.now()) } }),
        },
        ReturnValues: 'ALL_NEW',
      });
      if (noted !== undefined) return stateOf(noted);
      const now = await this.read();
      if (now.streamArn === streamArn) return stateOf(now);
      throw new Error(
        `The relay was invoked by ${streamArn}, while another relay has just noted ${now.streamArn ?? 'no stream'}: two event source mappings read this table. Keep one mapping, of the table's current stream.`,
      );
    },
  };
}

/** Updates the state item. Returns the new state as far as DynamoDB does; `undefined` if the condition failed. */
export const stateWriter =
  ({ client, tableName, home }: OutboxTable) =>
  async (update: Omit<UpdateItemCommandInput, 'TableName' | 'Key'>): Promise<Control | undefined> => {
    const input = { ...update, TableName: tableName, Key: marshall(stateKey(home)) };
    const updated = await ifConditionHolds(client.send(new UpdateItemCommand(input)));
    return updated && decodeControl([unmarshall(updated.Attributes ?? {})]);
  };

/** Leaves out holds and tombstones: the state item does not contain them, and the caller has read them. */
const stateOf = ({ streamArn, gapSuspectedSince }: Control): GapState => ({ streamArn, gapSuspectedSince });

export async function readHold(table: OutboxTable, pk: string): Promise<Hold | undefined> {
  const item = await readItem(table, holdKey(pk, table.home));
  return item === undefined ? undefined : decodeControl([unmarshall(item)]).holds.get(pk);
}

/** Replaces only the hold that was read: a drain or another relay may have replaced it. */
export const putHold = (
  { tableName, home }: Pick<OutboxTable, 'tableName' | 'home'>,
  hold: Hold,
  known: Hold | undefined,
): TransactWriteItem => ({
  Put: {
    TableName: tableName,
    Item: marshall(encodeHold(hold, home), { removeUndefinedValues: true }),
    ConditionExpression: known === undefined ? 'attribute_not_exists(pk)' : 'revision = :known',
    ExpressionAttributeValues: known && { ':known': { S: known.revision } },
  },
});
