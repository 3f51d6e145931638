import { partitionName } from '../../event/topic-partition';
import type { RecordMetadata } from 'kafkajs';
import type { PartitionAnswer } from './partition-answers';
import type { PartitionBatch } from '../ports';

/** kafkajs resolved a send without writing these partitions: it does so if a leader moves between its retries. */
export class KafkaAnswerIncomplete extends Error {
  override readonly name = 'KafkaAnswerIncomplete';

  readonly partitions: readonly string[];

  constructor(partitions: readonly string[]) {
    super(`The send resolved, but the brokers' response has no offset for ${partitions.join(', ')}.`);
    this.partitions = partitions;
  }
}

/** A partition to which nothing was sent, because the brokers' metadata shows no leader. */
export class PartitionWithoutLeader extends Error {
  override readonly name = 'PartitionWithoutLeader';
  /** The protocol error with the same meaning. */
  readonly type = 'LEADER_NOT_AVAILABLE';

  constructor(partition: string) {
    super(`Partition ${partition} has no leader.`);
  }
}

/**
 * The first offset of each batch, if the brokers' answer names one; other batches are not proven to be written. A
 * partition that is named twice was written twice: the lower offset is its first delivery.
 */
export function acknowledgedOffsets(
  batches: readonly PartitionBatch[],
  answer: readonly RecordMetadata[],
): Map<PartitionBatch, bigint> {
  const offsets = new Map<string, bigint>();
  for (const { topicName: topic, partition, errorCode, baseOffset } of answer) {
    if (errorCode !== 0 || baseOffset === undefined || !/^\d+$/.test(baseOffset)) continue;
    const name = partitionName({ topic, partition });
    const offset = BigInt(baseOffset);
    const known = offsets.get(name);
    if (known === undefined || offset < known) offsets.set(name, offset);
  }
  const acknowledged = new Map<PartitionBatch, bigint>();
  for (const batch of batches) {
    const offset = offsets.get(partitionName(batch));
    if (offset !== undefined) acknowledged.set(batch, offset);
  }
  return acknowledged;
}

/** The errors that brokers returned instead of an offset, by partition. */
export function answeredErrors(answer: readonly RecordMetadata[]): Map<string, unknown> {
  const errors = new Map<string, unknown>();
  for (const { topicName: topic, partition, error } of answer as readonly (RecordMetadata &
    Partial<PartitionAnswer>)[]) {
    if (error !== undefined) errors.set(partitionName({ topic, partition }), error);
  }
  return errors;
}
