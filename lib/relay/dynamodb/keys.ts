import {
  BatchGetItemCommand,
  QueryCommand,
  type AttributeValue,
  type DynamoDBClient,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Image } from '../../event/item';
import { isOpen, itemStateOf, type ItemStateName } from '../../event/item-state';
import { isSignalKey } from '../../event/signal';
import { backoffMs, type Sleep } from '../backoff';
import type { KeyReader } from '../ports';

/** Mostly the item before is processed, and the first few tell. */
const FIRST_LOOK = 8;
const FURTHER_LOOKS = 200;
const PAGE = 100;
/** BatchGetItem takes at most 100 keys. */
const KEYS_PER_CALL = 100;
const ATTEMPTS = 6;

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

  const statesOf = async (keys: readonly Key[]): Promise<readonly Image[]> => {
    const found: Image[] = [];
    let open: Key[] = [...keys];
    for (let attempt = 0; open.length > 0; attempt++) {
      if (attempt === ATTEMPTS) throw new Error(`DynamoDB left ${open.length} keys of a BatchGetItem unread.`);
      if (attempt > 0) await sleep(backoffMs(attempt));
      const { Responses, UnprocessedKeys } = await client.send(
        new BatchGetItemCommand({
          RequestItems: {
            [tableName]: {
              Keys: open,
              ConsistentRead: true,
              ProjectionExpression: 'pk, sk, processedAt, discarded, parked',
            },
          },
        }),
      );
      found.push(...((Responses?.[tableName] ?? []) as Image[]));
      open = UnprocessedKeys?.[tableName]?.Keys ?? [];
    }
    return found;
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

    async states(positions) {
      const distinct = new Map(positions.map(({ pk, sk }) => [`${pk}\n${sk}`, marshall({ pk, sk })]));
      const keys = [...distinct.values()];
      const states = new Map<string, ItemStateName>();
      for (let at = 0; at < keys.length; at += KEYS_PER_CALL) {
        for (const image of await statesOf(keys.slice(at, at + KEYS_PER_CALL))) {
          states.set(`${image['pk']?.S ?? ''}\n${image['sk']?.S ?? ''}`, itemStateOf(image).state);
        }
      }
      return states;
    },
  };
}
