import type { TransactionAction } from '../../dynamodb/transaction';
import { encodePlace, parkedKeyItem, parkedRecord, type DynamoDbInboxOptions } from './inbox';
import {
  requestResultsPartition,
  inboxPartitionKey,
  markerSortKey,
  requestsPartition,
  RESEND_SORT_KEY,
  resendPartition,
  sourceKeyOf,
} from '../inbox-keys';
import type { RequestStore } from '../ports';
import { RESULT_LIFE_MS, decodeRequest, encodeRequest, type ConsumerRequest } from '../request';

type Item = Record<string, unknown>;

const PAGE = 100;

/** Reads and changes the requests in a consumer's table. */
export function dynamodbRequests({
  client,
  tableName,
  consumer,
  clock,
}: Omit<DynamoDbInboxOptions, 'markerLifeMs'>): RequestStore {
  const pk = requestsPartition(consumer);
  const put = (Item: Item): TransactionAction => ({ Put: { TableName: tableName, Item } });
  const recordAt = async (Key: Item) => {
    const { Item } = await client.get({ TableName: tableName, Key, ConsistentRead: true });
    return Item === undefined ? undefined : parkedRecord(Item);
  };
  const messageKey = (id: string): Item => ({ pk: resendPartition(consumer, id), sk: RESEND_SORT_KEY });
  const removeResentMessage = (id: string): TransactionAction => ({
    Delete: { TableName: tableName, Key: messageKey(id) },
  });
  const asksStill = ({ asks }: ConsumerRequest) => ({
    ConditionExpression: 'asks = :asks',
    ExpressionAttributeValues: { ':asks': asks },
  });
  return {
    async *pending() {
      let from: Item | undefined;
      do {
        const page = await client.query({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': pk },
          // Half the price, and each request is read again before it is carried out.
          ConsistentRead: false,
          Limit: PAGE,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        });
        for (const item of page.Items ?? []) yield decodeRequest(item) ?? { unknown: String(item['sk']) };
        from = page.LastEvaluatedKey;
      } while (from !== undefined);
    },
    async read(id) {
      const { Item } = await client.get({ TableName: tableName, Key: { pk, sk: id }, ConsistentRead: true });
      return Item === undefined ? undefined : decodeRequest(Item);
    },
    resentMessage: (id) => recordAt(messageKey(id)),
    parkedAt: (key, position) => recordAt({ pk: inboxPartitionKey(consumer, key), sk: position }),
    async parkedReason(key) {
      const { pk: listed, sk } = parkedKeyItem(consumer, key);
      const { Item } = await client.get({ TableName: tableName, Key: { pk: listed, sk }, ConsistentRead: true });
      return Item === undefined ? undefined : { why: String(Item['why']), since: Number(String(Item['since'])) };
    },
    replace: (known, next) => ({
      Put: {
        TableName: tableName,
        Item: encodeRequest(pk, next),
        ...asksStill(known),
      },
    }),
    removeResentMessage,
    complete: (known, result) => [
      ...(known.asks === 'resend' || known.asks === 'resent' ? [removeResentMessage(known.id)] : []),
      {
        Delete: {
          TableName: tableName,
          Key: { pk, sk: known.id },
          ...asksStill(known),
        },
      },
      put({
        ...encodeRequest(requestResultsPartition(consumer), result),
        expiresAt: Math.ceil((clock.now() + RESULT_LIFE_MS) / 1000),
      }),
    ],
    updateParkedReason: (key, parking) => ({
      Put: {
        TableName: tableName,
        Item: { ...parkedKeyItem(consumer, key), ...parking },
        ConditionExpression: 'attribute_exists(pk)',
      },
    }),
    // Without an expiry: this marker keeps the event from being applied when it is delivered again.
    discard: (key, { record, id, why }, request) =>
      put({
        pk: inboxPartitionKey(consumer, sourceKeyOf(key)),
        sk: markerSortKey(id),
        ...encodePlace(record),
        eventId: id,
        why,
        discarded: { ...request },
      }),
  };
}
