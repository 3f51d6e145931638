import type { TransactionAction } from '../../event/transaction';
import { encodePlace, parkedKeyItem, parkedRecord, type DynamoDbInboxOptions } from './inbox';
import {
  answersPartition,
  inboxPartitionKey,
  markerSortKey,
  requestsPartition,
  RESEND_SORT_KEY,
  resendPartition,
  sourceKeyOf,
} from '../inbox-keys';
import type { RequestStore } from '../ports';
import { ANSWER_LIFE_MS, decodeRequest, encodeRequest, type ParkingRequest } from '../request';

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
  const taken = (id: string): TransactionAction => ({ Delete: { TableName: tableName, Key: messageKey(id) } });
  const asksStill = ({ asks }: ParkingRequest) => ({
    ConditionExpression: 'asks = :asks',
    ExpressionAttributeValues: { ':asks': asks },
  });
  return {
    async *waiting() {
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
    resend: (id) => recordAt(messageKey(id)),
    parkedAt: (key, position) => recordAt({ pk: inboxPartitionKey(consumer, key), sk: position }),
    async parking(key) {
      const { pk: listed, sk } = parkedKeyItem(consumer, key);
      const { Item } = await client.get({ TableName: tableName, Key: { pk: listed, sk }, ConsistentRead: true });
      return Item === undefined ? undefined : { why: String(Item['why']), since: Number(String(Item['since'])) };
    },
    replaced: (known, next) => ({
      Put: {
        TableName: tableName,
        Item: encodeRequest(pk, next),
        ...asksStill(known),
      },
    }),
    taken,
    answered: (known, answer) => [
      ...(known.asks === 'resend' || known.asks === 'resent' ? [taken(known.id)] : []),
      {
        Delete: {
          TableName: tableName,
          Key: { pk, sk: known.id },
          ...asksStill(known),
        },
      },
      put({
        ...encodeRequest(answersPartition(consumer), answer),
        expiresAt: Math.ceil((clock.now() + ANSWER_LIFE_MS) / 1000),
      }),
    ],
    refused: (key, parking) => ({
      Put: {
        TableName: tableName,
        Item: { ...parkedKeyItem(consumer, key), ...parking },
        ConditionExpression: 'attribute_exists(pk)',
      },
    }),
    // Without an expiry: this marker keeps the event from being applied when it is delivered again.
    discarded: (key, { record, id, why }, request) =>
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
