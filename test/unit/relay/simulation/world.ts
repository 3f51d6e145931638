import { withSeededRandomness } from '../../../builders/seeded-randomness';
import { anEvent, anItem } from '../../../builders/items';
import { inOwnTask, runMicrotasks } from '../../../builders/microtasks';
import { MemoryTable, type Snapshot } from '../../../builders/memory-table';
import { RELAY_OPTIONS, silentTelemetry } from '../../../builders/relay-ports';
import { ITEM_GONE, type Control, type Hold } from '../../../../lib/event/control';
import { identityOf, type Image, type ItemKey } from '../../../../lib/event/item';
import { SIGNALS_PARTITION } from '../../../../lib/event/key';
import { positionKey, positionOfVersion } from '../../../../lib/event/position';
import type { TopicPartition } from '../../../../lib/event/topic-partition';
import { newSignal, storedKeyOf, type Signal, type SkipSignal } from '../../../../lib/event/signal';
import { KeyFailure, PositionsUnread } from '../../../../lib/relay/key-failure';
import type {
  BatchOutcome,
  DrainStore,
  Failure,
  Mark,
  PartitionBatch,
  RelayPorts,
  StoredState,
} from '../../../../lib/relay/ports';
import type { StreamRecord } from '../../../../lib/relay/record';
import { isStreamProbe } from '../../../../lib/sweep/evaluate-key';
import type { SweepStore } from '../../../../lib/sweep/ports';
import { probePartitions } from '../../../../lib/sweep/probe-partitions';
import { sweep } from '../../../../lib/sweep/sweep';
import { createRelay, type Relay } from '../../../../lib/relay/relay';

/** Faults of a run, in addition to crashes, refusals, lost responses and time. */
export interface Profile {
  /** Invocations may go on next to their successors. */
  readonly zombies?: boolean;
  /** Two topics with separate outages. */
  readonly topics?: boolean;
  /** Some items kill the process. */
  readonly bombs?: boolean;
  /** The halves of a transaction become visible apart, so writers overtake each other. The order is strict. */
  readonly overtaking?: boolean;
  readonly retention?: number;
  /** The mapping is sometimes off for longer than the stream keeps records. */
  readonly trims?: boolean;
  /** With `trims`: on some of these days no item is written. */
  readonly quietDays?: boolean;
  /** With `trims`: on these days only the items' shard stands still, and the relay acts on probes in other shards. */
  readonly oneShard?: boolean;
  /** The stream is sometimes switched off and on: the new one has none of the undelivered records. */
  readonly newStreams?: boolean;
  /** The mapping is sometimes made again in a way that drops the undelivered records, on the same stream. */
  readonly newMappings?: boolean;
  /** Nothing fails but what the other options name. */
  readonly healthy?: boolean;
  /** A record is sometimes lost without any sign. */
  readonly vanishes?: boolean;
  /** The table is sometimes restored from an older backup, with a stream of its own. */
  readonly restores?: boolean;
  /** Four keys, and two topics of two partitions; each partition may fail alone. */
  readonly partitions?: boolean;
  /** With `partitions`: at the end, only one of them is unavailable for half an hour. The shards must still move on. */
  readonly oneUnavailable?: boolean;
  /** With `oneUnavailable`: the partition comes back while the others are written to, or while no item is written. */
  readonly comesBack?: 'busy' | 'quiet';
  /** With `partitions`: the limit of keys that are held for partitions. */
  readonly maxHolds?: number;
  /** A second outbox has a relay on the same stream. */
  readonly foreign?: boolean;
  /** With `partitions`: at the end, all are unavailable for half an hour, in which no key may be held for one. */
  readonly allUnavailable?: boolean;
  /** With `partitions`: a topic may get a third partition. */
  readonly grows?: boolean;
  /** The writers' clocks differ by minutes, and a scan may return the state of minutes ago. */
  readonly skewed?: boolean;
  /**
   * The number of function instances that serve the shard in any order. Topics have outages, and there is no other
   * fault. Each event must be published at most `MAX_COPIES` times.
   */
  readonly sandboxes?: number;
  /** Items have several events for both topics. */
  readonly several?: boolean;
  /** Much happens in a second: redelivered records are as young as new ones. */
  readonly fast?: boolean;
  /** Item collections are sometimes full. Their signals then come by another shard, served at the same time. */
  readonly full?: boolean;
  /** An operator deletes parked items by hand, and later puts them back or lets their keys continue without them. */
  readonly deletes?: boolean;
  /** An operator publishes some processed events again. */
  readonly replays?: boolean;
  /** The process that is waiting at this point of the history ends there. Points are counted from 0. */
  readonly crashAt?: number;
}

/** The largest numbers that a history has seen. */
export interface Peaks {
  holds: number;
  /** Keys held for an unavailable partition. */
  partitionHolds: number;
  tombstones: number;
  /** Signals in the table at the same time. */
  signals: number;
  /** Signals in the table when everything is settled. */
  signalsLeft: number;
  copiesOfAnEvent: number;
  /** The same, where the docs limit it: several instances and topics with outages. */
  copiesWithOutages: number;
  attemptsOnAnItem: number;
  messagesOfARound: number;
  sendsOfAnInvocation: number;
  callsOfAnInvocation: number;
  callsOfASweep: number;
  /** Steps of relays after the last fault, until nothing is left to do. */
  stepsUntilCalm: number;
}

const MAX_COPIES = 3;

const KEYS = Array.from('abcdefghijklmnop');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MAX_VERSION = 25;
const HALVES_APART = 20_000;
/** Items in one page of the sweeper's scan. */
const PAGE = 10;
const COMMITS_WITHIN = 10_000;
/** Less than the sweeper allows for clocks and scans. */
const SKEW = 4 * MINUTE;
const outage: Failure = { kind: 'outage', message: 'unavailable' };
const request = { by: 'operator', at: 1, why: 'simulation' };

interface Written {
  readonly id: string;
  readonly key: string;
  readonly version: number;
  /** The topics of its events, in order. */
  readonly topics: readonly string[];
  poison: boolean;
  bomb: boolean;
}

/** Waits for the scheduler. A process that ends here never continues. */
type Step = () => Promise<void>;

/** One process of the relay. Each of its calls waits twice for the scheduler: before its effect and after. */
interface Process {
  readonly relay: Relay;
  readonly waiting: (() => void)[];
  dead: boolean;
  /** Of its current invocation. */
  calls: number;
  sends: number;
}

/** A hold before a transaction that DynamoDB is about to commit, item by item. */
interface Committing {
  readonly pk: string;
  readonly before: Hold | undefined;
  readonly after: Hold | undefined;
  readonly since: number;
  /** A read has returned the new state, so every later read does. */
  isVisible: boolean;
}

interface Sweeping {
  readonly waiting: (() => void)[];
  ended: boolean;
  calls: number;
}

/** One shard of the stream, and Lambda's place in it. */
interface Shard {
  readonly records: StreamRecord[];
  checkpoint: number;
  run?: Run;
}

interface Run {
  readonly process: Process;
  readonly end: number;
  answer?: { readonly failed: number | undefined };
  failure?: unknown;
}

/**
 * Writers, one shard of the table's stream, Lambda, relays, the sweeper, an operator and Kafka, interleaved at random
 * but the same for the same seed. Relay and sweeper are the real ones, over ports in memory with the real stores'
 * conditions.
 */
export class SimulatedWorld {
  readonly table: MemoryTable;
  readonly log: string[] = [];
  readonly written = new Map<string, Written>();
  readonly #intended = new Set<string>();
  readonly #profile: Profile;
  #random: number;
  #now = 1_800_000_000_000;
  #calm = false;
  /** The shard of the items, and the shard of signals in their own partition. */
  readonly #shards: readonly [Shard, Shard] = [
    { records: [], checkpoint: 0 },
    { records: [], checkpoint: 0 },
  ];
  #sweeping: Sweeping | undefined;
  /** Whether the relay acts on signals of keys that the world does not write. */
  #areOthersRead = false;
  #streams = 1;
  #mappings = 1;
  #processes: Process[] = [];
  readonly #zombies: Process[] = [];
  readonly #appendLater: string[][] = [];
  readonly #uncommitted: { readonly written: Written; readonly since: number }[] = [];
  readonly #unavailable = new Set<string>();
  readonly #keys: readonly string[];
  readonly #partitions = new Map([
    ['A', 1],
    ['B', 1],
  ]);
  /** Transactions without a response to the writer yet. */
  readonly #committing = new Set<readonly Committing[]>();
  readonly peaks: Peaks = {
    ...{ holds: 0, partitionHolds: 0, tombstones: 0, signals: 0, signalsLeft: 0 },
    ...{ copiesOfAnEvent: 0, copiesWithOutages: 0, attemptsOnAnItem: 0, messagesOfARound: 0 },
    ...{ sendsOfAnInvocation: 0, callsOfAnInvocation: 0, callsOfASweep: 0, stepsUntilCalm: 0 },
  };
  /** Points at which a process has waited: before and after the effect of each of its calls. */
  points = 0;
  #next = new Map(KEYS.map((key) => [key, 1]));
  #backup: { readonly table: Snapshot; readonly written: ReadonlySet<string>; readonly next: Map<string, number> };
  #writes = 0;

  constructor(seed: number, profile: Profile) {
    this.#random = seed;
    this.#profile = profile;
    const { partitions = false } = profile;
    this.#keys = KEYS.slice(0, profile.comesBack === 'busy' ? 16 : partitions ? 4 : 2);
    if (partitions) for (const topic of this.#partitions.keys()) this.#partitions.set(topic, 2);
    this.table = new MemoryTable(() => this.#now, { retention: profile.retention ?? 86_400 });
    this.table.state = { streamArn: this.#streamArn(), ...(profile.foreign === true ? { owner: 'own' } : {}) };
    // The table has been in use for long.
    this.table.passes = { startedAt: this.#now, isSettled: true, mapping: this.#mapping() };
    this.table.onInsert = (record) => {
      const isElsewhere = record.dynamodb?.Keys?.['pk']?.S === SIGNALS_PARTITION;
      this.#shards[isElsewhere ? 1 : 0].records.push({ ...record, eventSourceARN: this.#streamArn() });
    };
    if (profile.full === true) this.table.isFull = () => this.#chance(0.5);
    this.#backup = this.#backUp();
  }

  /** Chaos, then calm and an operator who fixes everything. Returns the violated rules. */
  play(steps: number): Promise<string[]> {
    const history = (): string[] => {
      for (let step = 0; step < steps; step++) {
        this.#act();
        this.#pass(this.#profile.fast === true ? 50 : 1_000);
      }
      this.#settle();
      return this.#verdict();
    };
    return withSeededRandomness(this.#random, () => inOwnTask(history));
  }

  #peak(name: keyof Peaks, value: number): void {
    if (value > this.peaks[name]) this.peaks[name] = value;
  }

  #chance(probability: number): boolean {
    return this.#draw() < probability;
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#draw() * from.length)]!;
  }

  #draw(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  #fault(probability: number): boolean {
    const mayFail = !this.#calm && !this.#noFaults && !this.#isHealthy;
    return mayFail && this.#profile.sandboxes === undefined && this.#chance(probability);
  }

  get #isHealthy(): boolean {
    return this.#profile.healthy === true;
  }

  #act(): void {
    const { zombies = false, trims = false, newStreams = false, restores = false } = this.#profile;
    const { newMappings = false, vanishes = false, replays = false } = this.#profile;
    const looks = this.#losesRecords;
    const { topics = false, partitions = false, grows = false } = this.#profile;
    const actions: [number, () => void][] = [
      [10, () => this.#write()],
      [70, () => this.#poll(this.#anyShard())],
      [zombies ? 14 : 6, () => this.#operate()],
      [this.#profile.sandboxes === undefined && !this.#isHealthy ? 2 : 0, () => this.#crash(this.#anyShard())],
      [2, () => this.#pass(20 * MINUTE)],
      [3, () => void this.log.push(...(this.#appendLater.shift() ?? []))],
      [zombies ? 4 : 0, () => this.#freeze(this.#anyShard())],
      [zombies ? 24 : 0, () => this.#advance(this.#zombies.at(0))],
      [looks ? 4 : 1, () => this.#beginSweep()],
      [looks ? 30 : 8, () => this.#advanceSweep()],
      [trims ? 0.6 : 0, () => this.#losesADay()],
      [newStreams ? 1.5 : 0, () => this.#renewStream()],
      [newMappings ? 0.7 : 0, () => this.#renewMapping()],
      [newMappings ? 0.3 : 0, () => this.#renewMappingLate()],
      [vanishes ? 1 : 0, () => this.#vanish()],
      [restores ? 2 : 0, () => void (this.#backup = this.#backUp())],
      [restores ? 0.8 : 0, () => this.#restore()],
      [this.#isHealthy ? 0 : topics ? 3 : 1, () => this.#toggleOutage(this.#pick(['A', 'B']))],
      [partitions ? 3 : 0, () => this.#toggleOutage(`${this.#pick(['A', 'B'])}-${this.#pick([0, 1])}`)],
      [partitions ? 6 : 0, () => this.#probe()],
      [partitions ? 8 : 0, () => this.#pass(15_000)],
      [replays ? 3 : 0, () => this.#replay()],
      [grows ? 0.5 : 0, () => void this.#partitions.set(this.#pick(['A', 'B']), 3)],
    ];
    let at = this.#draw() * actions.reduce((sum, [weight]) => sum + weight, 0);
    const chosen = actions.find(([weight]) => (at -= weight) < 0);
    chosen?.[1]();
  }

  // Writers and operator.

  #write(): void {
    const key = this.#pick(this.#keys);
    const version = this.#next.get(key) ?? 1;
    if (version > MAX_VERSION) return;
    this.#next.set(key, version + 1);
    const written = {
      // After a restore removed a version, it is written again with another id.
      id: `${key}${version}${this.#profile.restores === true ? `/${++this.#writes}` : ''}`,
      key,
      version,
      topics: this.#topicsOfItem(),
      poison: this.#chance(this.#profile.partitions === true ? 0.05 : 0.15) && !this.#isHealthy,
      bomb: this.#profile.bombs === true && this.#chance(0.08),
    };
    this.written.set(written.id, written);
    if (this.#profile.overtaking === true && this.#chance(0.3)) {
      this.#uncommitted.push({ written, since: this.#now });
      this.table.unfinished.add(positionKey(`order#${key}`, positionOfVersion(version)));
    } else this.#commit(written);
  }

  #topicsOfItem(): readonly string[] {
    const topic = (): string => (this.#hasTwoTopics && this.#chance(0.5) ? 'B' : 'A');
    const first = topic();
    return this.#profile.several === true && this.#chance(0.6) ? [first, topic(), topic()] : [first];
  }

  get #losesRecords(): boolean {
    const { trims = false, newStreams = false, restores = false } = this.#profile;
    return trims || newStreams || restores || this.#losesWithoutSign;
  }

  get #losesWithoutSign(): boolean {
    return this.#profile.newMappings === true || this.#profile.vanishes === true;
  }

  get #hasTwoTopics(): boolean {
    return this.#profile.topics === true || this.#profile.partitions === true;
  }

  /** The second half of a transaction becomes visible soon after the first. */
  #pass(ms: number): void {
    const soon = this.#uncommitted.filter(({ since }) => this.#now + ms - since >= HALVES_APART);
    for (const half of soon) {
      this.#uncommitted.splice(this.#uncommitted.indexOf(half), 1);
      this.#commit(half.written);
    }
    this.#now += ms;
  }

  #commit(written: Written): void {
    const { key, version, topics } = written;
    this.table.unfinished.delete(positionKey(`order#${key}`, positionOfVersion(version)));
    const skew = this.#profile.skewed === true ? Math.round((2 * this.#draw() - 1) * SKEW) : 0;
    const events = eventIdsOf(written).map((id, at) => anEvent({ id, topic: topics[at] }));
    this.table.put(anItem({ id: written.id, key, version, committedAt: this.#now + skew, events }));
  }

  #operate(): void {
    const holds = [...this.table.holds.values()];
    if (holds.length === 0) return;
    const { pk, position, id, state, awaits } = this.#pick(holds);
    const held = this.#writtenAt(pk, position);
    if (held === undefined && this.#decideGone(pk, position, id)) return;
    const mayDelete = this.#profile.deletes === true && !this.#calm && state === 'holding' && awaits === undefined;
    if (mayDelete && held !== undefined && this.#chance(0.3)) {
      this.#deletedOnce.add(held.id);
      this.#deleted.set(held.id, { ...this.table.items.get(pk)?.get(position) });
      this.table.items.get(pk)?.delete(position);
      return;
    }
    if (held !== undefined && !this.#calm && this.#chance(0.4)) {
      this.#intended.add(held.id);
      this.table.putSignal(newSignal(pk, this.#now, { kind: 'skip', position, id: held.id, request }));
      return;
    }
    if (held !== undefined) held.poison = held.bomb = false;
    this.table.putSignal(newSignal(pk, this.#now, { kind: 'drain', from: position, request }));
  }

  /** The operator decides from the hold alone, and does not search for the item. */
  #decideGone(pk: string, position: string, id: string | undefined): boolean {
    const image = this.#deleted.get(id ?? '');
    if (!this.#calm && this.#chance(0.4)) return false;
    if (image !== undefined && (this.#calm || this.#chance(0.5))) {
      this.table.putImage(image);
      this.#deleted.delete(id ?? '');
      return true;
    }
    if (id !== undefined) this.#intended.add(id);
    this.table.putSignal(newSignal(pk, this.#now, { kind: 'skip', position, id, gone: true, request }));
    return true;
  }

  /** The operator publishes the events of a key again, or those from one of its versions on. */
  #replay(): void {
    const pk = `order#${this.#pick(this.#keys)}`;
    const from = this.#chance(0.5) ? positionOfVersion(1 + Math.floor(this.#draw() * MAX_VERSION)) : undefined;
    this.table.putSignal(
      newSignal(pk, this.#now, { kind: 'replay', replayId: `replay-${++this.#replays}`, from, request }),
    );
  }

  #replays = 0;

  readonly #deletedOnce = new Set<string>();
  /** Items that an operator deleted by hand, and did not put back. */
  readonly #deleted = new Map<string, Image>();

  #writtenAt(pk: string, position: string): Written | undefined {
    return this.written.get(this.table.items.get(pk)?.get(position)?.['id']?.S ?? '');
  }

  #toggleOutage(topic: string): void {
    if (!this.#unavailable.delete(topic)) this.#unavailable.add(topic);
  }

  #isAway({ topic, partition }: TopicPartition): boolean {
    return !this.#calm && (this.#unavailable.has(topic) || this.#unavailable.has(`${topic}-${partition}`));
  }

  /** The schedule's work once a minute. */
  #probe(): void {
    const store = {
      readControl: () => this.table.read(),
      send: (signal: Signal) => Promise.resolve(this.table.sendSignal(signal)),
    };
    void probePartitions(store, { by: 'schedule', now: () => this.#now });
    runMicrotasks();
  }

  // Lambda.

  #anyShard(): Shard {
    return this.#shards[this.#profile.full === true && this.#chance(0.4) ? 1 : 0];
  }

  #checkHolds(): void {
    this.#peak('holds', this.table.holds.size);
    this.#peak('tombstones', this.table.tombstones.size);
    this.#peak('signals', this.#signals);
    const { maxHolds } = this.#profile;
    for (const { pk, id, reason } of this.table.holds.values()) {
      if (reason !== ITEM_GONE || id === undefined || this.#deletedOnce.has(id)) continue;
      const wrong = `${pk} is held for ${id}, which was not deleted by hand`;
      if (!this.#unfixed.includes(wrong)) this.#unfixed.push(wrong);
    }
    let held = 0;
    for (const { awaits } of this.table.holds.values()) if (awaits !== undefined) held++;
    this.#peak('partitionHolds', held);
    if (maxHolds === undefined) return;
    // A relay that was interrupted may hold one more.
    if (held > maxHolds + 1) this.#unfixed.push(`${held} keys are held for partitions`);
  }

  /** Signals that the relay has not acted on. */
  get #signals(): number {
    let count = 0;
    for (const ofPartition of this.table.signals.values()) count += ofPartition.size;
    return count;
  }

  #poll(shard: Shard): void {
    this.#checkHolds();
    const { run } = shard;
    if (run === undefined) {
      const size = this.#profile.bombs === true && this.#chance(0.7) ? 1 : 1 + Math.floor(this.#draw() * 5);
      const batch = shard.records.slice(shard.checkpoint, shard.checkpoint + size);
      if (batch.length > 0) this.#invoke(shard, batch);
      return;
    }
    if (run.answer === undefined) this.#advance(run.process);
    if (run.process.dead) {
      this.#crash(shard);
      return;
    }
    if (run.failure !== undefined) throw run.failure as Error;
    if (run.answer === undefined) return;
    this.#peak('callsOfAnInvocation', run.process.calls);
    this.#peak('sendsOfAnInvocation', run.process.sends);
    shard.checkpoint = run.answer.failed === undefined ? run.end : shard.checkpoint + run.answer.failed;
    shard.run = undefined;
  }

  #invoke(shard: Shard, batch: readonly StreamRecord[]): void {
    const process = this.#processFor();
    process.calls = process.sends = 0;
    const run: Run = { process, end: shard.checkpoint + batch.length };
    shard.run = run;
    const remainingMs = (): number => (this.#fault(0.04) ? 0 : 90_000);
    process.relay.handle(batch, remainingMs).then(
      (failed) => (run.answer = { failed }),
      (error: unknown) => (run.failure = error),
    );
    runMicrotasks();
  }

  #processFor(): Process {
    const { sandboxes } = this.#profile;
    const idle = this.#processes.filter((process) => this.#shards.every(({ run }) => run?.process !== process));
    const few = this.#noFaults ? 2 : sandboxes;
    const takesKnown = few === undefined ? idle.length > 0 && this.#chance(0.6) : idle.length >= few;
    return takesKnown ? this.#pick(idle) : this.#newProcess();
  }

  #advance(process: Process | undefined): void {
    if (process === undefined) return;
    const at = Math.floor(this.#draw() * process.waiting.length);
    const [resume] = process.waiting.splice(at, 1);
    if (resume === undefined) this.#zombies.splice(0, this.#zombies.indexOf(process) === 0 ? 1 : 0);
    resume?.();
    runMicrotasks();
  }

  #crash(shard: Shard): void {
    if (shard.run === undefined) return;
    this.#forget(shard.run.process);
    shard.run = undefined;
  }

  #crashAll(): void {
    for (const shard of this.#shards) this.#crash(shard);
  }

  #freeze(shard: Shard): void {
    if (shard.run === undefined) return;
    this.#zombies.push(shard.run.process);
    this.#forget(shard.run.process);
    shard.run = undefined;
  }

  #forget(process: Process): void {
    this.#processes = this.#processes.filter((one) => one !== process);
  }

  // The stream.

  #mapping(): string {
    return `mapping-${this.#mappings}`;
  }

  #streamArn(): string {
    return `stream-${this.#streams}`;
  }

  #losesADay(): void {
    this.#crashAll();
    // On a quiet day, a lost item's key gets no younger record that is late and would be looked up.
    const isQuiet = this.#profile.quietDays === true && this.#chance(0.5);
    const { oneShard = false } = this.#profile;
    // The mapping is disabled, or its function cannot be invoked.
    if (!oneShard && this.#chance(0.5)) this.#mappings++;
    this.#areOthersRead = oneShard;
    for (let hour = 0; hour < 27; hour++) {
      this.#pass(HOUR);
      if (!isQuiet && this.#chance(0.2)) this.#write();
      this.#sweepToTheEnd({ isRelayOff: true });
    }
    this.#areOthersRead = false;
    const trimmedBefore = (this.#now - 24 * HOUR) / 1000;
    const createdAt = (record: StreamRecord | undefined): number =>
      record?.dynamodb?.ApproximateCreationDateTime ?? Infinity;
    for (const shard of this.#shards) {
      while (createdAt(shard.records[shard.checkpoint]) < trimmedBefore) shard.checkpoint++;
    }
  }

  #renewStream(): void {
    this.#renewMapping();
    this.#streams++;
  }

  #renewMapping(): void {
    this.#crashAll();
    for (const shard of this.#shards) shard.records.splice(shard.checkpoint);
    this.#mappings++;
  }

  /** Another mapping takes hours to come. */
  #renewMappingLate(): void {
    this.#renewMapping();
    for (let hour = 0; hour < 2; hour++) {
      this.#pass(HOUR + 6 * MINUTE);
      this.#sweepToTheEnd({ isRelayOff: true });
    }
  }

  /** The last record of a shard without an invocation. */
  #vanish(): void {
    for (const { run, records, checkpoint } of this.#shards) {
      if (run === undefined && records.length > checkpoint) records.pop();
    }
  }

  // The backup.

  #backUp() {
    return { table: this.table.snapshot(), written: new Set(this.written.keys()), next: new Map(this.#next) };
  }

  /** Another table, whose stream has no record of the restored items. Writers continue from the restored state. */
  #restore(): void {
    this.#crashAll();
    this.#processes = [];
    this.#sweeping = undefined;
    this.#renewStream();
    for (const written of this.written.values()) if (this.#isDiscarded(written)) this.#undone.add(written.id);
    this.table.restore(this.#backup.table);
    this.#next = new Map(this.#backup.next);
    for (const id of this.written.keys()) if (!this.#backup.written.has(id)) this.written.delete(id);
  }

  // The sweeper.

  #beginSweep(): void {
    if (this.#sweeping !== undefined) return;
    const sweeping: Sweeping = { waiting: [], ended: false, calls: 0 };
    this.#sweeping = sweeping;
    const step = this.#steps(sweeping.waiting, () => {
      // A run that was killed before may still wait.
      if (this.#sweeping === sweeping) this.#sweeping = undefined;
    });
    const call = <T>(effect: () => Promise<T>): Promise<T> => {
      this.#peak('callsOfASweep', ++sweeping.calls);
      return this.#call(step, effect);
    };
    const store = this.#sweepStore(call);
    const describeMapping = () => call(() => Promise.resolve(this.#mapping()));
    const options = {
      ...{ overdueAfterMs: HOUR, readUnitsPerSecond: 1_000, by: 'sweeper', now: () => this.#now },
      passes: { intervalMs: 12 * HOUR, describeMapping },
    };
    void sweep(store, { ...options, remainingMs: () => (this.#fault(0.05) ? 0 : Infinity) })
      .catch((error: unknown) => {
        if (!(error instanceof Fault) && !(error instanceof KeyFailure)) throw error;
      })
      .finally(() => (sweeping.ended = true));
  }

  #advanceSweep(): void {
    const sweeping = this.#sweeping;
    if (sweeping === undefined) return;
    const [resume] = sweeping.waiting.splice(Math.floor(this.#draw() * sweeping.waiting.length), 1);
    resume?.();
    runMicrotasks();
    // The sweep has ended, or is killed here.
    if (sweeping.ended || this.#fault(0.03)) this.#sweeping = undefined;
  }

  #sweepToTheEnd({ isRelayOff = false } = {}): void {
    this.#beginSweep();
    runMicrotasks();
    for (let step = 0; this.#sweeping !== undefined && step < 1_000; step++) {
      // The relay acts on the sweeper's probes meanwhile.
      if (!isRelayOff) for (const shard of this.#shards) for (let poll = 0; poll < 3; poll++) this.#poll(shard);
      this.#advanceSweep();
    }
  }

  #sweepStore(call: <T>(effect: () => Promise<T>) => Promise<T>): SweepStore {
    const { table } = this;
    const isBehind = this.#profile.skewed === true;
    const worldKeys = this.#keys;
    return {
      readControl: () => call(() => table.read()),
      head: ({ pk, position }) => call(() => Promise.resolve(table.items.get(pk)?.get(position))),
      // The sweeper always splits the table into several segments, so a run may end in the middle of a scan.
      describe: () => call(() => Promise.resolve({ streamArn: this.#streamArn(), bytes: 0 })),
      readProgress: () => call(() => Promise.resolve(table.progress)),
      writeProgress: (progress) => call(() => Promise.resolve(void (table.progress = progress))),
      readPasses: () => call(() => Promise.resolve(table.passes)),
      writePasses: (passes) => call(() => Promise.resolve(void (table.passes = passes))),
      readProbes: () => call(() => Promise.resolve(table.probes)),
      writeProbes: (probes) => call(() => Promise.resolve(void (table.probes = probes))),
      read: (keys) => call(() => Promise.resolve(table.look(keys))),
      pause: () => call(() => Promise.resolve()),
      remove: (signals) => call(() => table.remove(signals)),
      noteStream: (known, streamArn) => call(() => table.noteStream(known, streamArn)),
      send: (signal) =>
        call(() => {
          // The relay acts at once.
          if (this.#areOthersRead && isStreamProbe(signal) && !worldKeys.includes(keyOf(signal))) {
            return Promise.resolve(storedKeyOf(signal));
          }
          return Promise.resolve(table.sendSignal(signal));
        }),
      replace: (lost, successor) => call(() => Promise.resolve(table.replace(lost, successor))),
      markUnprocessable: (signal, why) => call(() => table.markUnprocessable(signal, why)),
      suspectGap: (known, since) =>
        call(() => {
          if (!this.#losesRecords) this.#unfixed.push('a loss is proved that did not happen');
          return Promise.resolve(table.setGapSuspicion(known, since));
        }),
      clearGapSuspicion: (known) => call(() => Promise.resolve(table.setGapSuspicion(known, undefined))),
      async *segment(index, segments, after) {
        const keys = [...worldKeys.map((key) => `order#${key}`), SIGNALS_PARTITION];
        const [pk] = keys.filter((_, at) => at % segments === index);
        if (pk === undefined) return;
        // In pages of a few items, so that a run may end within a key.
        let reached = after?.sk ?? '';
        for (let isLast = false; !isLast;) {
          const left = (): readonly Image[] => table.scan(pk).filter((image) => (image['sk']?.S ?? '') > reached);
          // The page is read now, or earlier by a replica that is behind.
          const behind = isBehind ? left() : undefined;
          const images = await call(() => Promise.resolve(behind ?? left()));
          const page = images.slice(0, PAGE);
          isLast = page.length === images.length;
          reached = page.at(-1)?.['sk']?.S ?? '';
          yield { images: page, readUnits: 1, next: isLast ? undefined : { pk, sk: reached } };
        }
      },
    };
  }

  // The relay's calls.

  /** The steps of one process; `die` ends it, at the point that the profile names. */
  #steps(waiting: (() => void)[], die: () => void): Step {
    return () => {
      if (this.points++ !== this.#profile.crashAt) return new Promise((resolve) => waiting.push(resolve));
      waiting.splice(0);
      die();
      return NEVER;
    };
  }

  /** Waits for the scheduler before and after the effect. The call may fail on either side of it. */
  async #call<T>(step: Step, effect: () => Promise<T>): Promise<T> {
    await step();
    if (this.#fault(0.03)) throw new Fault('throttled');
    if (this.#fault(0.02)) throw new KeyFailure('a conflict');
    const answer = await effect();
    if (this.#fault(0.03)) throw new Fault('the answer was lost');
    await step();
    return answer;
  }

  /** A transaction on holds. Until its response arrives, a Query may return some items in their earlier state. */
  async #transact<T>(call: <A>(effect: () => Promise<A>) => Promise<A>, effect: () => Promise<T>): Promise<T> {
    let changed: readonly Committing[] | undefined;
    try {
      return await call(async () => {
        const before = new Map(this.table.holds);
        const answer = await effect();
        const { holds } = this.table;
        changed = [...new Set([...before.keys(), ...holds.keys()])]
          .filter((pk) => before.get(pk) !== holds.get(pk))
          .map((pk) => ({ pk, before: before.get(pk), after: holds.get(pk), since: this.#now, isVisible: false }));
        this.#committing.add(changed);
        return answer;
      });
    } finally {
      if (changed !== undefined) this.#committing.delete(changed);
    }
  }

  /** The control partition as a Query next to transactions returns it: each item before or after its commit. */
  async #readCommitted(): Promise<Control> {
    const control = await this.table.read();
    const holds = new Map(control.holds);
    for (const committing of [...this.#committing].flat()) {
      const { pk, before, after, since } = committing;
      // DynamoDB completes a transaction even if its writer has died.
      if (committing.isVisible || this.#now - since > COMMITS_WITHIN || holds.get(pk) !== after) continue;
      committing.isVisible = this.#chance(0.5);
      if (committing.isVisible) continue;
      if (before === undefined) holds.delete(pk);
      else holds.set(pk, before);
    }
    return { ...control, holds };
  }

  #newProcess(): Process {
    const waiting: (() => void)[] = [];
    const die = (): void => void (process.dead = true);
    const step = this.#steps(waiting, die);
    const call = <T>(effect: () => Promise<T>): Promise<T> => {
      process.calls++;
      return this.#call(step, effect);
    };
    const onSend = (): void => void process.sends++;
    const { table } = this;
    const isForeign = this.#profile.foreign === true && this.#chance(0.3);
    const relay = this.#relay(call, step, die, isForeign, onSend);
    const process: Process = { relay, waiting, dead: false, calls: 0, sends: 0 };
    table.failMark = () => this.#fault(0.06);
    this.#processes.push(process);
    return process;
  }

  #relay(
    call: <T>(effect: () => Promise<T>) => Promise<T>,
    step: Step,
    die: () => void,
    isForeign: boolean,
    onSend: () => void,
  ): Relay {
    const { table } = this;
    const ports: RelayPorts = {
      publisher: {
        partitionCount: (topic) => Promise.resolve({ kind: 'topic', partitions: this.#partitions.get(topic) ?? 1 }),
        publish: async (batches) => {
          if (isForeign) this.#unfixed.push('a relay of another outbox publishes');
          onSend();
          this.#peak(
            'messagesOfARound',
            batches.reduce((sum, { messages }) => sum + messages.length, 0),
          );
          const outcomes: BatchOutcome[] = [];
          for (const batch of batches) outcomes.push(await this.#send(batch, step, die));
          return outcomes;
        },
        otherPartitionsInSync: (topic, partition) => Promise.resolve(this.#othersInSync({ topic, partition })),
      },
      items: {
        mark: async (marks: readonly Mark[]) => {
          await step();
          const failures = await table.mark(marks);
          await step();
          return failures;
        },
        park: (parking) => this.#transact(call, async () => table.park(parking)),
        holdForPartition: (request) => this.#transact(call, async () => table.holdForPartition(request)),
        countAttempt: (item) =>
          call(async () => {
            const attempts = await table.countAttempt(item);
            this.#peak('attemptsOnAnItem', attempts);
            return attempts;
          }),
        clearAttempts: (items) => call(() => table.clearAttempts(items)),
        noteReceipts: async (marks) => {
          await step();
          return table.noteReceipts(marks);
        },
      },
      keys: {
        earliestOpen: (pk, upTo) => call(() => table.earliestOpen(pk, upTo)),
        lookUp: (positions) => call(async () => this.#partly(await table.lookUp(positions), positions)),
        lookUpTransacted: (positions) =>
          call(async () => {
            const read = await table.lookUpTransacted(positions);
            return { ...read, stored: this.#partly(read.stored, positions) };
          }),
        async *pages(pk, from) {
          for await (const page of table.pages(pk, from)) yield await call(() => Promise.resolve(page));
        },
      },
      control: {
        read: () => call(() => this.#readCommitted()),
        noteStream: (known, streamArn) => call(() => table.noteStream(known, streamArn)),
        claim: (owner) => call(() => table.claim(owner)),
        noteRetry: () => call(() => table.noteRetry()),
      },
      drains: {
        begin: (pk) => this.#transact(call, () => table.begin(pk)),
        discard: (signal) => this.#transact(call, () => this.#discard(signal)),
        finish: (pk, hold) => this.#transact(call, () => table.finish(pk, hold)),
        keepForGone: (hold, item, message) => this.#transact(call, () => table.keepForGone(hold, item, message)),
        postpone: (hold, successor, id) => this.#transact(call, async () => table.postpone(hold, successor, id)),
      },
      signals: {
        send: (signal) => call(() => table.send(signal)),
        remove: (signals) => call(() => table.remove(signals)),
        markUnprocessable: (signal, why) => call(() => table.markUnprocessable(signal, why)),
        find: (signal) => call(() => table.find(signal)),
        advance: (signal, from) => call(() => table.advance(signal, from)),
        succeed: (signal, successor) => call(() => table.succeed(signal, successor)),
      },
      telemetry: silentTelemetry(),
      clock: { now: () => this.#now },
    };
    return createRelay(ports, {
      ...RELAY_OPTIONS,
      maxMessages: 2,
      ...(this.#profile.maxHolds === undefined ? {} : { maxPartitionHolds: this.#profile.maxHolds }),
      ...(this.#profile.foreign === true ? { outboxId: isForeign ? 'another' : 'own' } : {}),
      order: this.#profile.overtaking === true ? 'strict' : 'relaxed',
    });
  }

  /** Some positions of a call may be throttled. */
  #partly(stored: ReadonlyMap<string, StoredState>, positions: readonly ItemKey[]): ReadonlyMap<string, StoredState> {
    const unread = this.#fault(0.05) ? positions.filter(() => this.#chance(0.5)) : [];
    if (unread.length === 0) return stored;
    const left = new Set(unread.map(({ pk, sk }) => positionKey(pk, sk)));
    throw new PositionsUnread(new Map([...stored].filter(([position]) => !left.has(position))), unread);
  }

  /** Only a refused item may be discarded, even if the operator has read an older state. */
  async #discard(signal: SkipSignal): Promise<Awaited<ReturnType<DrainStore['discard']>>> {
    const { pk, position, id } = signal;
    const hold = this.table.holds.get(pk);
    const wasRefused =
      (hold?.state === 'holding' && hold.awaits === undefined) || this.table.stateAt(pk, position) === 'parked';
    const discarded = await this.table.discard(signal);
    if (discarded.kind === 'discarded' && !wasRefused && signal.gone !== true)
      this.#unfixed.push(`${id ?? ''} was discarded unrefused`);
    return discarded;
  }

  #othersInSync(than: TopicPartition): boolean {
    return [...this.#partitions].some(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })).some(
        (other) => (other.topic !== than.topic || other.partition !== than.partition) && !this.#isAway(other),
      ),
    );
  }

  async #send({ messages, topic, partition }: PartitionBatch, step: Step, die: () => void): Promise<BatchOutcome> {
    const replayed = messages.flatMap(({ headers }) =>
      headers['outbox-replay'] === undefined ? [] : [headers['ce_id']],
    );
    const ids = messages.map(({ headers }) => headers['ce_id'] ?? '');
    const isAny = (what: 'poison' | 'bomb'): boolean => ids.some((id) => this.written.get(itemIdOf(id))?.[what]);
    await step();
    if (isAny('bomb')) {
      die();
      return NEVER;
    }
    if (this.#isAway({ topic, partition })) return outage;
    if (this.#fault(0.06)) {
      if (!isAny('poison') && replayed.length === 0) this.#appendLater.push(ids);
      return outage;
    }
    if (isAny('poison')) return { kind: 'poison', reason: 'message-refused', message: 'no' };
    if (replayed.length === 0) this.log.push(...ids);
    else this.#checkReplay(replayed);
    await step();
    return this.#fault(0.06) ? outage : { kind: 'acked', baseOffset: BigInt(this.log.length) };
  }

  /** Only events that have been published are published again. */
  #checkReplay(ids: readonly (string | undefined)[]): void {
    const published = new Set(this.log);
    for (const id of ids) {
      if (id === undefined || !published.has(id))
        this.#unfixed.push(`${id ?? ''} was replayed and not published before`);
    }
    this.replayed += ids.length;
  }

  /** Events that were published again. */
  replayed = 0;

  // The end.

  #settle(): void {
    this.#pass(MINUTE);
    for (const ids of this.#appendLater.splice(0)) this.log.push(...ids);
    if (this.#profile.oneUnavailable === true) this.#oneUnavailable();
    if (this.#profile.allUnavailable === true) this.#allUnavailable();
    this.#calm = true;
    for (const zombie of [...this.#zombies]) {
      for (let step = 0; zombie.waiting.length > 0 && step < 2_000; step++) this.#advance(zombie);
    }
    this.#drainStream();
    // Relay and sweeper must resolve everything that needs no operator.
    // A loss without a sign is found by the pass of every twelve hours.
    const rounds = this.#profile.vanishes === true ? 16 : 6;
    for (let round = 0; round < rounds; round++) {
      this.#pass(HOUR + 6 * MINUTE);
      this.#probe();
      // A slow relay acts on the sweeper's probes after the run.
      this.#sweepToTheEnd({ isRelayOff: !this.#isHealthy && this.#chance(0.5) });
      this.#drainStream();
    }
    this.#unfixed.push(
      ...[...this.table.holds.values()]
        .filter(({ state }) => state === 'draining')
        .map(({ pk }) => `${pk} drains for ever`),
      ...[...this.table.holds.values()]
        .filter(({ awaits }) => awaits !== undefined)
        .map(({ pk }) => `${pk} waits for a partition that takes writes`),
      ...this.#uncovered().map((id) => `${id} is left by the sweeper`),
      ...(this.table.state.gapSuspectedSince === undefined ? [] : ['the gap suspicion does not end']),
    );
    for (let round = 0; round < 25 && (this.table.holds.size > 0 || round === 0); round++) {
      for (let operation = 0; operation < 4; operation++) this.#operate();
      this.#drainStream();
    }
  }

  /** Only one partition is unavailable for half an hour: the shards must still reach their ends. */
  #oneUnavailable(): void {
    const sick = `${this.#pick(['A', 'B'])}-${this.#pick([0, 1])}`;
    this.#continueWithout([sick]);
    for (const { records, checkpoint } of this.#shards) {
      const waitsSince = records[checkpoint]?.dynamodb?.ApproximateCreationDateTime;
      // The record that requests another try of the partition may be new.
      if (waitsSince !== undefined && this.#now - waitsSince * 1_000 > 2 * MINUTE) {
        this.#unfixed.push(`${sick} stops the shard`);
      }
    }
    const { comesBack } = this.#profile;
    if (comesBack !== undefined) this.#comesBack(comesBack);
  }

  /** Its keys must be released within minutes: by the traffic of others, or else by the schedule. */
  #comesBack(how: 'busy' | 'quiet'): void {
    this.#noFaults = true;
    this.#unavailable.clear();
    // Less than the time to try one key after the other.
    const within = how === 'busy' ? MINUTE / 2 : 5 * MINUTE;
    for (let passed = 0; passed < within; passed += 10_000) {
      if (how === 'busy') {
        for (const key of this.#keys)
          this.table.put(anItem({ key: `busy-${key}`, version: 1 + passed, committedAt: this.#now }));
      } else if (passed % MINUTE === 0) this.#probe();
      for (let step = 0; step < 200; step++) this.#poll(this.#anyShard());
      this.#pass(10_000);
    }
    this.#noFaults = false;
    for (const { pk, awaits } of this.table.holds.values()) {
      if (awaits !== undefined) this.#unfixed.push(`${pk} is not released`);
    }
  }

  /** No partition accepts writes: a relay that starts now has no evidence of a healthy one, so it may hold no key. */
  #allUnavailable(): void {
    const heldForPartitions = (): string[] =>
      [...this.table.holds.values()].flatMap(({ pk, awaits }) => (awaits === undefined ? [] : [pk]));
    this.#crashAll();
    this.#zombies.splice(0);
    const held = new Set(heldForPartitions());
    this.#continueWithout(['A', 'B']);
    for (const pk of heldForPartitions()) {
      if (!held.has(pk)) this.#unfixed.push(`${pk} is held in a general outage`);
    }
  }

  #continueWithout(unavailable: readonly string[]): void {
    this.#unavailable.clear();
    for (const name of unavailable) this.#unavailable.add(name);
    this.#keys.forEach(() => this.#write());
    this.#noFaults = true;
    // Lambda keeps few instances for a shard, and each must see failures before it holds a key.
    this.#processes = [];
    for (let passed = 0; passed < 30 * MINUTE; passed += 10_000) {
      for (let step = 0; step < 5 * this.#keys.length; step++) this.#poll(this.#anyShard());
      this.#pass(10_000);
    }
    this.#noFaults = false;
  }

  #noFaults = false;
  readonly #unfixed: string[] = [];
  /** Discarded before a restore from an older backup. */
  readonly #undone = new Set<string>();

  #uncovered(): string[] {
    return [...this.written.values()]
      .filter(({ key, version }) => {
        const hold = this.table.holds.get(`order#${key}`);
        const position = positionOfVersion(version);
        const state = this.table.stateAt(`order#${key}`, position);
        return (state === 'pending' || state === 'parked') && (hold === undefined || position < hold.position);
      })
      .map(({ id }) => id);
  }

  #drainStream(): void {
    const isBusy = (): boolean =>
      this.#shards.some(({ run, records, checkpoint }) => run !== undefined || checkpoint < records.length);
    for (let step = 0; step < 20_000 && isBusy() && !this.#isStuck; step++) {
      this.#poll(this.#anyShard());
      if (this.#calm) this.#stepsUntilCalm++;
      if (step % 20 === 0) this.#now += 10_000;
    }
    // Nothing fails any more, so further rounds would not help.
    if (this.#calm && isBusy()) this.#isStuck = true;
  }

  #stepsUntilCalm = 0;
  /** The relay never finishes what is left. */
  #isStuck = false;

  #isDiscarded({ id, key, version }: Written): boolean {
    return this.table.tombstones.has(identityOf({ pk: `order#${key}`, sk: positionOfVersion(version), id }));
  }

  #verdict(): string[] {
    const wrong: string[] = [...this.#unfixed];
    if (this.#shards.some(({ records, checkpoint }) => checkpoint < records.length)) wrong.push('the shard is blocked');
    if (this.table.holds.size > 0) wrong.push('a key is held for ever');
    const first = new Map<string, number>();
    for (const [at, id] of this.log.entries()) if (!first.has(id)) first.set(id, at);
    this.#peak('stepsUntilCalm', this.#stepsUntilCalm);
    // Lost probes remain until a later pass reads the whole table.
    const left = [...this.table.signals.values()]
      .flatMap((ofPartition) => [...ofPartition.values()])
      .filter((signal) => !isStreamProbe(signal)).length;
    this.#peak('signalsLeft', left);
    if (left > 0) wrong.push(`${left} signals are left`);
    const isLimited = this.#profile.sandboxes !== undefined;
    for (const [id, { length }] of Map.groupBy(this.log, (one) => one)) {
      this.#peak(isLimited ? 'copiesWithOutages' : 'copiesOfAnEvent', length);
      if (isLimited && length > MAX_COPIES) wrong.push(`${id} was published ${length} times`);
    }
    const discarded = new Set([...this.written.values()].filter((written) => this.#isDiscarded(written)));
    for (const written of this.written.values()) {
      if (discarded.has(written)) {
        if (!this.#intended.has(written.id)) wrong.push(`${written.id} was discarded without a request`);
        continue;
      }
      const at = first.get(written.id);
      const places = eventIdsOf(written).map((id) => first.get(id));
      if (places.includes(undefined)) wrong.push(`${written.id} is lost`);
      if (places.some((place, index) => (place ?? 0) < (places[index - 1] ?? 0)))
        wrong.push(`${written.id} overtook itself`);
      const state = this.table.stateAt(`order#${written.key}`, positionOfVersion(written.version));
      if (state === 'pending' || state === 'parked') wrong.push(`${written.id} is left ${state}`);
      // Until a sweep has found the loss, no relay can know that an item precedes a later one.
      if (this.#losesWithoutSign) continue;
      for (const other of this.written.values()) {
        // A frozen relay may still publish discarded events, and restored ones come back: neither has an order.
        // It may also pass an item that an operator deletes by hand at that moment.
        if (other.key !== written.key || other.version >= written.version) continue;
        const isMissed = this.#profile.zombies === true && this.#deletedOnce.has(other.id);
        const hasOrder = !discarded.has(other) && !this.#undone.has(other.id) && !isMissed;
        if (hasOrder && at !== undefined && (first.get(eventIdsOf(other).at(-1) ?? '') ?? -1) > at)
          wrong.push(`${written.id} overtook ${other.id}`);
      }
    }
    return wrong;
  }
}

/** The ids of its events: the first one has the item's id. */
const eventIdsOf = ({ id, topics }: Written): string[] => topics.map((_, at) => (at === 0 ? id : `${id}.${at}`));

const keyOf = ({ pk }: Signal): string => pk.replace(/^order#/, '');

const itemIdOf = (eventId: string): string => eventId.split('.')[0] ?? '';

class Fault extends Error {}

const NEVER = new Promise<never>(() => undefined);
