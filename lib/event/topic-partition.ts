/** One partition of a Kafka topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The name as in Kafka's own tools: `orders-3`. */
export const partitionName = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`;

/** The partition that a key waits for. */
export interface AwaitedPartition extends TopicPartition {
  /** Epoch milliseconds of the last failed send to the partition, as far as the writer of the hold knew. */
  readonly failedAt: number;
}
