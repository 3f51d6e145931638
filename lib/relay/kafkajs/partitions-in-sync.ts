import type { PartitionMetadata } from 'kafkajs';
import { classify } from './classify-error';
import { concernsTopic } from '../ports';
import type { KafkaProducers } from './producers';

/** Enough topics to find a partition in sync, and few enough to ask for all in time. */
const MAX_TOPICS = 20;

/**
 * Whether fresh metadata show a partition in sync other than `partition` of `topic`: first of the same topic, then of
 * `others`. Opens a new connection, because only one that knows no topic yet asks the brokers for each topic. Rejects
 * if no broker answers.
 */
export async function anyOtherInSync(
  producers: KafkaProducers,
  topic: string,
  partition: number,
  others: Iterable<string>,
): Promise<boolean> {
  const session = await producers.open(producers.newBudget(), topic);
  try {
    for (const name of [...new Set([topic, ...others])].slice(0, MAX_TOPICS)) {
      const metadata = await session.lookUp(name).catch(noneIfRefused);
      if (metadata.some((other) => isInSync(other) && !(name === topic && other.partitionId === partition)))
        return true;
    }
    return false;
  } finally {
    void session.discard();
  }
}

/** A topic deleted meanwhile proves nothing about the others. If the brokers do not answer, the search ends. */
function noneIfRefused(error: unknown): readonly PartitionMetadata[] {
  if (concernsTopic(classify(error))) return [];
  throw error;
}

/**
 * Does not require all replicas: while one of three brokers is down, no partition has all of them, and the cluster
 * works. With two of three down, every leader is alone.
 */
const isInSync = ({ leader, replicas, isr }: PartitionMetadata): boolean =>
  leader >= 0 && isr.length >= Math.min(2, replicas.length);
