import {
  BatchGetItemCommand,
  TransactGetItemsCommand,
  TransactionCanceledException,
  QueryCommand,
  type AttributeValue,
  type DynamoDBClient,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { Image } from '../../event/item';
import { isOpen, itemStateOf } from '../../event/item-state';
import { isSignalKey } from '../../event/signal';
import { backoffMs, type Sleep } from '../backoff';
import { forEachKey } from '../key-work';
import { positionKey, type KeyReader, type Position, type StoredItem } from '../ports';

/** Mostly the item before is processed, and it tells. */
const FIRST_LOOK = 2;
const FURTHER_LOOKS = 200;
const PAGE = 100;
/** BatchGetItem and TransactGetItems take at most 100 keys. */
const KEYS_PER_CALL = 100;
const ATTEMPTS = 6;
const STATE = {
  ProjectionExpression: 'pk, sk, id, #region, processedAt, discarded, parked',
  ExpressionAttributeNames: { '#region': 'region' },
};
/** Reasons of a cancelled TransactGetItems that pass by themselves. */
const TRANSIENT: ReadonlySet<string> = new Set(['ThrottlingError', 'ProvisionedThroughputExceeded']);

type Key = Record<string, AttributeValue>;

/** Reads the items of one key, strongly consistent, page by page. */
export function keyReader(client: DynamoDBClient, tableName: string, sleep: Sleep): KeyReader {
  async function* query(
    input: Omit<QueryCommandInput, 'TableName' | 'ConsistentRead'>,
    limits: { readonly first: number; readonly further: number },
  ): AsyncGenerator<readonly Image[]> {
    let after: Key | undefined;
    let limit = limits.first;
    do {
      const { Items, LastEvaluatedKey } = await client.send(
        new QueryCommand({
          ...input,
          TableName: tableName,
          ConsistentRead: true,
          Limit: limit,
          ExclusiveStartKey: after,
        }),
      );
      // The SDK's attribute values are what a stream's image is made of.
      const items = (Items ?? []) as Image[];
      yield items.filter((image) => !isSignalKey(image['sk']?.S ?? ''));
      after = LastEvaluatedKey;
      limit = limits.further;
    } while (after !== undefined);
  }

  const readTogether = async (keys: readonly Key[]): Promise<readonly Image[]> => {
    const found: Image[] = [];
    let open: Key[] = [...keys];
    for (let attempt = 0; open.length > 0;) {
      if (attempt === ATTEMPTS) throw new Error(`DynamoDB left ${open.length} keys of a BatchGetItem unread.`);
      if (attempt > 0) await sleep(backoffMs(attempt));
      const asked = open.length;
      const { Responses, UnprocessedKeys } = await client.send(
        new BatchGetItemCommand({
          RequestItems: {
            [tableName]: { Keys: open, ConsistentRead: true, ...STATE },
          },
        }),
      );
      found.push(...((Responses?.[tableName] ?? []) as Image[]));
      open = UnprocessedKeys?.[tableName]?.Keys ?? [];
      // A response holds 16 MB: large items come in several, and only a call that reads nothing was throttled.
      attempt = open.length < asked ? 0 : attempt + 1;
    }
    return found;
  };

  /** Reads what no unfinished transaction is about to write, and returns the others as `unfinished`. */
  const readTransacted = async (
    keys: readonly Key[],
  ): Promise<{ readonly found: readonly Image[]; readonly unfinished: readonly Key[] }> => {
    const unfinished: Key[] = [];
    let open = [...keys];
    for (let attempt = 0; open.length > 0; attempt++) {
      if (attempt === ATTEMPTS) throw new Error(`DynamoDB refused a TransactGetItems of ${open.length} keys.`);
      if (attempt > 0) await sleep(backoffMs(attempt));
      try {
        const { Responses } = await client.send(
          new TransactGetItemsCommand({
            TransactItems: open.map((Key) => ({ Get: { TableName: tableName, Key, ...STATE } })),
          }),
        );
        return {
          found: (Responses ?? []).flatMap(({ Item }) => (Item === undefined ? [] : [Item as Image])),
          unfinished,
        };
      } catch (error) {
        if (!(error instanceof TransactionCanceledException)) throw error;
        const codes = (error.CancellationReasons ?? []).map(({ Code }) => Code ?? 'None');
        const isConflict = (at: number): boolean => codes[at] === 'TransactionConflict';
        if (!open.some((_, at) => isConflict(at)) && !codes.some((code) => TRANSIENT.has(code))) throw error;
        unfinished.push(...open.filter((_, at) => isConflict(at)));
        open = open.filter((_, at) => !isConflict(at));
      }
    }
    return { found: [], unfinished };
  };

  const storedOf = (images: readonly Image[]): [string, StoredItem][] =>
    images.map((image) => [
      positionOf(image),
      { state: itemStateOf(image).state, id: image['id']?.S, region: image['region']?.S },
    ]);

  /** The keys of these positions, each once, by what one call takes. */
  const callsOf = (positions: readonly Position[]): Key[][] => {
    const keys = [
      ...new Map(positions.map(({ pk, sk }) => [positionKey(pk, sk), { pk: { S: pk }, sk: { S: sk } }])).values(),
    ];
    return Array.from({ length: Math.ceil(keys.length / KEYS_PER_CALL) }, (_, at) =>
      keys.slice(at * KEYS_PER_CALL, (at + 1) * KEYS_PER_CALL),
    );
  };

  return {
    async earliestOpen(pk, upTo) {
      let earliest: string | undefined;
      const back = query(
        {
          KeyConditionExpression: 'pk = :pk AND sk <= :upTo',
          ExpressionAttributeValues: { ':pk': { S: pk }, ':upTo': { S: upTo } },
          ProjectionExpression: 'pk, sk, processedAt, discarded, parked',
          ScanIndexForward: false,
        },
        { first: FIRST_LOOK, further: FURTHER_LOOKS },
      );
      for await (const page of back) {
        for (const image of page) {
          const { state } = itemStateOf(image);
          if (state === 'processed') return earliest;
          if (isOpen(state)) earliest = image['sk']?.S;
        }
      }
      return earliest;
    },

    pages: (pk, from) =>
      query(
        {
          KeyConditionExpression: 'pk = :pk AND sk >= :from',
          ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: from } },
        },
        { first: PAGE, further: PAGE },
      ),

    async lookUp(positions) {
      const stored = new Map<string, StoredItem>();
      await forEachKey(callsOf(positions), async (keys) => {
        for (const [position, item] of storedOf(await readTogether(keys))) stored.set(position, item);
      });
      return stored;
    },

    async lookUpTransacted(positions) {
      const stored = new Map<string, StoredItem>();
      const unfinished = new Set<string>();
      await forEachKey(callsOf(positions), async (keys) => {
        const read = await readTransacted(keys);
        for (const [position, item] of storedOf(read.found)) stored.set(position, item);
        for (const key of read.unfinished) unfinished.add(positionOf(key));
      });
      return { stored, unfinished };
    },
  };
}

const positionOf = ({ pk, sk }: Readonly<Record<string, { readonly S?: string }>>): string =>
  positionKey(pk?.S ?? '', sk?.S ?? '');
