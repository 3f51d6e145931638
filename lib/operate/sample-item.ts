import { itemBytes } from '../dynamodb/item-size';
import { encodeItem, isoTime, type OutboxEvent, type OutboxItem } from '../event/item';
import { positionOfVersion } from '../event/position';
import { formatReceipt } from '../event/receipt';
import { uuidV7 } from '../event/uuid';

/** Everything that decides the size of an item. Its topic has fewer than 100 partitions and 10 million messages. */
export interface SampleShape {
  readonly aggregate: string;
  readonly source: string;
  readonly keyBytes: number;
  readonly hasVersions: boolean;
  readonly events: number;
  readonly event: Pick<OutboxEvent, 'type' | 'topic' | 'contentType' | 'dataSchema'>;
  readonly dataBytes: number;
}

/** DynamoDB bills writes by started KB of the item. */
export const WRITE_UNIT_BYTES = 1024;

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
  const marks = {
    processedAt: COMMITTED_AT + 123,
    receipts: item.events.map(({ topic }) => formatReceipt({ topic, partition: 11, offset: 1_000_000n })),
    expiresAt: Math.ceil(COMMITTED_AT / 1000) + 86_401,
  };
  return { item, bytes: itemBytes(encoded), markedBytes: itemBytes({ ...encoded, ...marks }) };
}
