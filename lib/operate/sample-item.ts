import { itemBytes } from '../dynamodb/item-size';
import { encodeItem, isoTime, type OutboxEvent, type OutboxItem } from '../event/item';
import { positionOfVersion } from '../event/position';
import { usualMarks } from '../event/receipt';
import { uuidV7 } from '../event/uuid';

/** Everything that decides the size of an item. */
export interface SampleShape {
  readonly aggregate: string;
  readonly source: string;
  readonly keyBytes: number;
  readonly hasVersions: boolean;
  readonly events: number;
  readonly event: Pick<OutboxEvent, 'type' | 'topic' | 'contentType' | 'dataSchema'>;
  readonly dataBytes: number;
}

const COMMITTED_AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export function sampleItem({ aggregate, source, keyBytes, hasVersions, events, event, dataBytes }: SampleShape): {
  readonly item: OutboxItem;
  /** Size as committed, and size with the marks of the relay. */
  readonly bytes: number;
  readonly markedBytes: number;
} {
  const key = 'k'.repeat(keyBytes);
  const id = uuidV7(COMMITTED_AT);
  const whole: OutboxEvent = { ...event, id, time: isoTime(COMMITTED_AT), data: 'x'.repeat(dataBytes) };
  const item: OutboxItem = {
    aggregate,
    key,
    pk: `${aggregate}#${key}`,
    sk: hasVersions ? positionOfVersion(1) : id,
    id,
    events: Array.from({ length: events }, () => whole),
    source,
    region: 'eu-central-1',
    committedAt: COMMITTED_AT,
  };
  const encoded = encodeItem(item);
  const marks = usualMarks(item.events.map(({ topic }) => topic));
  return { item, bytes: itemBytes(encoded), markedBytes: itemBytes({ ...encoded, ...marks }) };
}
