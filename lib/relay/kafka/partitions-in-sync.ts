import type { PartitionMetadata } from 'kafkajs';
import { classify, concernsTopic } from '../classify';
import type { KafkaProducers } from './producers';

/** Enough to find one, few enough to be asked in time. */
const MAX_TOPICS = 20;

/**
 * Whether fresh metadata show a partition in sync that is not `partition` of `topic`: of the same topic first, then of
 * `others`. Only a connection that knows no topic asks the brokers for each one, so it makes one. Rejects when no broker
 * answers.
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

/** A topic that was deleted since says nothing of the others; brokers that do not answer are asked no more. */
function noneIfRefused(error: unknown): readonly PartitionMetadata[] {
  if (concernsTopic(classify(error))) return [];
  throw error;
}

/**
 * Not all replicas: while one broker is away, no partition of a cluster of three has them, and the cluster works. With
 * two of three away the leader stands alone everywhere.
 */
const isInSync = ({ leader, replicas, isr }: PartitionMetadata): boolean =>
  leader >= 0 && isr.length >= Math.min(2, replicas.length);
