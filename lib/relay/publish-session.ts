import type { ItemRef } from '../event/item';
import { partitionName, type TopicPartition } from '../event/topic-partition';
import type { Receipt } from '../event/receipt';
import { holdOf, isWhole, resume, itemRef, type BatchItem, type ItemContent } from './batch-item';
import type { Invocation } from './invocation';
import { JoinedRounds } from './joined-rounds';
import { KeyHolder } from './key-holder';
import { MarkQueue } from './mark-queue';
import { MAX_CRASHED_ATTEMPTS } from './park-limits';
import { halve, keepOpen, planRound, type PlannedBatch } from './plan-round';
import type { Outage, Poison, TopicLookup } from './ports';
import { settleSkippable } from './skip-rule';

/** One topic may fail alone. Because each lookup takes long to fail, the relay tries no more after two failures. */
const MAX_FAILED_LOOKUPS = 2;

/** The partition counts of topics, as far as one invocation has looked them up. */
export class TopicLookups {
  readonly #invocation: Invocation;
  readonly #topics = new Map<string, TopicLookup>();
  readonly #outages: Outage[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  /** The known partition counts of the items' topics. Each is looked up once, in turn: lookups share a connection. */
  of(items: readonly BatchItem[]): Promise<ReadonlyMap<string, TopicLookup>> {
    const lookup = this.#last.then(() => this.#lookUpMissing(items));
    this.#last = lookup;
    return lookup;
  }

  async #lookUpMissing(items: readonly BatchItem[]): Promise<ReadonlyMap<string, TopicLookup>> {
    const { publisher, telemetry } = this.#invocation.ports;
    const missing = new Set<string>();
    for (const { content } of items) {
      if (content.kind === 'undecodable') continue;
      for (const { topic } of content.messages) if (!this.#topics.has(topic)) missing.add(topic);
    }
    // A failed lookup costs the producer, and with it everything the producer knows.
    for (const topic of missing) {
      const partitions = publisher.knownPartitionCount?.(topic);
      if (partitions === undefined) continue;
      this.#topics.set(topic, { kind: 'topic', partitions });
      missing.delete(topic);
    }
    let lookups = 0;
    for (const topic of missing) {
      const known = this.#outages.length >= MAX_FAILED_LOOKUPS ? this.#outages[0] : undefined;
      // Each lookup may take as long as a round.
      if (lookups++ > 0 && known === undefined && !this.#invocation.hasTimeForRound) break;
      const lookup = known ?? (await publisher.partitionCount(topic));
      this.#topics.set(topic, lookup);
      if (lookup.kind !== 'outage' || known !== undefined) continue;
      this.#outages.push(lookup);
      telemetry.outage(lookup);
    }
    return this.#topics;
  }
}

/** After this many sends in a row to different partitions without an acknowledgement, the relay stops. */
const MAX_FAILED_SENDS = 2;

/** Publishes the items of one invocation, in order. A failed partition stops only its own keys for the invocation. */
export class PublishSession {
  readonly invocation: Invocation;
  readonly marks: MarkQueue;
  readonly topics: TopicLookups;
  readonly #holder: KeyHolder;
  readonly #rounds: JoinedRounds;
  readonly #failedPartitions = new Set<string>();
  /** Items whose attempt in this invocation is already counted, by identity. */
  readonly #counted = new Set<string>();
  readonly #attempted: ItemRef[] = [];
  #acks = 0;
  #failedSends = 0;

  constructor(invocation: Invocation) {
    this.invocation = invocation;
    this.marks = new MarkQueue(invocation);
    this.#holder = new KeyHolder(invocation);
    this.topics = new TopicLookups(invocation);
    this.#rounds = new JoinedRounds({
      send: (batches) => this.#send(batches),
      limits: invocation.options,
      hasTime: () => invocation.hasTimeToSend,
      nextTurn: invocation.ports.nextTurn,
    });
  }

  /** Whether nothing was acknowledged in this invocation, and not because of one partition alone. */
  get brokersSilent(): boolean {
    return this.#acks === 0 && (this.invocation.stopped || this.#failedPartitions.size > 1);
  }

  get hasAcks(): boolean {
    return this.#acks > 0;
  }

  /**
   * Publishes items until none is open, time runs short or the invocation has stopped. Returns `false` if it began no
   * round although items are open.
   */
  async publish(items: readonly BatchItem[]): Promise<boolean> {
    const { partlyPublished } = this.invocation.memory;
    let began = false;
    let open = items;
    const divisible = items.filter(isDivisible);
    for (const item of divisible) resume(item, partlyPublished.get(item.identity));
    const known = new Map(divisible.map((item) => [item, receiptsOf(item).length]));
    while ((open = settleSkippable(open, this.invocation, this.marks)).length > 0 && this.invocation.hasTimeForRound) {
      began = true;
      if (await this.marks.waitForRoom()) continue;
      await (this.invocation.mayHaveCrashed ? this.#countedRound(open) : this.#round(open));
    }
    for (const [item, knownCount] of known) {
      const receipts = receiptsOf(item);
      if (receipts.length > knownCount) this.marks.addPartlyPublished(item);
      if (receipts.length === 0 || isWhole(item)) partlyPublished.delete(item.identity);
      else partlyPublished.set(item.identity, [...receipts]);
    }
    return began || open.length === 0;
  }

  /** As {@link KeyHolder.holdBlocked}; also settles the items behind the new holds. */
  async holdBlocked(items: readonly BatchItem[], waitedMs = 0): Promise<void> {
    if (await this.#holder.holdBlocked(items, waitedMs)) settleSkippable(items, this.invocation, this.marks);
  }

  /** Ends the invocation normally: no attempted item has killed the process. */
  async end(): Promise<void> {
    const { items, telemetry } = this.invocation.ports;
    await this.marks.flush();
    await this.marks.notePartlyPublished();
    if (this.#attempted.length === 0) return;
    try {
      await items.clearAttempts(this.#attempted);
    } catch (cause) {
      telemetry.outage({ message: 'The crash counters of the published items could not be cleared.', cause });
    }
  }

  async #countedRound([item]: readonly BatchItem[]): Promise<void> {
    if (item === undefined) return;
    // One attempt takes as many rounds as the item's events have partitions.
    if (this.#counted.has(item.identity)) return this.#round([item]);
    const { ports } = this.invocation;
    const identity = itemRef(item);
    let attemptsStarted: number;
    try {
      attemptsStarted = await ports.items.countAttempt(identity);
    } catch (cause) {
      const message = `The attempt on the item of "${item.pk}" at "${item.sk}" could not be counted.`;
      this.invocation.failKey(item.pk, { message, cause });
      return;
    }
    this.#counted.add(item.identity);
    if (attemptsStarted > 1) ports.telemetry.attemptAfterCrash(identity, attemptsStarted);
    if (attemptsStarted <= MAX_CRASHED_ATTEMPTS) {
      if (attemptsStarted > 0) this.#attempted.push(identity);
      // The count itself takes time.
      if (this.invocation.hasTimeForRound) await this.#round([item]);
    } else if (this.#holder.mayPark) {
      const message = `The relay's process ended ${MAX_CRASHED_ATTEMPTS} times in a row while it published this item.`;
      await this.#holder.park(item, { kind: 'poison', reason: 'process-died', message });
    } else this.invocation.stop();
  }

  async #round(open: readonly BatchItem[]): Promise<void> {
    const { invocation } = this;
    const { partitions, options } = invocation;
    const topics = await this.topics.of(open);
    const outageOf = partitions.any ? (at: TopicPartition) => partitions.outageOf(at) : undefined;
    const { batches, refused } = planRound(open, topics, options, outageOf);
    for (const { item, failure, partition } of refused) {
      if (failure.kind === 'outage') invocation.block(item.pk, { item, message: failure.message, partition });
    }
    await this.#holder.parkAll(refused);
    const waits = refused.find(({ item }) => item.state === 'open' && !invocation.isBlocked(item.pk));
    if (waits === undefined) return this.#rounds.send(batches);
    // The shard waits at this record. Earlier records are still sent.
    invocation.stop();
    const earlier = settleSkippable(
      open.filter(({ index }) => index < waits.item.index),
      this.invocation,
      this.marks,
    );
    await this.#rounds.send(planRound(earlier, topics, options, outageOf).batches);
  }

  async #send(batches: readonly PlannedBatch[]): Promise<void> {
    if (batches.length === 0) return;
    const { ports, partitions, memory } = this.invocation;
    const outcomes = await ports.publisher.publish(batches);
    const done: [BatchItem, ItemContent][] = [];
    const refused: [PlannedBatch, Poison][] = [];
    const failed: [PlannedBatch, Outage][] = [];
    batches.forEach((batch, at) => {
      const outcome = outcomes[at] ?? NO_OUTCOME;
      if (outcome.kind === 'acked') {
        partitions.acked(batch);
        done.push(...acknowledge(batch, outcome.baseOffset));
      } else if (outcome.kind === 'poison') refused.push([batch, outcome]);
      else failed.push([batch, outcome]);
    });
    this.#acks += outcomes.filter(({ kind }) => kind === 'acked').length;
    memory.lastSendAnswered = outcomes.some(({ kind }) => kind !== 'outage');
    const isNews = failed.length > 0 && this.#blockFailed(failed);
    if (failed.length < batches.length) this.#failedSends = 0;
    else if (isNews && ++this.#failedSends === MAX_FAILED_SENDS) this.invocation.stop();
    this.#settle(done);
    for (const [batch, failure] of refused) await this.#isolate(batch, failure);
  }

  /** Returns whether at least one partition had not failed before in this invocation. */
  #blockFailed(failed: readonly (readonly [PlannedBatch, Outage])[]): boolean {
    const { partitions, ports } = this.invocation;
    let isNews = false;
    for (const [batch, outage] of failed) {
      const { topic, partition, messageRefs } = batch;
      this.#failedPartitions.add(partitionName(batch));
      if (partitions.failed(batch, outage)) isNews = true;
      for (const { item } of messageRefs) {
        this.invocation.block(item.pk, { item, message: outage.message, partition: { topic, partition } });
      }
    }
    ports.telemetry.outage({
      message: failed[0]?.[1].message ?? '',
      cause: failed[0]?.[1].cause,
      partitions: failed.map(([{ topic, partition }]) => ({ topic, partition })),
      since: Math.min(...failed.map(([batch]) => partitions.failingSince(batch) ?? Infinity)),
    });
    return isNews;
  }

  /** Sends the halves of a refused batch. Parks its items if the refusal is final. */
  async #isolate(batch: PlannedBatch, failure: Poison): Promise<void> {
    const { invocation } = this;
    const maySend = (item: BatchItem): boolean =>
      item.state === 'open' && !invocation.isBlocked(item.pk) && holdOf(item, invocation.control.holds) === undefined;
    const halves = halve(batch, failure);
    if (halves.length === 0) {
      for (const { item } of batch.messageRefs) {
        if (!maySend(item)) continue;
        if (this.#holder.mayPark) await this.#holder.park(item, failure);
        // The item is refused and not parked: no later item may be sent.
        else invocation.stop();
      }
    }
    for (const half of halves) {
      const rest = keepOpen(half, maySend);
      if (rest.messageRefs.length === 0) continue;
      if (invocation.hasTimeForRound) await this.#send([rest]);
      // The keys stay blocked even if a later check finds time: their later events would overtake these.
      else
        for (const { item } of rest.messageRefs) invocation.block(item.pk, { message: 'No time was left to send it.' });
    }
  }

  #settle(done: readonly (readonly [BatchItem, ItemContent])[]): void {
    if (done.length === 0) return;
    const { ports, memory } = this.invocation;
    const now = ports.clock.now();
    ports.telemetry.published({
      bytes: done.reduce((sum, [, content]) => sum + valueBytes(content), 0),
      latencyMs: done.flatMap(([, { item, messages }]) => messages.map(() => now - item.committedAt)),
    });
    for (const [item, { receipts }] of done) {
      memory.acknowledged.set(item.identity, { unmarked: receipts, sequence: item.sequence });
      item.state = 'settled';
    }
    this.marks.add(done.map(([item, content]) => [item, content, content.receipts]));
  }
}

/** The outcome of a batch for which the publisher returned none. */
export const NO_OUTCOME: Outage = { kind: 'outage', message: 'The publisher returned no outcome for a batch.' };

const isDivisible = ({ content }: BatchItem): boolean => content.kind === 'item' && content.messages.length > 1;

const receiptsOf = ({ content }: BatchItem): readonly Receipt[] => (content.kind === 'item' ? content.receipts : []);

/** Records the offsets and returns the items whose last message this was. */
export function acknowledge(
  { topic, partition, messageRefs }: PlannedBatch,
  baseOffset: bigint,
): [BatchItem, ItemContent][] {
  const done: [BatchItem, ItemContent][] = [];
  messageRefs.forEach(({ item, content, index }, at) => {
    // The receipts belong to the first messages. If an earlier message is still open, this one is sent again after it.
    if (content.receipts.length !== index) return;
    content.receipts.push({ topic, partition, offset: baseOffset + BigInt(at) });
    if (content.receipts.length === content.messages.length) done.push([item, content]);
  });
  return done;
}

const valueBytes = ({ messages }: ItemContent): number =>
  messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
