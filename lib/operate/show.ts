import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { Hold } from '../event/control';
import { itemStateOf, type ItemState } from '../event/item-state';
import type { Image } from '../event/item';
import { isSignalKey } from '../event/signal';
import { readHold } from '../relay/dynamodb/control';
import { partitionPages } from '../relay/dynamodb/pages';
import { goneItems, type GoneItem } from './gone';
import { requireKey, type OutboxTarget } from './target';

export interface ShownItem extends ItemState {
  readonly position: string;
  readonly id?: string;
  /** `ce_source` of its events. */
  readonly source?: string;
  /** Epoch milliseconds. */
  readonly committedAt?: number;
  /** One entry for each event. */
  readonly events: readonly { readonly id?: string; readonly type?: string; readonly topic?: string }[];
}

/** The items, hold and signals of a key in the table. */
export interface ShownKey {
  readonly pk: string;
  readonly hold?: Hold;
  /** The item that the key waits for was deleted: the relay does not release the key. */
  readonly gone?: GoneItem;
  /** In the order of their positions. */
  readonly items: readonly ShownItem[];
  /** Signals that the relay has not removed, as they lie in the table. */
  readonly signals: readonly Readonly<Record<string, unknown>>[];
}

/** Reads everything that the table holds of a key, except the events' data. Strongly consistent; reads only. */
export async function show(target: OutboxTarget, pk: string): Promise<ShownKey> {
  // DynamoDB rejects an empty key.
  if (pk === '') requireKey('show', pk);
  const hold = await readHold(target, pk);
  const items: ShownItem[] = [];
  const signals: Record<string, unknown>[] = [];
  for await (const page of partitionPages(target, pk)) {
    for (const image of page.items) {
      if (isSignalKey(image['sk']?.S ?? '')) signals.push(unmarshall(image, { wrapNumbers: plainNumber }));
      else items.push(shownItem(image));
    }
  }
  // A malformed key of a faulty writer is shown as long as the table holds anything of it, even after its release.
  if (hold === undefined && items.length === 0 && signals.length === 0) requireKey('show', pk);
  const gone = hold === undefined ? undefined : (await goneItems(target, [hold])).get(pk);
  return { pk, hold, ...(gone === undefined ? {} : { gone }), items, signals };
}

/** A signal may be written by hand. A number that JavaScript cannot represent stays text, for JSON to show it. */
const plainNumber = (text: string): number | string => {
  const value = Number(text);
  return Number.isSafeInteger(value) || !Number.isInteger(value) ? value : text;
};

function shownItem(image: Image): ShownItem {
  const committedAt = image['committedAt']?.N;
  const list = image['events']?.L ?? [];
  const firstTopic = list[0]?.M?.['topic']?.S;
  return {
    position: image['sk']?.S ?? '',
    id: image['id']?.S,
    source: image['source']?.S,
    committedAt: committedAt === undefined ? undefined : Number(committedAt),
    events: list.map(({ M: event }) => ({
      id: event?.['id']?.S,
      type: event?.['type']?.S,
      topic: event?.['topic']?.S ?? firstTopic,
    })),
    ...itemStateOf(image),
  };
}
