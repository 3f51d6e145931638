import type { ConsumedRecord } from './record';

/** Names the lane of a message: by topic and key, whatever the partition; all messages without a key of a partition share one. */
export const laneKey = ({ topic, partition, key }: Pick<ConsumedRecord, 'topic' | 'partition' | 'key'>): string =>
  key === null ? `${topic}\n-${partition}` : `${topic}\n+${key.toString('latin1')}`;
