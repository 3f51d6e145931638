import type { TableItem } from '../client';
import { actionsOn, encodePlace, EXISTS, itemsOf, parkedKeyItem, parkedRecord, type ReadableInbox } from './inbox';
import {
  requestResultsPartition,
  inboxPartitionKey,
  markerSortKey,
  requestsPartition,
  RESEND_SORT_KEY,
  resendPartition,
  sourceKeyOf,
} from '../inbox-keys';
import type { ConsumerClock, RequestStore } from '../ports';
import { decodeRequest, encodeRequest, expiryOf, type ConsumerRequest } from '../request';

export function dynamodbRequests(table: ReadableInbox & { readonly clock: ConsumerClock }): RequestStore {
  const { client, tableName, consumer, clock } = table;
  const pk = requestsPartition(consumer);
  const { put, remove } = actionsOn(tableName);
  const itemAt = async (Key: TableItem): Promise<TableItem | undefined> =>
    (await client.get({ TableName: tableName, Key, ConsistentRead: true })).Item;
  const recordAt = async (Key: TableItem) => {
    const item = await itemAt(Key);
    return item === undefined ? undefined : parkedRecord(item);
  };
  const messageKey = (id: string) => ({ pk: resendPartition(consumer, id), sk: RESEND_SORT_KEY });
  const removeResentMessage = (id: string) => remove(messageKey(id));
  const asksStill = ({ asks }: ConsumerRequest) => ({
    ConditionExpression: 'asks = :asks',
    ExpressionAttributeValues: { ':asks': asks },
  });
  return {
    async *pending() {
      // Eventually consistent for half the price: each request is read again before it is carried out.
      for await (const item of itemsOf(client, tableName, pk, { ConsistentRead: false })) {
        yield decodeRequest(item) ?? { unknown: String(item['sk']) };
      }
    },
    async read(id) {
      const item = await itemAt({ pk, sk: id });
      return item === undefined ? undefined : decodeRequest(item);
    },
    resentMessage: (id) => recordAt(messageKey(id)),
    parkedAt: (key, position) => recordAt({ pk: inboxPartitionKey(consumer, key), sk: position }),
    async parkedReason(key) {
      const { pk: listed, sk } = parkedKeyItem(consumer, key);
      const item = await itemAt({ pk: listed, sk });
      return item === undefined ? undefined : { why: String(item['why']), parkedAt: Number(String(item['since'])) };
    },
    replace: (known, next) => put(encodeRequest(pk, next), asksStill(known)),
    removeResentMessage,
    complete: (known, result) => [
      ...(known.asks === 'resend' || known.asks === 'resent' ? [removeResentMessage(known.id)] : []),
      remove({ pk, sk: known.id }, asksStill(known)),
      put({ ...encodeRequest(requestResultsPartition(consumer), result), expiresAt: expiryOf(clock.now()) }),
    ],
    updateParkedReason: (key, { why, parkedAt: since }) => put({ ...parkedKeyItem(consumer, key), why, since }, EXISTS),
    // Without an expiry: this marker keeps the event from being applied when it is delivered again.
    discard: (key, { record, id, why }, note) =>
      put({
        pk: inboxPartitionKey(consumer, sourceKeyOf(key)),
        sk: markerSortKey(id),
        ...encodePlace(record),
        eventId: id,
        why,
        discarded: { ...note },
      }),
  };
}
