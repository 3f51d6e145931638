import type { Control, Hold, ParkReason } from '../event/control';
import { admit } from './admission';
import { openBreaker } from './breaker';
import { concernsTopic } from './classify';
import { isOpen } from '../event/item-state';
import type { Receipt } from '../event/receipt';
import { partitionName, type AwaitedPartition, type TopicPartition } from '../event/partition-hold';
import { holdOf, resume, storedIdentity, type Entry, type ItemContent } from './entry';
import { concernsOneKey, KeyFailure } from './key-failure';
import { forEachKey } from './key-work';
import type { RelayOptions } from './options';
import type { PartitionOutages } from './partition-outages';
import type { ProcessMemory } from './process-memory';
import {
  positionKey,
  type ItemIdentity,
  type Mark,
  type Outage,
  type Parking,
  type Poison,
  type RelayPorts,
  type TopicLookup,
} from './ports';
import { halve, keepOpen, planRound, type LoadedBatch, type RefusedEntry } from './rounds';
import { MAX_STARTS } from './suspects';

/** What an invocation knows of the control partition: read at its beginning, changed by what it does itself. */
export interface KnownControl extends Omit<Control, 'holds' | 'tombstones'> {
  readonly holds: Map<string, Hold>;
  readonly tombstones: Set<string>;
}

/** One request carries so many marks. */
const MARKS_PER_REQUEST = 25;
/** Requests of earlier rounds that may be unanswered when a round begins. */
const MAX_UNANSWERED = 4;
/** What an invocation needs after its last mark, to return its result. */
const RETURN_MS = 1_000;

/** Keys that are held between two counts of all holds: invocations at once exceed the limit by so many each. */
const HOLDS_AT_ONCE = 100;

interface MarkTask {
  readonly entry: Entry;
  readonly mark: Mark;
}

/** Why a key stopped for the rest of the invocation. */
interface BlockedKey {
  readonly message: string;
  /** Its first entry that was not sent, and the partition that took no writes, if that was the reason. */
  readonly entry?: Entry;
  readonly partition?: TopicPartition;
}

/** A key that stopped at a partition. */
type KeyAtPartition = Required<BlockedKey>;

/** Sends in a row, each to other partitions, that none acknowledges are a general outage: the rest is not attempted. */
const MAX_BARREN_SENDS = 2;
/** One topic may fail alone. Each look-up takes long to fail, so that after two none is tried. */
const MAX_BARREN_LOOK_UPS = 2;

/**
 * Publishes entries in order, marks what is acknowledged and parks what is refused, within one invocation.
 *
 * A failed partition stops its own keys for the invocation, and nothing else. Once the delivery has `stopped`, for an
 * outage of everything, nothing more is sent: what is still open then is delivered again.
 */
export class Delivery {
  readonly control: KnownControl;
  readonly partitions: PartitionOutages;
  readonly #ports: RelayPorts;
  readonly #options: RelayOptions;
  readonly #memory: ProcessMemory;
  readonly #remainingMs: () => number;
  readonly #oneByOne: boolean;
  readonly #started: ItemIdentity[] = [];
  /** Items whose attempt in this invocation is counted. */
  readonly #counted = new Set<string>();
  /** Acknowledged, and not yet sent to be marked: fewer than one request takes. */
  #unsent: MarkTask[] = [];
  readonly #marking = new Set<Promise<void>>();
  #acks = 0;
  readonly #failedPartitions = new Set<string>();
  /** Keys that were held when the invocation began: a drain takes their holds out of `control`. */
  readonly #heldBefore: ReadonlySet<string>;
  readonly #blocked = new Map<string, BlockedKey>();
  /** As looked up in this invocation. */
  readonly #topics = new Map<string, TopicLookup>();
  /** Look-ups that the brokers did not answer. */
  readonly #lookUpOutages: Outage[] = [];
  #lookingUp: Promise<unknown> = Promise.resolve();
  /** Items with receipts of their first events that the table does not know. */
  readonly #begun = new Set<Entry>();
  #barrenSends = 0;
  /** By partition key: not parked yet, and counted already. */
  readonly #parking = new Map<string, ParkReason>();
  #stopped = false;

  /** @param oneByOne - the process may have died on one of these items: each attempt is counted before it is made */
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

  /** Whether everything that was sent in this invocation failed, and not for one partition alone. */
  get brokersSilent(): boolean {
    return this.#acks === 0 && (this.#stopped || this.#failedPartitions.size > 1);
  }

  /** Whether anything that was sent in this invocation was acknowledged. */
  get brokersAnswer(): boolean {
    return this.#acks > 0;
  }

  /** Whether there is time for one more round, with its marks. */
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
   * Ends the invocation for one key: nothing more of it is sent, and its open records are delivered again. A failed
   * call that may concern other keys as well stops the delivery instead.
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
   * Publishes what may go, until nothing is open, the time is short or it has stopped. Answers whether it began at all:
   * `false` leaves everything open for want of time.
   */
  async deliver(entries: readonly Entry[]): Promise<boolean> {
    let began = false;
    let open: readonly Entry[] = entries;
    const divisible = entries.filter(isDivisible);
    for (const { identity, content } of divisible) resume({ content }, this.#memory.partial.of(identity));
    const known = new Map(divisible.map((entry) => [entry, receiptsOf(entry).length]));
    while ((open = this.admitted(open)).length > 0 && this.mayGoOn) {
      began = true;
      // A table that does not keep up must not let acknowledged items pile up that a crash would publish again.
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

  /** Resolves when every mark so far is written, or its entry has failed. */
  async marksWritten(): Promise<void> {
    this.#sendMarks(this.#unsent.splice(0));
    await Promise.all(this.#marking);
  }

  /** Ends in order: whatever was attempted has not killed the process. */
  async end(): Promise<void> {
    await this.marksWritten();
    await this.#noteReceipts();
    if (this.#started.length === 0) return;
    try {
      await this.#ports.items.clearStarts(this.#started);
    } catch (cause) {
      this.#ports.telemetry.outage({ message: 'The counts of started items could not be cleared.', cause });
    }
  }

  /** The first events of an item must not go again with each attempt on a later one, in whatever process. */
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

  /** Settles what needs no publishing and answers what does. Repeated before each round, because holds appear. */
  admitted(entries: readonly Entry[]): Entry[] {
    const { telemetry } = this.#ports;
    return entries.filter((entry) => {
      if (entry.state !== 'open') return false;
      const admission = admit(entry, this.control, this.#memory.acknowledged);
      if (admission.kind === 'publish') return !this.#blocked.has(entry.pk);
      entry.state = 'settled';
      if (admission.kind === 'wait') telemetry.heldBack(entry, admission.hold);
      else if (entry.content.kind === 'item') {
        telemetry.duplicateSkipped(entry.content.item);
        if (admission.kind === 'mark') this.#mark([{ entry, mark: markOf(entry.content, admission.receipts) }]);
      }
      return false;
    });
  }

  async #suspectRound([entry]: readonly Entry[]): Promise<void> {
    if (entry === undefined) return;
    // One attempt, in as many rounds as its events have partitions.
    if (this.#counted.has(entry.identity)) return this.#round([entry]);
    const item = storedIdentity(entry);
    let starts: number;
    try {
      starts = await this.#ports.items.countStart(item);
    } catch (cause) {
      this.fail(entry.pk, { message: `The attempt on "${entry.pk}" at "${entry.sk}" could not be counted.`, cause });
      return;
    }
    this.#counted.add(entry.identity);
    if (starts > 1) this.#ports.telemetry.suspectStarted(item, starts);
    if (starts <= MAX_STARTS) {
      if (starts > 0) this.#started.push(item);
      // Counting takes its time too.
      if (this.mayGoOn) await this.#round([entry]);
    } else if (this.#mayPark) {
      await this.#park(entry, {
        kind: 'poison',
        reason: 'process-died',
        message: `The relay's process ended ${MAX_STARTS} times in a row while this item was published.`,
      });
    } else this.#stopped = true;
  }

  async #round(open: readonly Entry[]): Promise<void> {
    const topics = await this.lookUpTopics(open);
    const outageOf = this.partitions.any ? (at: TopicPartition) => this.partitions.outageOf(at) : undefined;
    const { batches, refused } = planRound(open, topics, this.#options, outageOf);
    for (const { entry, failure, partition } of refused) {
      if (failure.kind === 'outage') this.#block(entry.pk, { entry, message: failure.message, partition });
    }
    await this.#parkAll(refused);
    const waits = refused.find(({ entry }) => entry.state === 'open' && !this.#blocked.has(entry.pk));
    if (waits !== undefined) {
      // The shard waits at this record. What came before it still goes.
      this.#stopped = true;
      const before = this.admitted(open.filter(({ index }) => index < waits.entry.index));
      await this.#publish(planRound(before, topics, this.#options, outageOf).batches);
      return;
    }
    await this.#publish(batches);
  }

  /**
   * Answers what is known of the topics of these entries. They are asked for one after the other, because they share a
   * connection, and each once in an invocation. After two that were not answered only what the publisher knows counts.
   */
  lookUpTopics(entries: readonly Entry[]): Promise<ReadonlyMap<string, TopicLookup>> {
    const looking = this.#lookingUp.then(() => this.#lookUpMissing(entries));
    this.#lookingUp = looking;
    return looking;
  }

  async #lookUpMissing(entries: readonly Entry[]): Promise<ReadonlyMap<string, TopicLookup>> {
    const { publisher, telemetry } = this.#ports;
    const missing = new Set<string>();
    for (const { content } of entries) {
      if (content.kind === 'undecodable') continue;
      for (const { topic } of content.messages) if (!this.#topics.has(topic)) missing.add(topic);
    }
    // A failed look-up costs the producer, and with it all that is known.
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

  /** Nothing more of the key goes in this invocation: a later event must not overtake this one. */
  #block(pk: string, { message, entry, partition }: BlockedKey): void {
    if (!this.#blocked.has(pk)) this.#blocked.set(pk, { message, entry, partition });
  }

  /**
   * Holds the keys of these entries that stopped at a partition which alone takes no writes, and settles what waits
   * behind the holds. Keys that may not be held stay open, so that their records are delivered again. Also after a stop:
   * two sick partitions in a row look like an outage of everything, and their keys must not be sent again and again.
   *
   * @param ageMs - how long ago the record of an entry was put
   */
  async holdBlocked(entries: readonly Entry[], ageMs: (entry: Entry) => number): Promise<void> {
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
      // A key that was held before takes no more room than it had.
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
    this.admitted(entries);
  }

  /** Other invocations hold keys too, so that what this one read at its beginning does not tell. */
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

  async #publish(batches: readonly LoadedBatch[]): Promise<void> {
    if (batches.length === 0) return;
    const outcomes = await this.#ports.publisher.publish(batches);
    const done: [Entry, ItemContent][] = [];
    const refused: [LoadedBatch, Poison][] = [];
    const failed: [LoadedBatch, Outage][] = [];
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

  /** Answers whether one of the partitions had not failed before. */
  #partitionsFailed(failed: readonly (readonly [LoadedBatch, Outage])[]): boolean {
    let isNews = false;
    for (const [batch, outage] of failed) {
      const { topic, partition, shipments } = batch;
      this.#failedPartitions.add(partitionName(batch));
      if (this.partitions.failed(batch, outage)) isNews = true;
      for (const { entry } of shipments) {
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
   * A batch that is refused for its topic is refused for every item in it. Otherwise nobody tells whose fault it is:
   * halve it until the culprit stands alone, and park that one.
   */
  async #isolate(batch: LoadedBatch, failure: Poison): Promise<void> {
    const mayGo = (entry: Entry): boolean =>
      entry.state === 'open' && !this.#blocked.has(entry.pk) && holdOf(entry, this.control.holds) === undefined;
    if (batch.shipments.length === 1 || concernsTopic(failure)) {
      for (const { entry } of batch.shipments) {
        if (!mayGo(entry)) continue;
        if (this.#mayPark) await this.#park(entry, failure);
        // Refused and not parked: nothing after it may go.
        else this.#stopped = true;
      }
      return;
    }
    for (const half of halve(batch)) {
      const rest = keepOpen(half, mayGo);
      if (rest.shipments.length === 0) continue;
      if (this.mayGoOn) await this.#publish([rest]);
      // Also when there is time again a moment later: what follows would overtake it.
      else
        for (const { entry } of rest.shipments)
          this.#block(entry.pk, { message: 'There was no time left to send it.' });
    }
  }

  #settle(done: readonly (readonly [Entry, ItemContent])[]): void {
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
   * Collects marks over rounds, so that a key whose events go to several partitions in turn does not take a request for
   * each. A crash before they are sent costs fewer than one request's duplicates.
   */
  #mark(tasks: readonly MarkTask[]): void {
    this.#unsent.push(...tasks);
    // An item on which the process may die must not take the marks of others with it.
    const kept = this.#oneByOne ? 0 : this.#unsent.length % MARKS_PER_REQUEST;
    this.#sendMarks(this.#unsent.splice(0, this.#unsent.length - kept));
  }

  /** Runs next to the following round. A mark that fails makes its record be delivered again, which then only marks. */
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
      // The table's answer for a single statement, and for one key alone: it is the key that is throttled.
      if (keys.size === 1 && pk !== undefined && !(cause instanceof Error)) {
        const failure = { message: `Published items of "${pk}" could not be marked.`, cause };
        this.#block(pk, failure);
        telemetry.keyFailed(pk, failure);
        return;
      }
      // Whatever is published now would be published again.
      this.stop({ message: 'Published items could not be marked.', cause: failures.values().next().value });
    });
    this.#marking.add(marking);
  }

  /**
   * One alone, then several at once: the writes of keys that are parked together share transactions. If the first one
   * meets an outage, the others are not tried.
   */
  async #parkAll(refused: readonly RefusedEntry[]): Promise<void> {
    const park = async ({ entry, failure }: RefusedEntry): Promise<void> => {
      if (failure.kind === 'poison' && this.#mayPark) await this.#park(entry, failure);
    };
    const [first, ...others] = refused;
    if (first !== undefined) await park(first);
    await forEachKey(others, park);
  }

  /**
   * An item that could not be held was published or discarded meanwhile, or deleted by hand after another process had
   * parked it. For the last, the next drain looks: it must not go past the item before that is known.
   */
  async #lookAgain(entry: Entry): Promise<void> {
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

  async #park(entry: Entry, failure: Poison): Promise<void> {
    const { clock, items, telemetry } = this.#ports;
    const { holds } = this.control;
    const hold = holds.get(entry.pk);
    const parking: Parking = {
      ...storedIdentity(entry),
      reason: failure.reason,
      message: failure.message,
      hold,
      attempts: entry.refused.attempts,
      since: entry.refused.since,
      isHead: entry.isHead,
    };
    // What was parked before is held already, or was until its drain began: it is no sign of a new outage.
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
      this.fail(entry.pk, { message: `Parking "${entry.pk}" at "${entry.sk}" failed.`, cause });
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

const isDivisible = ({ content }: Entry): boolean => content.kind === 'item' && content.messages.length > 1;

const isWhole = ({ content }: Entry): boolean =>
  content.kind === 'item' && content.receipts.length === content.messages.length;

const receiptsOf = ({ content }: Entry): readonly Receipt[] => (content.kind === 'item' ? content.receipts : []);

/** Notes the offsets and answers the items whose last message this was. */
function acknowledge({ topic, partition, shipments }: LoadedBatch, baseOffset: bigint): [Entry, ItemContent][] {
  const done: [Entry, ItemContent][] = [];
  shipments.forEach(({ entry, content, index }, at) => {
    // The receipts are those of the first messages: one before it is open still, and this one goes again after that.
    if (content.receipts.length !== index) return;
    content.receipts.push({ topic, partition, offset: baseOffset + BigInt(at) });
    if (content.receipts.length === content.messages.length) done.push([entry, content]);
  });
  return done;
}

const valueBytes = ({ messages }: ItemContent): number =>
  messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
