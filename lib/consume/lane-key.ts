import { aggregateIn, inboxKeyText } from './inbox-keys';
import { headerText, type ConsumedRecord } from './record';

/**
 * Names the lane of a message by the unit of order: topic, source, aggregate and key, whatever the partition. For
 * messages without a key, the partition takes the place of the key.
 */
export function laneKey(record: Pick<ConsumedRecord, 'topic' | 'partition' | 'key' | 'headers'>): string {
  const { topic, partition, key } = record;
  const source = headerText(record, 'ce_source') ?? '';
  return inboxKeyText({
    topic,
    source,
    key: key?.toString('latin1') ?? '',
    ...aggregateIn(source, headerText(record, 'ce_aggregate')),
    ...(key === null ? { partition } : {}),
  });
}
