import { refuseOption } from '../../event/options';
import { partitionName, type TopicPartition } from '../../event/topic-partition';
import {
  KafkaJSNonRetriableError,
  type Consumer as KafkaConsumer,
  type EachBatchPayload,
  type KafkaMessage,
} from 'kafkajs';
import { protocolErrorOf } from '../../kafka/protocol-error';
import { atMost } from '../../timing/wait';
import { AssignedPartition } from '../assigned-partition';
import { BufferedBytes } from '../buffered-bytes';
import type { InFlightMessage } from '../in-flight';
import { queueKeyOf } from '../inbox-keys';
import { KeyQueues, type KeyQueue } from '../key-queues';
import type { DeadLetters } from '../ports';
import { bytesOf, detached, headersByName, type ConsumedRecord } from '../record';
import { goneBetween, PartitionStarts } from './partition-starts';
import type { ConsumerRunOptions } from './run-options';

interface BufferedMessage extends InFlightMessage {
  /** The message is no longer in memory. */
  readonly unbuffer: () => void;
}

/** The part of kafkajs's payload that is used. */
type FetchedBatch = Pick<EachBatchPayload, 'heartbeat' | 'isRunning' | 'isStale'> &
  Partial<Pick<EachBatchPayload, 'resolveOffset'>> & {
    /** `fetchedOffset`: the requested offset, which kafkajs's types lack. */
    readonly batch: EachBatchPayload['batch'] & { readonly fetchedOffset?: string };
  };

/** Takes messages as far as there is room, hands them to the queues of their keys, and commits finished offsets. */
export class Partitions {
  readonly #options: Required<ConsumerRunOptions>;
  readonly #kafkaConsumer: KafkaConsumer;
  readonly #queues: KeyQueues<BufferedMessage>;
  readonly #memory: BufferedBytes;
  readonly #starts: PartitionStarts | undefined;
  readonly #current = new Map<string, AssignedPartition>();
  /** Partitions that no longer read and whose work has not ended: their messages are still in memory. */
  readonly #ended = new Set<AssignedPartition>();
  #assigned: ReadonlySet<string> = new Set();
  /** Where kafkajs must continue in each partition. */
  readonly #positions = new Map<string, bigint>();
  /** The lowest unfinished offset of partitions that were ours before the last rebalance. */
  readonly #unfinished = new Map<string, bigint>();
  #committing: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(options: Required<ConsumerRunOptions>, kafkaConsumer: KafkaConsumer, deadLetters: DeadLetters) {
    this.#options = options;
    this.#kafkaConsumer = kafkaConsumer;
    this.#memory = new BufferedBytes(options);
    const { consumer, kafka, fromBeginning } = options;
    const { eventsOfKeyPerTransaction, telemetry } = consumer.settings;
    const begin = (place: TopicPartition): void => {
      // The partition may continue elsewhere now.
      this.#positions.delete(partitionName(place));
      this.#beginPartition(place);
    };
    if (kafka.admin !== undefined) {
      const group = { groupId: consumer.name, kafka, consumer: kafkaConsumer };
      this.#starts = new PartitionStarts({ ...group, fromBeginning, telemetry, begin });
    }
    const processor = consumer.processor(deadLetters);
    this.#queues = new KeyQueues(async (messages, queue) => {
      const held = [...messages];
      const take: KeyQueue<BufferedMessage>['take'] = async (matches, ms, signal) => {
        const taken = await queue.take(matches, ms, signal);
        if (taken !== undefined) held.push(taken);
        return taken;
      };
      await processor.process(messages, { take });
      for (const { unbuffer } of held) unbuffer();
    }, eventsOfKeyPerTransaction);
  }

  /** To be called before the group is joined. Never rejects. */
  async prepare(): Promise<void> {
    await this.#starts?.prepare(this.#options.topics);
  }

  get fetching(): readonly string[] {
    return [...this.#assigned].filter((name) => this.#current.get(name)?.isPaused !== true);
  }

  /** Takes messages of a batch, as far as there is room. The next fetch does not wait for them. */
  async take({ batch, heartbeat, isRunning, isStale, resolveOffset }: FetchedBatch): Promise<void> {
    const { messages } = batch;
    const [first, last] = [messages[0], messages.at(-1)];
    if (first === undefined || last === undefined || !isRunning() || isStale()) return;
    if (this.#isStopping) {
      // Skipped, otherwise kafkajs fetches it again at once. Its offsets are not committed.
      resolveOffset?.(last.offset);
      return;
    }
    // Fetched before a rebalance gave the partition to another consumer: our commit would skip its unfinished messages.
    const name = partitionName(batch);
    if (!this.#assigned.has(name)) return;
    const isReset = this.#isReset(batch);
    if (isReset) this.#abandonOldLog(name, BigInt(first.offset));
    const assigned = this.#partitionFrom(batch, BigInt(first.offset));
    if (assigned === undefined) return;
    // kafkajs has committed the beginning of the log.
    if (isReset) assigned.committed(undefined);
    const taken = this.#begin(assigned, messages);
    const lastTaken = (messages[taken - 1] ?? first).offset;
    if (batch.fetchedOffset !== undefined) {
      const end = taken < messages.length ? lastTaken : batch.lastOffset();
      this.#positions.set(name, BigInt(end) + 1n);
    }
    // kafkajs continues after this offset. Messages that were not taken are fetched again when there is room.
    resolveOffset?.(lastTaken);
    if (taken < messages.length || assigned.isFull || this.#roomOf(assigned) <= 0) this.#pause(assigned);
    try {
      await heartbeat();
    } catch (error) {
      // kafkajs gets the same response at its own next heartbeat, and then joins again.
      if (protocolErrorOf(error) !== 'REBALANCE_IN_PROGRESS') return;
      // Finish messages in progress and commit them, before others get the partition.
      await this.drain();
      await this.commit();
    }
  }

  /** The batch had only control records or messages of aborted transactions, which kafkajs does not hand over. */
  passEmptyBatch(batch: TopicPartition & { readonly lastOffset: string }): void {
    const name = partitionName(batch);
    if (this.#positions.has(name)) this.#positions.set(name, BigInt(batch.lastOffset) + 1n);
  }

  /** Decides no more starts: the consumer stops, or kafkajs has crashed. */
  endStarts(): void {
    this.#starts?.end();
  }

  stopTaking(): void {
    this.#isStopping = true;
    this.endStarts();
  }

  /** Starts no more work. */
  abort(): void {
    for (const each of this.#inMemory) each.end();
  }

  /** Starts no more work, and waits for messages in progress and for `other` work. */
  async drain(other: Promise<unknown> = Promise.resolve()): Promise<void> {
    this.abort();
    await atMost(this.#options.drainTimeoutMs, Promise.all([this.#queues.idle(), other]));
  }

  /** The partitions may go to other consumers: finished work is committed while this member still may. */
  revoke(): void {
    this.endStarts();
    void this.commit();
    this.#endAll();
  }

  assign(assigned: Readonly<Record<string, readonly number[]>>): void {
    this.#endAll();
    const ours = new Set(
      Object.entries(assigned).flatMap(([topic, partitions]) =>
        partitions.map((partition) => partitionName({ topic, partition })),
      ),
    );
    this.#assigned = ours;
    this.#memory.assign(ours.size);
    for (const name of this.#unfinished.keys()) if (!ours.has(name)) this.#unfinished.delete(name);
    this.#positions.clear();
    this.#options.consumer.settings.telemetry.rebalanced({ assigned });
    this.#starts?.assign(assigned);
  }

  /** Runs one commit at a time. The next one makes up for a failed one; uncommitted messages are delivered again. */
  commit(): Promise<void> {
    const partitions = [...this.#current.values()];
    return (this.#committing = this.#committing.then(() => this.#commitOf(partitions)));
  }

  async #commitOf(partitions: readonly AssignedPartition[]): Promise<void> {
    const due = partitions.flatMap((each) =>
      each.uncommitted === undefined ? [] : [{ each, offset: each.uncommitted }],
    );
    if (due.length === 0) return;
    try {
      await this.#kafkaConsumer.commitOffsets(
        due.map(({ each: { topic, partition }, offset }) => ({ topic, partition, offset: String(offset) })),
      );
      for (const { each, offset } of due) each.committed(offset);
    } catch (error) {
      this.#options.consumer.settings.telemetry.commitFailed(error);
    }
  }

  /** Whether kafkajs went back to the beginning of the log, because the log does not have the requested offset. */
  #isReset({ topic, partition, fetchedOffset }: FetchedBatch['batch']): boolean {
    const expected = this.#positions.get(partitionName({ topic, partition }));
    if (fetchedOffset === undefined || expected === undefined || BigInt(fetchedOffset) === expected) return false;
    const gone = goneBetween({ topic, partition }, expected, BigInt(fetchedOffset));
    this.#options.consumer.settings.telemetry.messagesGone?.(gone);
    return true;
  }

  /** The log was recreated: messages of the old one in memory cannot be delivered again, so their work may end. */
  #abandonOldLog(name: string, first: bigint): void {
    const old = this.#current.get(name);
    if (old?.isBehind(first) !== true || old.signal.aborted) return;
    this.#current.delete(name);
    if (old.isBuffering) this.#ended.add(old);
  }

  /** The partition, to take messages from `first` on; `undefined` if earlier ones must be fetched before. */
  #partitionFrom(place: TopicPartition, first: bigint): AssignedPartition | undefined {
    const name = partitionName(place);
    const known = this.#current.get(name);
    if (known !== undefined && !known.signal.aborted && !known.isBehind(first)) return known;
    if (known !== undefined) this.#end(known);
    if (this.#mustGoBack(place, first)) return undefined;
    const { concurrency } = this.#options.consumer.settings;
    const created = new AssignedPartition(place, { ...this.#options, concurrency });
    this.#current.set(name, created);
    return created;
  }

  /**
   * A batch that was fetched before a rebalance can come after it. kafkajs would continue after the batch, although
   * earlier messages that were left in the rebalance are unfinished.
   */
  #mustGoBack({ topic, partition }: TopicPartition, first: bigint): boolean {
    const name = partitionName({ topic, partition });
    const unfinished = this.#unfinished.get(name);
    this.#unfinished.delete(name);
    if (unfinished === undefined || first <= unfinished) return false;
    this.#positions.delete(name);
    this.#kafkaConsumer.seek({ topic, partition, offset: String(unfinished) });
    return true;
  }

  /** Takes messages as far as there is room for them, and at least one if the partition has none. Returns how many. */
  #begin(assigned: AssignedPartition, messages: readonly KafkaMessage[]): number {
    let room = this.#roomOf(assigned);
    let taken = 0;
    for (const message of messages) {
      const view = recordOf(assigned, message);
      const bytes = bytesOf(view);
      if (bytes > room && assigned.isBuffering) break;
      room -= bytes;
      taken++;
      this.#beginOne(assigned, detached(view), bytes);
    }
    return taken;
  }

  #beginOne(assigned: AssignedPartition, record: ConsumedRecord, bytes: number): void {
    assigned.begin(record.offset);
    assigned.buffer(bytes);
    this.#queues.add(queueKeyOf(record), {
      record,
      semaphore: assigned.semaphore,
      signal: assigned.signal,
      finished: () => assigned.offsets.finish(record.offset),
      unbuffer: () => {
        assigned.unbuffer(bytes);
        if (!assigned.isBuffering) this.#ended.delete(assigned);
        this.#resumeWhereRoom();
      },
    });
  }

  get #inMemory(): readonly AssignedPartition[] {
    return [...this.#current.values(), ...this.#ended];
  }

  #roomOf(assigned: AssignedPartition): number {
    const others = this.#inMemory.filter((other) => other !== assigned);
    return this.#memory.roomOf(assigned, others);
  }

  /** Resumes only half-empty partitions, so that a partition is not paused and resumed for each message. */
  #resumeWhereRoom(): void {
    for (const each of this.#current.values()) {
      if (!each.isPaused || each.signal.aborted || !each.hasRoom) continue;
      if (!each.isBuffering || this.#roomOf(each) >= each.bufferedBytes) this.#resume(each);
    }
  }

  #pause(assigned: AssignedPartition): void {
    assigned.isPaused = true;
    this.#kafkaConsumer.pause([{ topic: assigned.topic, partitions: [assigned.partition] }]);
  }

  #resume(assigned: AssignedPartition): void {
    assigned.isPaused = false;
    this.#beginPartition(assigned);
  }

  #beginPartition({ topic, partition }: TopicPartition): void {
    const name = partitionName({ topic, partition });
    // It can be full already, and its start undecided.
    if (this.#current.get(name)?.isPaused === true || this.#starts?.isWaiting(name) === true) return;
    try {
      this.#kafkaConsumer.resume([{ topic, partitions: [partition] }]);
    } catch (error) {
      // Between a crash of kafkajs's consumer and its restart there is nothing to resume, and nothing paused after it.
      if (!(error instanceof KafkaJSNonRetriableError)) throw error;
    }
  }

  #endAll(): void {
    for (const each of this.#current.values()) this.#end(each);
    for (const each of this.#ended) each.end();
  }

  #end(assigned: AssignedPartition): void {
    const name = partitionName(assigned);
    assigned.end();
    this.#current.delete(name);
    if (assigned.isBuffering) this.#ended.add(assigned);
    const { lowestUnfinished } = assigned.offsets;
    if (lowestUnfinished !== undefined) this.#unfinished.set(name, lowestUnfinished);
    // kafkajs keeps a partition paused when it is assigned again.
    if (assigned.isPaused) this.#resume(assigned);
  }
}

const recordOf = ({ topic, partition }: AssignedPartition, message: KafkaMessage): ConsumedRecord => ({
  topic,
  partition,
  offset: BigInt(message.offset),
  timestamp: Number(message.timestamp),
  key: bytesOrNull('key', message.key),
  value: bytesOrNull('value', message.value),
  headers: headersByName(Object.entries(message.headers ?? {})),
});

/** A client that wraps kafkajs may decode a key or a value: another type than bytes would be read as other bytes. */
function bytesOrNull(name: 'key' | 'value', given: unknown): Buffer | null {
  if (given === null || given === undefined) return null;
  return Buffer.isBuffer(given) ? given : refuseOption(`message.${name}`, given, 'a Buffer or null');
}
