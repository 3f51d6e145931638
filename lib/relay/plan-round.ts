import { messageBytes, type Message } from '../event/message';
import { partitionName, type TopicPartition } from '../event/topic-partition';
import type { BatchItem, ItemContent } from './batch-item';
import { concernsTopic, type Failure, type PartitionBatch, type Poison, type TopicLookup } from './ports';

export interface MessageRef {
  readonly item: BatchItem;
  readonly content: ItemContent;
  /** Index of the message within its item. */
  readonly index: number;
}

/** A partition batch that also knows the source of each message. */
export interface PlannedBatch extends PartitionBatch {
  readonly messageRefs: readonly MessageRef[];
}

export interface Round {
  readonly batches: readonly PlannedBatch[];
  /** Items that cannot be sent as they are, each the first open one of its key. */
  readonly refused: readonly RefusedItem[];
}

export interface RefusedItem {
  readonly item: BatchItem;
  readonly failure: Failure;
  /** Left out when the failure does not concern one partition. */
  readonly partition?: TopicPartition;
}

/** The failure because of which the relay currently sends nothing to a partition, if any. */
export type PartitionOutage = (partition: TopicPartition) => Failure | undefined;

export interface RoundLimits {
  /** Kafka's `max.message.bytes` applies to a partition's whole batch. */
  readonly maxBatchBytes: number;
  /** The limit for one topic, if that topic was seen to accept less. */
  readonly batchBytesOf?: (topic: string) => number;
  /** With several rounds in one invocation, the marks of one round overlap the publishing of the next. */
  readonly maxMessages: number;
}

/**
 * Selects the messages that are sent together, in order. In one round a key sends to one partition only: with two, the
 * first send could fail and the second succeed, and a later event would overtake an earlier one. A message above the
 * limit is sent alone, because only the broker knows whether it accepts it.
 */
export function planRound(
  items: readonly BatchItem[],
  topics: ReadonlyMap<string, TopicLookup>,
  limits: RoundLimits,
  outageOf?: PartitionOutage,
): Round {
  const batches = new Map<string, OpenBatch>();
  const refused: RefusedItem[] = [];
  const targets = new Map<string, string>();
  const closed = new Set<string>();
  const identities = new Set<string>();
  const { maxBatchBytes, batchBytesOf = () => maxBatchBytes } = limits;
  let messages = 0;

  const refuse = (item: BatchItem, failure: Failure, partition?: TopicPartition): void => {
    // The key's messages in this round must be acknowledged before its next item may be parked.
    if (!targets.has(item.pk)) refused.push({ item, failure, partition });
    closed.add(item.pk);
  };

  for (const item of items) {
    if (messages >= limits.maxMessages) break;
    if (item.state !== 'open' || closed.has(item.pk)) continue;
    const { content } = item;
    if (content.kind === 'undecodable') {
      refuse(item, { kind: 'poison', reason: 'undecodable-item', message: content.message });
      continue;
    }
    if (identities.has(item.identity)) continue;
    identities.add(item.identity);
    // Before the item's first message: a later drain publishes the whole item, and would send that one again.
    const unavailable = outageOf === undefined ? undefined : unavailableTarget(content, topics, outageOf);
    if (unavailable !== undefined) {
      refuse(item, unavailable.failure, unavailable.partition);
      continue;
    }
    for (let index = content.receipts.length; index < content.messages.length; index++) {
      const message = content.messages[index];
      if (message === undefined) break;
      const topic = topics.get(message.topic) ?? notLookedUp(message.topic);
      if (topic.kind !== 'topic') {
        refuse(item, topic);
        break;
      }
      const partition = targetOf(message, topic.partitions);
      const target = partitionName(partition);
      const bytes = messageBytes(message);
      const batch = batches.get(target);
      const full = batch !== undefined && (batch.full || batch.bytes + bytes > batchBytesOf(message.topic));
      if (full) batch.full = true;
      if (full || (targets.get(item.pk) ?? target) !== target) {
        closed.add(item.pk);
        break;
      }
      targets.set(item.pk, target);
      messages++;
      const messageRef = { item, content, index };
      if (batch === undefined) {
        batches.set(target, { ...partition, messages: [message], messageRefs: [messageRef], bytes, full: false });
      } else {
        batch.messages.push(message);
        batch.messageRefs.push(messageRef);
        batch.bytes += bytes;
      }
    }
  }
  return { batches: [...batches.values()], refused };
}

export const targetOf = ({ topic, key }: Message, partitions: number): TopicPartition => ({
  topic,
  partition: partitionOf(key, partitions),
});

/** The first unavailable partition among those for which an item still has messages. */
function unavailableTarget(
  { messages, receipts }: ItemContent,
  topics: ReadonlyMap<string, TopicLookup>,
  outageOf: PartitionOutage,
): { readonly partition: TopicPartition; readonly failure: Failure } | undefined {
  for (const message of messages.slice(receipts.length)) {
    const lookup = topics.get(message.topic);
    if (lookup?.kind !== 'topic') continue;
    const partition = targetOf(message, lookup.partitions);
    const failure = outageOf(partition);
    if (failure !== undefined) return { partition, failure };
  }
  return undefined;
}

interface OpenBatch extends PlannedBatch {
  readonly messages: Message[];
  readonly messageRefs: MessageRef[];
  bytes: number;
  /** A message did not fit. Nothing is added after it, so that a key's order does not depend on sizes. */
  full: boolean;
}

const notLookedUp = (topic: string): Failure => ({ kind: 'outage', message: `Topic "${topic}" was not looked up.` });

/**
 * The two halves of a refused batch, to be sent one after the other: repeated halving isolates the refused message.
 * Empty if the refusal is final, because it concerns the topic or a single message.
 */
export function halve(batch: PlannedBatch, failure: Poison): readonly PlannedBatch[] {
  const { messageRefs } = batch;
  if (messageRefs.length === 1 || concernsTopic(failure)) return [];
  const middle = Math.ceil(messageRefs.length / 2);
  return [withMessages(batch, messageRefs.slice(0, middle)), withMessages(batch, messageRefs.slice(middle))];
}

/** The part of a batch whose items may still be sent. */
export const keepOpen = (batch: PlannedBatch, maySend: (item: BatchItem) => boolean): PlannedBatch =>
  withMessages(
    batch,
    batch.messageRefs.filter(({ item }) => maySend(item)),
  );

const withMessages = ({ topic, partition }: PlannedBatch, messageRefs: readonly MessageRef[]): PlannedBatch => ({
  topic,
  partition,
  messageRefs,
  messages: messageRefs.flatMap(({ content, index }) => content.messages.slice(index, index + 1)),
});

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const POSITIVE = 0x7fffffff;

/** The 32-bit murmur2 of Kafka's Java client, as a signed integer. */
export function murmur2(data: Buffer): number {
  const { length } = data;
  const tail = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < tail; at += 4) {
    let word = Math.imul(data.readInt32LE(at), MULTIPLIER);
    word ^= word >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  if (length > tail) hash = Math.imul(hash ^ data.readUIntLE(tail, length - tail), MULTIPLIER);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** Java producers and Kafka Streams choose the same partition, so their topics can be joined with ours. */
export const partitionOf = (key: Buffer, partitions: number): number => (murmur2(key) & POSITIVE) % partitions;
