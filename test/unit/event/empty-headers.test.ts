import { decodeItem, encodeItem } from '../../../lib/event/item';
import { anItem, imageOf, streamImageOf } from '../../builders/items';

test('an event with an empty map of headers is read as one without headers', () => {
  const image = imageOf(anItem());
  const [event] = image['events']?.L ?? [];
  const written = { ...image, events: { L: [{ M: { ...event?.M, headers: { M: {} } } }] } };
  const item = decodeItem(written);
  expect(item.events[0]?.headers).toBeUndefined();
  expect(decodeItem(streamImageOf(encodeItem(item)))).toEqual(item);
});
