import type { Control, Hold, ParkReason } from '../event/control';
import { skipDecision } from './skip-rule';
import { openBreaker } from './breaker';
import { isOpen } from '../event/item-state';
import type { Receipt } from '../event/receipt';
import { partitionName, type AwaitedPartition, type TopicPartition } from '../event/partition-hold';
import { holdOf, resume, storedIdentity, type BatchItem, type ItemContent } from './batch-item';
import { concernsOneKey, KeyFailure } from './key-failure';
import { forEachKey } from './key-work';
import type { RelayOptions } from './options';
import type { PartitionOutages } from './partition-outages';
import type { ProcessMemory } from './process-memory';
import {
  concernsTopic,
  positionKey,
  type ItemIdentity,
  type Mark,
  type Outage,
  type ParkRequest,
  type Poison,
  type RelayPorts,
  type TopicLookup,
} from './ports';
import { halve, keepOpen, planRound, type PlannedBatch, type RefusedItem } from './plan-round';
import { MAX_CRASHED_ATTEMPTS } from './crash-counter';

/** The control partition as an invocation knows it: read at its start, updated by the invocation's own writes. */
export interface KnownControl extends Omit<Control, 'holds' | 'tombstones'> {
  readonly holds: Map<string, Hold>;
  readonly tombstones: Set<string>;
}

/** Number of marks that one request carries. */
const MARKS_PER_REQUEST = 25;
/** Mark requests of earlier rounds that may be unanswered when a round begins. */
const MAX_UNANSWERED = 4;
/** Time that an invocation needs after its last mark, to return its result. */
const RETURN_MS = 1_000;

/** Keys that are held between two counts of all holds. Each concurrent invocation may exceed the limit by this many. */
const HOLDS_AT_ONCE = 100;

interface MarkTask {
  readonly entry: BatchItem;
  readonly mark: Mark;
}

/** Why a key stopped for the rest of the invocation. */
interface BlockedKey {
  readonly message: string;
  /** Its first entry that was not sent, and the unavailable partition if that was the reason. */
  readonly entry?: BatchItem;
  readonly partition?: TopicPartition;
}

/** A key that stopped because of a partition. */
type KeyAtPartition = Required<BlockedKey>;

/** After this many sends in a row to different partitions without an acknowledgement, the relay stops. */
const MAX_BARREN_SENDS = 2;
/** One topic may fail alone. Because each look-up takes long to fail, the relay tries no more after two failures. */
const MAX_BARREN_LOOK_UPS = 2;

/**
 * Publishes entries in order, marks acknowledged items and parks refused ones, within one invocation.
 *
 * A failed partition stops only its own keys for the invocation. Once the session has `stopped`, such as in a general
 * outage, it sends nothing more, and open entries are delivered again.
 */
export class PublishSession {
  readonly control: KnownControl;
  readonly partitions: PartitionOutages;
  readonly #ports: RelayPorts;
  readonly #options: RelayOptions;
  readonly #memory: ProcessMemory;
  readonly #remainingMs: () => number;
  readonly #oneByOne: boolean;
  readonly #started: ItemIdentity[] = [];
  /** Items whose attempt in this invocation is already counted. */
  readonly #counted = new Set<string>();
  /** Marks that wait for a full request. */
  #unsent: MarkTask[] = [];
  readonly #marking = new Set<Promise<void>>();
  #acks = 0;
  readonly #failedPartitions = new Set<string>();
  /** Keys that were held when the invocation began; a drain removes their holds from `control`. */
  readonly #heldBefore: ReadonlySet<string>;
  readonly #blocked = new Map<string, BlockedKey>();
  /** Look-ups of this invocation. */
  readonly #topics = new Map<string, TopicLookup>();
  /** Look-ups that the brokers did not answer. */
  readonly #lookUpOutages: Outage[] = [];
  #lookingUp: Promise<unknown> = Promise.resolve();
  /** Items whose first events have receipts that the table does not know. */
  readonly #begun = new Set<BatchItem>();
  #barrenSends = 0;
  /** Keys that are being parked, by partition key; the breaker already counts them. */
  readonly #parking = new Map<string, ParkReason>();
  #stopped = false;

  /** @param oneByOne - the process may have died on one of these items: each attempt is counted before it begins */
  constructor(
    ports: RelayPorts,
    options: RelayOptions,
    memory: ProcessMemory,
    control: Control,
    partitions: PartitionOutages,
    remainingMs: () => number,
    oneByOne: boolean,
  ) {
    this.#ports = ports;
    this.#options = options;
    this.#memory = memory;
    this.partitions = partitions;
    this.#remainingMs = remainingMs;
    this.#oneByOne = oneByOne;
    this.#heldBefore = new Set(control.holds.keys());
    this.control = { ...control, holds: new Map(control.holds), tombstones: new Set(control.tombstones) };
  }

  /** Whether this process knows that an item was published. */
  isAcknowledged(identity: string): boolean {
    return this.#memory.acknowledged.get(identity) !== undefined;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Whether nothing was acknowledged in this invocation, and not because of one partition alone. */
  get brokersSilent(): boolean {
    return this.#acks === 0 && (this.#stopped || this.#failedPartitions.size > 1);
  }

  /** Whether any send of this invocation was acknowledged. */
  get brokersAnswer(): boolean {
    return this.#acks > 0;
  }

  /** Whether there is time for one more round, its marks included. */
  get mayGoOn(): boolean {
    return !this.#stopped && this.#remainingMs() >= this.#options.minRoundMs;
  }

  get #timeForMarksMs(): number {
    return Math.max(0, this.#remainingMs() - RETURN_MS);
  }

  get #mayPark(): boolean {
    return !this.#stopped && this.#hasTimeToHold;
  }

  get #hasTimeToHold(): boolean {
    return this.#remainingMs() >= this.#options.minParkMs;
  }

  stop(failure: { readonly message: string; readonly cause?: unknown }): void {
    this.#stopped = true;
    this.#ports.telemetry.outage(failure);
  }

  /**
   * Ends the invocation for one key: the relay sends nothing more of it, and its open records are delivered again. If
   * the failed call may concern other keys too, the whole session stops instead.
   */
  fail(pk: string, failure: { readonly message: string; readonly cause?: unknown }): void {
    if (!concernsOneKey(failure.cause)) {
      this.stop(failure);
      return;
    }
    this.#block(pk, failure);
    this.#ports.telemetry.keyFailed(pk, failure);
  }

  hasFailed(pk: string): boolean {
    return this.#blocked.has(pk);
  }

  /**
   * Publishes entries until none is open, time runs short or the session has stopped. Returns `false` if it began no
   * round although entries are open.
   */
  async deliver(entries: readonly BatchItem[]): Promise<boolean> {
    let began = false;
    let open: readonly BatchItem[] = entries;
    const divisible = entries.filter(isDivisible);
    for (const { identity, content } of divisible) resume({ content }, this.#memory.partial.of(identity));
    const known = new Map(divisible.map((entry) => [entry, receiptsOf(entry).length]));
    while ((open = this.settleSkippable(open)).length > 0 && this.mayGoOn) {
      began = true;
      // Without this limit, acknowledged items pile up while the table is slow, and a crash would publish them again.
      if (this.#marking.size > MAX_UNANSWERED) {
        while (this.#marking.size > MAX_UNANSWERED) await Promise.race(this.#marking);
        continue;
      }
      await (this.#oneByOne ? this.#suspectRound(open) : this.#round(open));
    }
    for (const [entry, before] of known) {
      const receipts = receiptsOf(entry);
      if (receipts.length > before) this.#begun.add(entry);
      this.#memory.partial.note(entry.identity, isWhole(entry) ? [] : receipts);
    }
    return began || open.length === 0;
  }

  /** Resolves when each mark so far is written, or its entry has failed. */
  async marksWritten(): Promise<void> {
    this.#sendMarks(this.#unsent.splice(0));
    await Promise.all(this.#marking);
  }

  /** Ends the invocation normally: no attempted item has killed the process. */
  async end(): Promise<void> {
    await this.marksWritten();
    await this.#noteReceipts();
    if (this.#started.length === 0) return;
    try {
      await this.#ports.items.clearAttempts(this.#started);
    } catch (cause) {
      this.#ports.telemetry.outage({ message: 'The counts of started items could not be cleared.', cause });
    }
  }

  /** Otherwise each attempt on a later event of an item would send its first events again, in any process. */
  async #noteReceipts(): Promise<void> {
    const { items, telemetry } = this.#ports;
    const marks = [...this.#begun].flatMap(({ content }) =>
      content.kind === 'item' && content.receipts.length < content.messages.length
        ? [markOf(content, content.receipts)]
        : [],
    );
    this.#begun.clear();
    if (marks.length === 0) return;
    const failures = await items.noteReceipts?.(marks, this.#timeForMarksMs);
    const [cause] = failures?.values() ?? [];
    if (cause === undefined) return;
    telemetry.outage({ message: 'The events of an item that are published already could not be noted.', cause });
  }

  /** Settles entries that need no publishing; returns the others. Repeated each round, because holds appear. */
  settleSkippable(entries: readonly BatchItem[]): BatchItem[] {
    const { telemetry } = this.#ports;
    return entries.filter((entry) => {
      if (entry.state !== 'open') return false;
      const decision = skipDecision(entry, this.control, this.#memory.acknowledged);
      if (decision.kind === 'publish') return !this.#blocked.has(entry.pk);
      entry.state = 'settled';
      if (decision.kind === 'wait') telemetry.heldBack(entry, decision.hold);
      else if (entry.content.kind === 'item') {
        telemetry.duplicateSkipped(entry.content.item);
        if (decision.kind === 'mark') this.#mark([{ entry, mark: markOf(entry.content, decision.receipts) }]);
      }
      return false;
    });
  }

  async #suspectRound([entry]: readonly BatchItem[]): Promise<void> {
    if (entry === undefined) return;
    // One attempt takes as many rounds as the item's events have partitions.
    if (this.#counted.has(entry.identity)) return this.#round([entry]);
    const item = storedIdentity(entry);
    let starts: number;
    try {
      starts = await this.#ports.items.countAttempt(item);
    } catch (cause) {
      this.fail(entry.pk, { message: `The attempt on "${entry.pk}" at "${entry.sk}" could not be counted.`, cause });
      return;
    }
    this.#counted.add(entry.identity);
    if (starts > 1) this.#ports.telemetry.attemptAfterCrash(item, starts);
    if (starts <= MAX_CRASHED_ATTEMPTS) {
      if (starts > 0) this.#started.push(item);
      // The count itself takes time.
      if (this.mayGoOn) await this.#round([entry]);
    } else if (this.#mayPark) {
      await this.#park(entry, {
        kind: 'poison',
        reason: 'process-died',
        message: `The relay's process ended ${MAX_CRASHED_ATTEMPTS} times in a row while this item was published.`,
      });
    } else this.#stopped = true;
  }

  async #round(open: readonly BatchItem[]): Promise<void> {
    const topics = await this.lookUpTopics(open);
    const outageOf = this.partitions.any ? (at: TopicPartition) => this.partitions.outageOf(at) : undefined;
    const { batches, refused } = planRound(open, topics, this.#options, outageOf);
    for (const { entry, failure, partition } of refused) {
      if (failure.kind === 'outage') this.#block(entry.pk, { entry, message: failure.message, partition });
    }
    await this.#parkAll(refused);
    const waits = refused.find(({ entry }) => entry.state === 'open' && !this.#blocked.has(entry.pk));
    if (waits !== undefined) {
      // The shard waits at this record. Earlier records are still sent.
      this.#stopped = true;
      const before = this.settleSkippable(open.filter(({ index }) => index < waits.entry.index));
      await this.#publish(planRound(before, topics, this.#options, outageOf).batches);
      return;
    }
    await this.#publish(batches);
  }

  /**
   * Returns the known partition counts of these entries' topics. Each topic is asked for once per invocation, in turn,
   * because look-ups share a connection. After two unanswered ones, only counts that the publisher knows are used.
   */
  lookUpTopics(entries: readonly BatchItem[]): Promise<ReadonlyMap<string, TopicLookup>> {
    const looking = this.#lookingUp.then(() => this.#lookUpMissing(entries));
    this.#lookingUp = looking;
    return looking;
  }

  async #lookUpMissing(entries: readonly BatchItem[]): Promise<ReadonlyMap<string, TopicLookup>> {
    const { publisher, telemetry } = this.#ports;
    const missing = new Set<string>();
    for (const { content } of entries) {
      if (content.kind === 'undecodable') continue;
      for (const { topic } of content.messages) if (!this.#topics.has(topic)) missing.add(topic);
    }
    // A failed look-up costs the producer, and with it everything the producer knows.
    for (const topic of missing) {
      const partitions = publisher.knownPartitionCount?.(topic);
      if (partitions === undefined) continue;
      this.#topics.set(topic, { kind: 'topic', partitions });
      missing.delete(topic);
    }
    let asked = 0;
    for (const topic of missing) {
      const gaveUp = this.#lookUpOutages.length >= MAX_BARREN_LOOK_UPS ? this.#lookUpOutages[0] : undefined;
      // Each look-up may take as long as a round.
      if (asked++ > 0 && gaveUp === undefined && !this.mayGoOn) break;
      const lookup = gaveUp ?? (await publisher.partitionCount(topic));
      this.#topics.set(topic, lookup);
      if (lookup.kind !== 'outage' || gaveUp !== undefined) continue;
      this.#lookUpOutages.push(lookup);
      telemetry.outage(lookup);
    }
    return this.#topics;
  }

  /** The relay sends nothing more of the key in this invocation: a later event must not overtake this one. */
  #block(pk: string, { message, entry, partition }: BlockedKey): void {
    if (!this.#blocked.has(pk)) this.#blocked.set(pk, { message, entry, partition });
  }

  /**
   * Holds the keys of these entries that stopped at a partition which alone accepts no writes, and settles the entries
   * behind those holds. If a key may not be held, it stays open and its records are delivered again. Also runs after a
   * stop: two unavailable partitions look like a general outage, and their keys must not be sent again and again.
   *
   * @param ageMs - how long ago the record of an entry was written to the stream
   */
  async holdBlocked(entries: readonly BatchItem[], ageMs: (entry: BatchItem) => number): Promise<void> {
    const keys = new Set(entries.map(({ pk }) => pk));
    const blocked = [...this.#blocked.values()].flatMap(({ message, entry, partition }): KeyAtPartition[] =>
      entry !== undefined && partition !== undefined && keys.has(entry.pk) ? [{ message, entry, partition }] : [],
    );
    if (blocked.length === 0) return;
    for (const ofPartition of Map.groupBy(blocked, ({ partition }) => partitionName(partition)).values()) {
      const [first] = ofPartition;
      if (first === undefined || !this.#hasTimeToHold) return;
      const waitingMs = Math.max(...ofPartition.map(({ entry }) => ageMs(entry)));
      const awaits = await this.partitions.awaited(first.partition, waitingMs);
      if (awaits === undefined) continue;
      // A key that was held before adds no hold to the count.
      const [known, others] = partition(ofPartition, ({ entry }) => this.#heldBefore.has(entry.pk));
      await forEachKey(known, (key) => this.#holdForPartition(key, awaits));
      for (let rest = others; rest.length > 0;) {
        const room = Math.min(await this.#roomForHolds(), HOLDS_AT_ONCE);
        if (room <= 0) break;
        await forEachKey(rest.slice(0, room), (key) => this.#holdForPartition(key, awaits));
        rest = rest.slice(room);
      }
      const count = ofPartition.filter(({ entry }) => !this.#blocked.has(entry.pk)).length;
      if (count > 0) this.#ports.telemetry.heldForPartition(awaits, count);
    }
    this.settleSkippable(entries);
  }

  /** Reads the holds again: other invocations have added some since this one began. */
  async #roomForHolds(): Promise<number> {
    if (!this.#hasTimeToHold) return 0;
    try {
      const { holds } = await this.#ports.control.read();
      return this.partitions.room(holds.values());
    } catch (cause) {
      this.#ports.telemetry.outage({ message: 'The holds could not be counted: no more keys are held.', cause });
      return 0;
    }
  }

  async #holdForPartition({ entry, message }: KeyAtPartition, awaits: AwaitedPartition): Promise<void> {
    const { holds } = this.control;
    const { isHead, pk } = entry;
    if (!this.#hasTimeToHold) return;
    try {
      const request = { ...storedIdentity(entry), awaits, message, hold: holds.get(pk), isHead };
      const held = await this.#ports.items.holdForPartition(request);
      if (held.kind === 'gone') await this.#lookAgain(entry);
      else {
        holds.set(pk, held.hold);
        this.#blocked.delete(pk);
      }
    } catch (cause) {
      this.#ports.telemetry.outage({ message: `Holding "${pk}" for ${partitionName(awaits)} failed.`, cause });
    }
  }

  async #publish(batches: readonly PlannedBatch[]): Promise<void> {
    if (batches.length === 0) return;
    const outcomes = await this.#ports.publisher.publish(batches);
    const done: [BatchItem, ItemContent][] = [];
    const refused: [PlannedBatch, Poison][] = [];
    const failed: [PlannedBatch, Outage][] = [];
    batches.forEach((batch, at) => {
      const outcome = outcomes[at] ?? { kind: 'outage', message: 'The publisher gave no answer for a batch.' };
      if (outcome.kind === 'acked') {
        this.partitions.acked(batch);
        done.push(...acknowledge(batch, outcome.baseOffset));
      } else if (outcome.kind === 'poison') refused.push([batch, outcome]);
      else failed.push([batch, outcome]);
    });
    this.#acks += outcomes.filter(({ kind }) => kind === 'acked').length;
    this.#memory.brokersAnswer = outcomes.some(({ kind }) => kind !== 'outage');
    const isNews = failed.length > 0 && this.#partitionsFailed(failed);
    if (failed.length < batches.length) this.#barrenSends = 0;
    else if (isNews && ++this.#barrenSends === MAX_BARREN_SENDS) this.#stopped = true;
    this.#settle(done);
    for (const [batch, failure] of refused) await this.#isolate(batch, failure);
  }

  /** Returns whether at least one partition had not failed before in this invocation. */
  #partitionsFailed(failed: readonly (readonly [PlannedBatch, Outage])[]): boolean {
    let isNews = false;
    for (const [batch, outage] of failed) {
      const { topic, partition, messageRefs } = batch;
      this.#failedPartitions.add(partitionName(batch));
      if (this.partitions.failed(batch, outage)) isNews = true;
      for (const { entry } of messageRefs) {
        this.#block(entry.pk, { entry, message: outage.message, partition: { topic, partition } });
      }
    }
    const [first] = failed;
    const since = failed.map(([batch]) => this.partitions.failingSince(batch) ?? Infinity);
    this.#ports.telemetry.outage({
      message: first?.[1].message ?? '',
      cause: first?.[1].cause,
      partitions: failed.map(([{ topic, partition }]) => ({ topic, partition })),
      since: Math.min(...since),
    });
    return isNews;
  }

  /**
   * If the topic is refused, every item in the batch is refused. Otherwise the batch is halved until the refused
   * message stands alone, and that item is parked.
   */
  async #isolate(batch: PlannedBatch, failure: Poison): Promise<void> {
    const mayGo = (entry: BatchItem): boolean =>
      entry.state === 'open' && !this.#blocked.has(entry.pk) && holdOf(entry, this.control.holds) === undefined;
    if (batch.messageRefs.length === 1 || concernsTopic(failure)) {
      for (const { entry } of batch.messageRefs) {
        if (!mayGo(entry)) continue;
        if (this.#mayPark) await this.#park(entry, failure);
        // The entry is refused and not parked: no later entry may be sent.
        else this.#stopped = true;
      }
      return;
    }
    for (const half of halve(batch)) {
      const rest = keepOpen(half, mayGo);
      if (rest.messageRefs.length === 0) continue;
      if (this.mayGoOn) await this.#publish([rest]);
      // The keys stay blocked even if a later check finds time: their later events would overtake these.
      else
        for (const { entry } of rest.messageRefs)
          this.#block(entry.pk, { message: 'There was no time left to send it.' });
    }
  }

  #settle(done: readonly (readonly [BatchItem, ItemContent])[]): void {
    if (done.length === 0) return;
    const { clock, telemetry } = this.#ports;
    const now = clock.now();
    telemetry.published({
      bytes: done.reduce((sum, [, content]) => sum + valueBytes(content), 0),
      latencyMs: done.flatMap(([, { item, messages }]) => messages.map(() => now - item.committedAt)),
    });
    for (const [entry, { receipts }] of done) {
      this.#memory.acknowledged.unmarked(entry.identity, receipts, entry.sequence);
      entry.state = 'settled';
    }
    this.#mark(done.map(([entry, content]) => ({ entry, mark: markOf(content, content.receipts) })));
  }

  /**
   * Collects marks over rounds, so that a key whose events alternate between partitions does not cause one request per
   * event. A crash before they are sent costs fewer duplicates than one request has marks.
   */
  #mark(tasks: readonly MarkTask[]): void {
    this.#unsent.push(...tasks);
    // If the process dies on a suspect item, the marks of other items must not be lost with it.
    const kept = this.#oneByOne ? 0 : this.#unsent.length % MARKS_PER_REQUEST;
    this.#sendMarks(this.#unsent.splice(0, this.#unsent.length - kept));
  }

  /** Runs concurrently with the next round. If a mark fails, its record is delivered again and is then only marked. */
  #sendMarks(tasks: readonly MarkTask[]): void {
    if (tasks.length === 0) return;
    const { items, telemetry } = this.#ports;
    const marks = tasks.map(({ mark }) => mark);
    const marking: Promise<void> = items.mark(marks, this.#timeForMarksMs).then((failures) => {
      this.#marking.delete(marking);
      for (const { entry, mark } of tasks) {
        if (failures.has(mark)) {
          entry.state = 'failed';
          telemetry.markFailed(mark, failures.get(mark));
        } else {
          this.#memory.acknowledged.marked(entry.identity, entry.sequence);
        }
      }
      if (failures.size < tasks.length) return;
      const [cause] = failures.values();
      const keys = new Set(tasks.map(({ mark }) => mark.pk));
      const [pk] = keys;
      // DynamoDB answered for single statements of one key: only this key is throttled.
      if (keys.size === 1 && pk !== undefined && !(cause instanceof Error)) {
        const failure = { message: `Published items of "${pk}" could not be marked.`, cause };
        this.#block(pk, failure);
        telemetry.keyFailed(pk, failure);
        return;
      }
      // Items that are published without marks would be published again.
      this.stop({ message: 'Published items could not be marked.', cause: failures.values().next().value });
    });
    this.#marking.add(marking);
  }

  /**
   * Parks the first item alone, then the others concurrently, so that their writes share transactions. If the first one
   * meets an outage, the others are not tried.
   */
  async #parkAll(refused: readonly RefusedItem[]): Promise<void> {
    const park = async ({ entry, failure }: RefusedItem): Promise<void> => {
      if (failure.kind === 'poison' && this.#mayPark) await this.#park(entry, failure);
    };
    const [first, ...others] = refused;
    if (first !== undefined) await park(first);
    await forEachKey(others, park);
  }

  /**
   * Handles an item that could not be held: it was published or discarded meanwhile, or deleted by hand after another
   * process parked it. In the last case the next drain decides. The relay must not pass the item before that is known.
   */
  async #lookAgain(entry: BatchItem): Promise<void> {
    const { pk, sk, isHead } = entry;
    if (!isHead) {
      entry.state = 'settled';
      return;
    }
    const stored = (await this.#ports.keys.lookUp([{ pk, sk }])).get(positionKey(pk, sk));
    if (stored !== undefined && !isOpen(stored.state)) {
      entry.state = 'settled';
      return;
    }
    const message = `The item of "${pk}" at "${sk}" was deleted or replaced while it was refused.`;
    this.fail(pk, { message, cause: new KeyFailure(message) });
  }

  async #park(entry: BatchItem, failure: Poison): Promise<void> {
    const { clock, items, telemetry } = this.#ports;
    const { holds } = this.control;
    const hold = holds.get(entry.pk);
    const parking: ParkRequest = {
      ...storedIdentity(entry),
      reason: failure.reason,
      message: failure.message,
      hold,
      attempts: entry.refused.attempts,
      since: entry.refused.since,
      isHead: entry.isHead,
    };
    // Items that were refused before are already counted by their holds: they are no sign of a new outage.
    if (entry.refused.attempts === 0) {
      const open = openBreaker(failure.reason, holds, [...this.#parking.values()], clock.now());
      if (open !== undefined) {
        telemetry.breakerOpen(parking, open);
        this.#stopped = true;
        return;
      }
    }
    this.#parking.set(entry.pk, failure.reason);
    try {
      const parked = await items.park(parking);
      if (parked.kind === 'parked') {
        holds.set(entry.pk, parked.hold);
        telemetry.parked(parking);
        entry.state = 'settled';
      } else await this.#lookAgain(entry);
    } catch (cause) {
      this.fail(entry.pk, { message: `ParkRequest "${entry.pk}" at "${entry.sk}" failed.`, cause });
    } finally {
      this.#parking.delete(entry.pk);
    }
  }
}

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  const { first = [], second = [] } = Object.groupBy(all, (one) => (isFirst(one) ? 'first' : 'second'));
  return [first, second];
}

const markOf = ({ item }: ItemContent, receipts: Mark['receipts']): Mark => ({
  pk: item.pk,
  sk: item.sk,
  id: item.id,
  receipts,
});

const isDivisible = ({ content }: BatchItem): boolean => content.kind === 'item' && content.messages.length > 1;

const isWhole = ({ content }: BatchItem): boolean =>
  content.kind === 'item' && content.receipts.length === content.messages.length;

const receiptsOf = ({ content }: BatchItem): readonly Receipt[] => (content.kind === 'item' ? content.receipts : []);

/** Records the offsets and returns the items whose last message this was. */
function acknowledge({ topic, partition, messageRefs }: PlannedBatch, baseOffset: bigint): [BatchItem, ItemContent][] {
  const done: [BatchItem, ItemContent][] = [];
  messageRefs.forEach(({ entry, content, index }, at) => {
    // The receipts belong to the first messages. If an earlier message is still open, this one is sent again after it.
    if (content.receipts.length !== index) return;
    content.receipts.push({ topic, partition, offset: baseOffset + BigInt(at) });
    if (content.receipts.length === content.messages.length) done.push([entry, content]);
  });
  return done;
}

const valueBytes = ({ messages }: ItemContent): number =>
  messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
