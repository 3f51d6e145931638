import { decodeItem, encodeItem, type Image } from '../../../lib/event/item';
import { itemStateOf } from '../../../lib/event/item-state';
import { anEvent, anItem, gzippedImageOf, imageOf, streamImageOf } from '../../builders/items';
import { imageFrom } from '../attributes';
import { mutate } from '../mutate';
import { decoded, expectSame, type Target } from '../target';

const events = [
  anEvent({ headers: { tenant: 'a' }, time: '2026-01-02T03:04:05.678Z', dataSchema: 'https://example.com/a' }),
  anEvent({ id: 'second', topic: 'shipments', contentType: 'text/plain', data: 'text' }),
];
const state = {
  processedAt: { N: '1767323045678' },
  receipts: { L: [{ S: 'orders-3@1024' }] },
  parked: { M: { reason: { S: 'message-too-large' }, message: { S: 'x' }, attempts: { N: '2' }, since: { N: '5' } } },
  expiresAt: { N: '1767409446' },
};
/** The stored images of valid items. */
export const ITEM_IMAGES: readonly Image[] = [
  imageOf(anItem()),
  imageOf(anItem({ events, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', causationId: 'c' })),
  gzippedImageOf(anItem({ events: [anEvent({ data: JSON.stringify({ text: 'x'.repeat(2_000) }) })] })),
  { ...imageOf(anItem()), ...state },
];

/** Reading is lenient about the relay's own attributes; an accepted item can be stored and read again. */
export const item: Target = {
  name: 'item',
  input: (random) => mutate(random, random.pick(ITEM_IMAGES)),
  run(input) {
    const image = imageFrom(input);
    itemStateOf(image);
    return decoded(
      () => decodeItem(image),
      'undecodable-item',
      (read) => expectSame('The item that is stored again', decodeItem(streamImageOf(encodeItem(read))), read),
    );
  },
};
