import { marshall } from '@aws-sdk/util-dynamodb';
import { gzipData } from '../../lib/event/gzipped-data';
import { encodeItem, isoTime, type Image, type OutboxEvent, type OutboxItem } from '../../lib/event/item';
import { positionOfVersion } from '../../lib/event/position';
import type { StreamRecord } from '../../lib/relay/record';

const COMMITTED_AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

/** A valid event with the given changes. */
export const anEvent = (change: Partial<OutboxEvent> = {}): OutboxEvent => ({
  id: '019b7ce1-0000-7000-8000-000000000001',
  type: 'order.placed',
  topic: 'orders',
  time: isoTime(COMMITTED_AT),
  contentType: 'application/json',
  data: '{"total":5}',
  ...change,
});

/** A valid item of one event, or of the given events. */
export function anItem(change: Partial<OutboxItem> & { version?: number } = {}): OutboxItem {
  const { version = 1, ...rest } = change;
  const aggregate = rest.aggregate ?? 'order';
  const key = rest.key ?? '42';
  const events = rest.events ?? [anEvent({ id: rest.id ?? `id-${aggregate}-${key}-${version}` })];
  return {
    aggregate,
    key,
    pk: `${aggregate}#${key}`,
    sk: positionOfVersion(version),
    id: events[0]?.id ?? '',
    source: '/shop/order',
    region: 'eu-central-1',
    committedAt: COMMITTED_AT,
    ...rest,
    events,
  };
}

/** The item's attributes as Lambda's stream event contains them. */
export const imageOf = (item: OutboxItem): Image => streamImageOf(encodeItem(item));

/** The same for an item whose data is stored compressed. */
export const gzippedImageOf = (item: OutboxItem): Image =>
  streamImageOf(encodeItem(item, new Map(item.events.map(({ data = '' }, at) => [at, gzipData(data)]))));

/** The attributes of a stored item as Lambda's stream event contains them. */
export const streamImageOf = (encoded: Readonly<Record<string, unknown>>): Image =>
  JSON.parse(
    JSON.stringify(marshall(encoded), function (this: Readonly<Record<string, unknown>>, name, value: unknown) {
      // A Buffer has a JSON form of its own.
      const bytes = this[name];
      return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('base64') : value;
    }),
  ) as Image;

let lastSequence = 0;

/** The stream record of an item's insert. */
export const insertOf = (item: OutboxItem | Image, sequence = ++lastSequence): StreamRecord => {
  const image = 'events' in item && Array.isArray(item.events) ? imageOf(item as OutboxItem) : (item as Image);
  const { pk, sk } = image;
  return {
    eventName: 'INSERT',
    dynamodb: {
      SequenceNumber: String(sequence).padStart(21, '0'),
      Keys: { ...(pk && { pk }), ...(sk && { sk }) },
      NewImage: image,
    },
  };
};
