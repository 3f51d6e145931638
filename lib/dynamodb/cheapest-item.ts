import { gzipData, type GzippedData } from '../event/gzipped-data';
import { encodeItem, type OutboxEvent, type OutboxItem } from '../event/item';
import { LIMITS } from '../event/item-rules';
import { usualMarks } from '../event/receipt';
import { itemBytes, itemWriteUnits } from './item-size';

/**
 * Encodes the item with its large data compressed, if that saves a write unit, else as it is: compression that stays
 * within a KB would cost CPU here and in the relay and save nothing.
 *
 * @param aboveBytes - smaller data stays as it is; `undefined` compresses nothing
 */
export function encodeCheapest(item: OutboxItem, aboveBytes: number | undefined): Record<string, unknown> {
  const plain = encodeItem(item);
  if (aboveBytes === undefined) return plain;
  const gzipped = gzipLargeData(item.events, aboveBytes);
  if (gzipped.size === 0) return plain;
  const compressed = encodeItem(item, gzipped);
  const markBytes = itemBytes(usualMarks(item.events.map(({ topic }) => topic)));
  const unitsOf = (bytes: number): number => itemWriteUnits(bytes, bytes + markBytes);
  return unitsOf(itemBytes(compressed)) < unitsOf(itemBytes(plain)) ? compressed : plain;
}

/** The compressed data by index of the event, as far as it is smaller and within the limit for an item. */
function gzipLargeData(events: readonly OutboxEvent[], aboveBytes: number): ReadonlyMap<number, GzippedData> {
  const gzipped = new Map<number, GzippedData>();
  let bytes = 0;
  for (const [index, { data }] of events.entries()) {
    if (data === undefined) continue;
    const size = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
    if (size <= aboveBytes || bytes + size > LIMITS.gunzippedBytes) continue;
    const each = gzipData(data);
    if (itemBytes({ data: each }) >= itemBytes({ data })) continue;
    gzipped.set(index, each);
    bytes += size;
  }
  return gzipped;
}
