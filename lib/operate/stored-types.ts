import type { Image } from '../event/item';
import { itemStateOf } from '../event/item-state';
import { CONTROL_PARTITION } from '../event/key';
import { isSignalKey } from '../event/signal';
import { projectionOf, scanPages } from '../relay/dynamodb/pages';
import type { StoredType } from '../schema/check';
import type { OutboxTarget } from './target';

/** How {@link countStoredTypes} reports progress. */
export interface StoredTypesOptions {
  /** Called after each page with the number of items scanned so far. */
  readonly onProgress?: (scanned: number) => void;
}

const ATTRIBUTES = ['pk', 'sk', 'events', 'processedAt', 'parked', 'discarded'];

type Counts = Record<'pending' | 'parked' | 'processed', number>;

/**
 * Counts the events in the table by their `ce_type`, which names the version. Reads only; reads the table in full,
 * strongly consistent: a read unit for every 4 KB.
 *
 * Events that were committed before the call are counted. A writer of an old version may still add events afterwards,
 * so count when no such writer runs any more. Discarded items are never published and not counted.
 */
export async function countStoredTypes(
  target: OutboxTarget,
  options: StoredTypesOptions = {},
): Promise<readonly StoredType[]> {
  const { onProgress } = options;
  const counts = new Map<string, Counts>();
  let scanned = 0;
  for await (const page of scanPages(target, { ConsistentRead: true, ...projectionOf(ATTRIBUTES) })) {
    for (const image of page.items) count(counts, image);
    onProgress?.((scanned += page.scanned));
  }
  return [...counts].map(([ceType, each]) => ({ ceType, ...each })).toSorted((a, b) => (a.ceType < b.ceType ? -1 : 1));
}

/** Also counts items that cannot be decoded: they may be fixed and published. */
function count(counts: Map<string, Counts>, image: Image): void {
  if (image['pk']?.S === CONTROL_PARTITION || isSignalKey(image['sk']?.S ?? '')) return;
  const { state } = itemStateOf(image);
  if (state === 'discarded') return;
  for (const { M: event } of image['events']?.L ?? []) {
    const type = event?.['type']?.S;
    if (type === undefined) continue;
    const known = counts.get(type) ?? { pending: 0, parked: 0, processed: 0 };
    counts.set(type, { ...known, [state]: known[state] + 1 });
  }
}
