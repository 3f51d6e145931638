import type { Message } from '../../event/message';
import type { PartitionBatch } from '../ports';

/** A partition in the brokers' metadata. */
export interface PartitionState {
  readonly partitionId: number;
  /** Node id of the leader; -1 without one. */
  readonly leader: number;
  /** Node ids of all replicas, and of those in sync. */
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** Why a batch is not proven to be written. */
export interface SendFailure {
  readonly error: unknown;
  /** Whether it is the partition's own: a broker reported it for this partition, or there is no leader. */
  readonly isOwn: boolean;
  readonly leader?: number;
}

/** Result of one send: the first offset of each batch proven to be written, and a failure for each other. */
export interface SendResult {
  readonly offsets: ReadonlyMap<PartitionBatch, bigint>;
  readonly failures: ReadonlyMap<PartitionBatch, SendFailure>;
  /** Set if the session must no longer be used, for any partition. */
  readonly spentBy?: unknown;
}

/**
 * One idempotent producer of a Kafka client, connected, until its first failure. A failure that a broker reported for
 * one partition ends the session for that partition only, because a producer counts its sequence numbers by partition.
 * After any other failure only `discard` may be called.
 */
export interface ProducerSession {
  /** Milliseconds since a broker last answered. */
  idleMs(): number;
  /** Whether the brokers soon end the connections, because the login expires. Without this method, they never do. */
  isExpiring?(): boolean;
  /** Whether a refusal of a topic can only concern `topic`. */
  knowsNoOther(topic: string): boolean;
  /** Whether the session requests the metadata of `topic` for as long as it lives, and fails if the topic is deleted. */
  knows(topic: string): boolean;
  /** The number of partitions, if the session has metadata that are young enough. */
  knownPartitions(topic: string): number | undefined;
  /** Requests the partitions of a topic. Rejects within its time limit; the session survives a refused topic. */
  lookUp(topic: string): Promise<readonly PartitionState[]>;
  /** The error because of which this session must not be used for a partition, if any. */
  failureOf(batch: PartitionBatch): { readonly error: unknown } | undefined;
  /**
   * Sends the batches in one request per leader, so that the result of one broker does not depend on the others. Never
   * rejects; takes at most `timeouts` request timeouts.
   */
  send(batches: readonly PartitionBatch[], timeouts?: number): Promise<SendResult>;
  /** Ends the connections, those that are being made too. Resolves within its time limit; never rejects. */
  discard(): Promise<void>;
}

/** Request timeouts that one connect may take, so that a silent broker leaves time for the next one. */
export const CONNECT_TIMEOUTS = 1.25;

/**
 * Part of the request timeout that a broker may wait for the replicas of its slowest partition. The broker then returns
 * an error for this partition alone. If the client timed out first, the outcome of every partition would be unknown.
 */
export const BROKER_WAITS = 0.75;

/** Maximum age of a topic's metadata before it is requested again. */
export const METADATA_MAX_AGE_MS = 4 * 60_000;

/** Metadata shows this broker id for a partition without a leader. */
export const NO_LEADER = -1;

/** A broker answered a send without naming these partitions. kafkajs does so if a leader moves between its retries. */
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

/** The result of a send without an answer: it proves nothing, and ends the session. */
export function allFailed(
  batches: readonly PartitionBatch[],
  error: unknown,
  leaderOf: (batch: PartitionBatch) => number | undefined,
): SendResult {
  const failures = new Map<PartitionBatch, SendFailure>();
  for (const batch of batches) failures.set(batch, { error, isOwn: false, leader: leaderOf(batch) });
  return { offsets: new Map(), failures, spentBy: error };
}

/** The part of a message that has the wrong type: the error of a client would look like a fault of the client. */
export function unencodablePart({ key, value, headers }: Message): string | undefined {
  if (!Buffer.isBuffer(key)) return 'key';
  if (value !== null && !Buffer.isBuffer(value)) return 'value';
  for (const name in headers) if (typeof headers[name] !== 'string') return `header "${name}"`;
  return undefined;
}
