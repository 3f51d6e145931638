import { requireOption } from '../options/invalid-option';
import { MAX_MESSAGE_BYTES, maxMessageBytesOf } from './message-size';

/** Quotas of MSK Serverless; the first two apply to a cluster. */
const PARTITIONS = 2_400;
const COMPACTED_PARTITIONS = 120;
const MESSAGE_BYTES = 8 * 1024 * 1024;

export interface SizedTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
}

/** @throws OutboxError `invalid-option` for topics that no MSK Serverless cluster could hold, even without others. */
export function checkServerlessQuotas(topics: readonly SizedTopic[]): void {
  const compacted = topics.filter(({ configs }) => configs['cleanup.policy']?.includes('compact') === true);
  checkPartitions(topics, PARTITIONS, 'partitions');
  checkPartitions(compacted, COMPACTED_PARTITIONS, 'partitions of compacted topics');
  for (const topic of topics) {
    const bytes = maxMessageBytesOf(topic);
    requireOption(
      bytes === undefined || bytes <= MESSAGE_BYTES,
      `topics["${topic.topic}"].configs["${MAX_MESSAGE_BYTES}"]`,
      bytes,
      `at most ${MESSAGE_BYTES}`,
      'MSK Serverless takes messages of up to 8 MiB. Send a reference to the data, or use OutboxCluster.express.',
    );
  }
}

function checkPartitions(topics: readonly SizedTopic[], quota: number, what: string): void {
  const partitions = topics.reduce((sum, topic) => sum + topic.partitions, 0);
  requireOption(
    partitions <= quota,
    'topics',
    `${topics.length} topics with ${partitions} partitions`,
    `at most ${quota} ${what} together`,
    'That is the quota of a cluster of MSK Serverless. Lower their partitions, or use OutboxCluster.express.',
  );
}
