import type { EachBatchPayload, KafkaMessage } from 'kafkajs';
import { z } from 'zod';
import { deadLetterTopic } from '../../../../lib/event/consumer-name';
import { WINDOW_SIZE } from '../../../../lib/consume/inbox';
import { createOutbox } from '../../../../lib';
import { Random } from '../../../../lib/testing/random';
import { withSeededRandomness } from '../../../builders/seeded-randomness';
import {
  defineEvents,
  runConsumer,
  type ConsumedRecord,
  type ConsumerOptions,
  type EmittingContext,
  type EventContext,
  type RunningConsumer,
} from '../../../../lib/consumer';
import {
  aRecord,
  aRig,
  events,
  MemoryClient,
  unreachable,
  type Definitions,
  type RecordChange,
  type Rig,
} from '../../../builders/consume';

/** The faults of a world, and the settings of its consumers. */
export interface Profile {
  readonly options?: Partial<ConsumerOptions<Definitions>>;
  /** Handlers fail for some events until the end. */
  readonly poison?: boolean;
  /** DynamoDB loses responses, reports conflicts, and throttles. */
  readonly faults?: boolean;
  /** The group has no offsets and begins at the end. */
  readonly fromEnd?: boolean;
  /** Some calls to DynamoDB never return. */
  readonly hangs?: boolean;
  /**
   * For some keys, an AWS service refuses the handler, or the handler writes to a missing table, until the end. Now and
   * then a handler's service is unavailable.
   */
  readonly aws?: boolean;
  /** Handlers never fail by themselves. */
  readonly steady?: boolean;
  /** Some events have a version that only the deployment at the end can read. */
  readonly unreadable?: boolean;
  /** Handlers emit an event for their own key and one for a key that all share, in processes with different clocks. */
  readonly emits?: boolean;
  /** The process that is waiting at this point of the history dies there. Points are counted from 0. */
  readonly crashAt?: number;
}

/** The largest numbers that a history has seen. */
export interface Peaks {
  /** Events that the inbox remembers of a key. */
  windowOfAKey: number;
  parkedEvents: number;
  deadLetters: number;
  attemptsOnAnEvent: number;
  millisecondsUntilCalm: number;
}

const PARTITIONS = 3;
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'plain-g', 'plain-h'];
const MEMBERS = 3;
const CALL_TIMEOUT_MS = 100;
/** More than a consumer waits for the offsets of its group. */
const START_MS = 20_000;
/** Maximum difference between two clocks. */
const SKEW_MS = 400;
/** The limit of keys parked as unreadable, in a world with such events. */
export const MAX_UNREADABLE_KEYS = 2;
/** For the first key, an AWS service refuses the handler. For the second, the actions name a missing table. */
const REFUSED_KEY = 'b';
const NO_TABLE_KEY = 'd';

const newerEvents = defineEvents({
  'order.placed': {
    topic: 'orders',
    version: 2,
    schema: z.object({ total: z.number() }),
    upcasters: { 1: (data: { total: number }) => data },
  },
});

type Listener = (event: { payload: Record<string, unknown> }) => void;
type Offset = { topic: string; partition: number; offset: string };

/** The broker's view: the topic, and the group with its offsets. */
class Broker {
  readonly log: ConsumedRecord[][] = Array.from({ length: PARTITIONS }, () => []);
  readonly committed = new Map<number, number>();
  readonly members = new Set<Member>();
  generation = 1;
  /** Called for each commit. */
  onCommit: (partition: number, offset: number) => void = () => undefined;

  get committedOffsets(): { partition: number; offset: string }[] {
    return this.log.map((_, partition) => ({ partition, offset: String(this.committed.get(partition) ?? -1) }));
  }

  get logOffsets(): { partition: number; low: string; high: string }[] {
    return this.log.map(({ length }, partition) => ({ partition, low: '0', high: String(length) }));
  }

  append(change: Parameters<typeof aRecord>[0] & { key: string }): void {
    const partition = KEYS.indexOf(change.key) % PARTITIONS;
    const log = this.log[partition] ?? [];
    log.push(aRecord({ ...change, partition, offset: log.length }));
  }

  /** Each member of the group learns of the rebalance later, on its own. */
  rebalance(): void {
    this.generation++;
  }

  assignmentOf(member: Member): number[] {
    const members = [...this.members];
    return this.log.flatMap((_, partition) => (members[partition % members.length] === member ? [partition] : []));
  }
}

/** kafkajs's consumer, as far as its order of events concerns the runner. */
class Member {
  readonly #broker: Broker;
  readonly #random: Random;
  readonly #fromEnd: boolean;
  /** Whether the process can no longer reach the servers; it may die at the call. */
  readonly #isCut: () => boolean;
  readonly #listeners = new Map<string, Listener[]>();
  readonly #paused = new Set<number>();
  readonly #seeks = new Map<number, number>();
  readonly #positions = new Map<number, number>();
  #eachBatch: (payload: EachBatchPayload) => Promise<void> = () => Promise.resolve();
  #generation = 0;
  #assigned: number[] = [];
  #isRestarting = false;
  isBusy = false;
  /** The process has ended: it emits and commits nothing. */
  isDead = false;

  constructor(broker: Broker, random: Random, fromEnd: boolean, isCut: () => boolean) {
    this.#broker = broker;
    this.#random = random;
    this.#fromEnd = fromEnd;
    this.#isCut = isCut;
  }

  connect = () => Promise.resolve();
  subscribe = () => Promise.resolve();
  on = (name: string, listener: Listener) =>
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
  run = ({ eachBatch }: { eachBatch: (payload: EachBatchPayload) => Promise<void> }) => {
    this.#eachBatch = eachBatch;
    this.#broker.members.add(this);
    this.#broker.rebalance();
    this.#join();
    return Promise.resolve();
  };
  disconnect = () => {
    if (this.#broker.members.delete(this)) this.#broker.rebalance();
    return Promise.resolve();
  };
  pause = (paused: { partitions: number[] }[]) => {
    for (const { partitions } of paused) for (const partition of partitions) this.#paused.add(partition);
  };
  resume = (resumed: { partitions: number[] }[]) => {
    for (const { partitions } of resumed) for (const partition of partitions) this.#paused.delete(partition);
  };
  seek = ({ partition, offset }: { partition: number; offset: string }) =>
    void this.#seeks.set(partition, Number(offset));

  commitOffsets = async (offsets: readonly Offset[]) => {
    // kafkajs writes the generation into the request.
    const generation = this.#generation;
    this.#isCut();
    await sleep(this.#random.integer(5));
    // The broker accepts a commit of any member with the current generation, even of another owner's partition.
    const isAccepted = generation === this.#broker.generation && this.#isCurrent;
    if (this.isDead || !isAccepted) throw new Error('ILLEGAL_GENERATION');
    for (const { partition, offset } of offsets) {
      this.#broker.committed.set(partition, Number(offset));
      this.#broker.onCommit(partition, Number(offset));
    }
    this.#isCut();
    if (this.#random.chance(0.05)) throw new Error('the answer is lost');
  };

  get #isCurrent(): boolean {
    return this.#generation === this.#broker.generation && this.#broker.members.has(this);
  }

  /** One turn of the fetch loop: joins again if it must, otherwise fetches and delivers. */
  async turn(): Promise<void> {
    if (this.isBusy || this.isDead || !this.#broker.members.has(this)) return;
    this.isBusy = true;
    try {
      if (!this.#isCurrent) {
        // An expelled member may join again without a `rebalancing` event.
        if (this.#random.chance(0.7)) this.#emit('rebalancing');
        await sleep(this.#random.integer(20));
        this.#isRestarting = false;
        this.#join();
        return;
      }
      if (this.#isRestarting) return;
      await this.#fetch();
    } finally {
      this.isBusy = false;
    }
  }

  /** kafkajs restarts after an error. No partition is paused any more. */
  crash(): void {
    if (this.isBusy || this.isDead || this.#isRestarting || !this.#broker.members.has(this)) return;
    this.#emit('crash', { error: new Error('passing'), restart: true });
    this.#isRestarting = true;
    this.#paused.clear();
    this.#broker.rebalance();
  }

  async #fetch(): Promise<void> {
    for (const [partition, offset] of this.#seeks) this.#positions.set(partition, offset);
    this.#seeks.clear();
    const fetched = this.#assigned
      .filter((partition) => !this.#paused.has(partition))
      .map((partition) => {
        const from = this.#positions.get(partition) ?? 0;
        const log = this.#broker.log[partition] ?? [];
        return { partition, from, records: log.slice(from, from + 1 + this.#random.integer(6)) };
      });
    await sleep(this.#random.integer(10));
    // Records that were fetched before a rebalance may be delivered after it.
    if (this.#broker.generation === this.#generation + 1 && this.#random.chance(0.5)) this.#join();
    for (const { partition, records } of fetched) {
      const last = records.at(-1);
      if (last === undefined) continue;
      try {
        await this.#eachBatch({
          batch: { topic: 'orders', partition, messages: records.map(messageOf) },
          heartbeat: () =>
            this.#isCurrent || this.#random.chance(0.3)
              ? Promise.resolve()
              : Promise.reject(Object.assign(new Error('rebalancing'), { type: 'REBALANCE_IN_PROGRESS' })),
          isRunning: () => true,
          isStale: () => this.#seeks.has(partition),
        } as unknown as EachBatchPayload);
      } finally {
        this.#positions.set(partition, Number(last.offset) + 1);
      }
    }
  }

  #join(): void {
    this.#generation = this.#broker.generation;
    this.#assigned = this.#broker.assignmentOf(this);
    this.#positions.clear();
    for (const partition of this.#assigned) {
      const begin = this.#fromEnd ? (this.#broker.log[partition]?.length ?? 0) : 0;
      this.#positions.set(partition, this.#broker.committed.get(partition) ?? begin);
    }
    this.#emit('group_join', { memberAssignment: { orders: this.#assigned } });
  }

  #emit(name: string, payload: Record<string, unknown> = {}): void {
    if (this.isDead) return;
    for (const listener of this.#listeners.get(`consumer.${name}`) ?? []) listener({ payload });
  }
}

/** A process: one consumer. All processes share one table. */
interface Process {
  readonly member: Member;
  readonly running: RunningConsumer;
  readonly rig: Rig;
  /** Its connection to the table and to the dead-letter topic. */
  readonly line: { isCut: boolean };
}

export class SimulatedWorld {
  readonly #seed: number;
  readonly #random: Random;
  readonly #profile: Profile;
  readonly #broker = new Broker();
  readonly #table = new MemoryClient();
  readonly #versions = new Map<string, number>();
  readonly #deadLetters = new Set<string>();
  readonly #wrong: string[] = [];
  /** The offset up to which each partition's commits were checked. */
  readonly #checked = new Map<number, number>();
  /** Events that were written before a group that begins at the end had begun. */
  readonly #beforeBegin = new Set<string>();
  readonly #processes: Process[] = [];
  readonly peaks: Peaks = {
    ...{ windowOfAKey: 0, parkedEvents: 0, deadLetters: 0, attemptsOnAnEvent: 0, millisecondsUntilCalm: 0 },
  };
  /** Points before the end at which a process has waited: before and after each of its calls. */
  points = 0;
  readonly #attempts = new Map<string, number>();
  #isCalm = false;
  /** Whether the version that reads every event is deployed. */
  #isDeployed = false;
  #effects = 0;

  constructor(seed: number, profile: Profile) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#profile = profile;
    this.#broker.onCommit = (partition, offset) => this.#checkCommit(partition, offset);
    this.#table.beforeWrite = async (entries) => {
      const keys = entries.flatMap(({ Put }) => (Put?.TableName === 'outbox' ? [Put.Item?.['pk']] : []));
      if (new Set(keys).size < keys.length) this.#wrong.push(`two outbox items of one key: ${keys.join()}`);
      await sleep(1 + this.#random.integer(15));
      // The handler ran before the end, although this write may come after its beginning.
      if (entries.some(({ Put }) => Put?.TableName === 'missing')) {
        throw awsError('ResourceNotFoundException', 400);
      }
      if (this.#isCalm || this.#profile.faults !== true) return;
      if (this.#random.chance(0.03)) throw unreachable();
      if (this.#random.chance(0.1)) {
        const code = this.#random.pick(['TransactionConflict', 'TransactionConflict', 'ThrottlingError']) ?? '';
        const at = this.#random.integer(entries.length);
        throw Object.assign(new Error('Cancelled'), {
          name: 'TransactionCanceledException',
          $metadata: { httpStatusCode: 400 },
          CancellationReasons: entries.map((_, each) => ({ Code: each === at ? code : 'None' })),
        });
      }
    };
    this.#table.afterWrite = () => {
      if (!this.#isCalm && this.#profile.faults === true && this.#random.chance(0.05)) throw unreachable();
    };
  }

  /** @returns the violated rules */
  play = (steps: number): Promise<readonly string[]> => withSeededRandomness(this.#seed, () => this.#play(steps));

  async #play(steps: number): Promise<readonly string[]> {
    for (let at = 0; at < MEMBERS; at++) await this.#start();
    if (this.#profile.fromEnd === true) await this.#beginSlowly();
    for (let step = 0; step < steps; step++) {
      await this.#step();
      await this.#pass(1 + this.#random.integer(10));
    }
    // Unreadable events beyond the breaker's limit must wait in their partition.
    if (this.#profile.aws === true && this.#profile.unreadable !== true) await this.#staysLively();
    await this.#end();
    this.#check();
    return this.#wrong;
  }

  /** Although some keys keep failing, every partition must be read to its end. */
  async #staysLively(): Promise<void> {
    await this.#pass(60_000, () => this.#isRead);
    if (!this.#isRead) this.#wrong.push(`a key stops its partition: ${this.#unread}`);
    if (this.#profile.steady !== true) return;
    const parked = [...this.#table.items.values()].flatMap(({ since, key }) =>
      since === undefined ? [] : [String(key)],
    );
    const innocent = parked.filter((key) => key !== REFUSED_KEY && key !== NO_TABLE_KEY);
    if (innocent.length > 0) this.#wrong.push(`parked for the failure of another key: ${innocent.join()}`);
  }

  /** The group rebalances while its first messages are in progress. */
  async #beginSlowly(): Promise<void> {
    await this.#pass(500);
    for (const key of KEYS) this.#write(key);
    await this.#pass(100);
    this.#broker.rebalance();
  }

  async #step(): Promise<void> {
    const random = this.#random;
    if (random.chance(0.6)) this.#write(random.pick(KEYS) ?? '');
    // More messages than the consumer may buffer.
    if (random.chance(0.02)) for (let left = 40; left > 0; left--) this.#write(random.pick(KEYS) ?? '');
    if (random.chance(0.08)) this.#repeat();
    if (random.chance(0.03)) this.#broker.rebalance();
    if (random.chance(0.02)) this.#lively()?.member.crash();
    if (random.chance(0.02)) await this.#replace();
  }

  #lively(): Process | undefined {
    return this.#random.pick(this.#processes);
  }

  /** The relay writes a key's events in order. */
  #write(key: string): void {
    const version = (this.#versions.get(key) ?? 0) + 1;
    this.#versions.set(key, version);
    this.#broker.append(this.#changeOf(key, version));
  }

  /** Some keys have events in the newer version. */
  #changeOf(key: string, version: number): RecordChange & { key: string } {
    const change = changeOf(key, version);
    const isNewer = this.#profile.unreadable === true && NEWER_KEYS.includes(key) && version % 5 === 0;
    return isNewer ? { ...change, type: 'order.placed.v2' } : change;
  }

  /** A relay that died before its mark publishes some of a key's last events again. */
  #repeat(): void {
    const key = this.#random.pick(KEYS) ?? '';
    const last = this.#versions.get(key) ?? 0;
    for (let version = Math.max(1, last - this.#random.integer(4)); version <= last; version++) {
      this.#broker.append(this.#changeOf(key, version));
    }
  }

  /** Resolves when the process has joined the group, or has died before. */
  async #start(): Promise<void> {
    let hasStarted = false;
    void this.#launch().then(() => (hasStarted = true));
    // A process that is cut off from Kafka never joins.
    await this.#pass(START_MS, () => hasStarted);
  }

  async #launch(): Promise<void> {
    const member = new Member(this.#broker, this.#random, this.#profile.fromEnd === true, () => isCut());
    const line = { isCut: false };
    const isCut = (): boolean => {
      if (!this.#isCalm && this.points++ === this.#profile.crashAt) this.#die(member, line);
      return line.isCut;
    };
    const cut = async <T>(answer: () => Promise<T>): Promise<T> => {
      if (isCut() || (this.#profile.hangs === true && !this.#isCalm && this.#random.chance(0.02))) return NEVER;
      const given = await answer();
      return isCut() ? NEVER : given;
    };
    const client = Object.assign(new MemoryClient(), {
      transactWrite: (input: Parameters<MemoryClient['transactWrite']>[0]) =>
        cut(() => this.#table.transactWrite(input)),
      get: (input: Parameters<MemoryClient['get']>[0]) => cut(() => this.#table.get(input)),
      query: (input: Parameters<MemoryClient['query']>[0]) => cut(() => this.#table.query(input)),
    });
    const skew = this.#profile.emits === true ? this.#random.integer(SKEW_MS) : 0;
    const clock = { now: () => Date.now() + skew };
    const rig = aRig<Definitions>(
      {
        clock,
        outbox: createOutbox({ tableName: 'outbox', service: 'shipping', region: 'local', events, clock }),
        markerRetentionMs: 3_000 * DAY_MS,
        attempts: 2,
        redriveIntervalMs: 0,
        handlers: { 'order.placed': (event, context) => this.#handle(event, context) },
        callTimeoutMs: CALL_TIMEOUT_MS,
        maxUnreadableKeys: MAX_UNREADABLE_KEYS,
        ...(this.#isDeployed ? { events: newerEvents as never } : {}),
        ...this.#profile.options,
      },
      client,
    );
    const producer = () => ({
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      send: ({ topic, messages }: { topic: string; messages: { headers: Record<string, Buffer> }[] }) =>
        cut(async () => {
          await sleep(this.#random.integer(10));
          if (!this.#isCalm && this.#random.chance(0.2)) throw new Error('no leader');
          for (const { headers } of messages) this.#deadLetters.add(String(headers['ce_id']));
          return [{ topicName: deadLetterTopic('orders', 'shipping'), errorCode: 0, baseOffset: '1', topic }];
        }),
    });
    const admin = () => ({
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      fetchOffsets: () => cut(() => Promise.resolve([{ topic: 'orders', partitions: this.#broker.committedOffsets }])),
      fetchTopicOffsets: () => cut(() => Promise.resolve(this.#broker.logOffsets)),
    });
    const fromEnd = this.#profile.fromEnd === true;
    const running = await runConsumer({
      consumer: rig.consumer,
      kafka: { consumer: () => member, producer, ...(fromEnd ? { admin } : {}) } as never,
      fromBeginning: !fromEnd,
      topics: ['orders'],
      commitIntervalMs: 20,
      drainTimeoutMs: 40,
      maxBuffered: 12,
      maxUncommitted: 40,
    });
    if (member.isDead) await running.stop();
    else this.#processes.push({ member, running, rig, line });
  }

  async #handle(
    { id }: { id: string },
    { key, partition, emit }: EventContext & EmittingContext<Definitions>,
  ): Promise<ReturnType<typeof effect>[]> {
    this.#checkHandled(partition);
    this.#attempts.set(id, (this.#attempts.get(id) ?? 0) + 1);
    if (this.#profile.emits === true) {
      // If the attempt fails later, its emitted events must not become visible.
      for (const name of [key, SHARED])
        emit({ aggregate: 'shipment', key: name }, [{ type: 'order.shipped', data: { total: 1 } }]);
    }
    const isFirst = this.#profile.fromEnd === true && id.endsWith(':1');
    await sleep(isFirst ? 300 : this.#random.chance(0.1) ? this.#random.integer(150) : this.#random.integer(10));
    if (!this.#isCalm) {
      if (this.#profile.aws === true) {
        if (key === REFUSED_KEY) throw awsError('ResourceNotFoundException', 400);
        if (key === NO_TABLE_KEY) return [effect(id, 'missing')];
        if (this.#random.chance(0.05)) throw awsError('InternalServerError', 500);
      }
      if (this.#profile.steady !== true && this.#random.chance(0.05)) throw new Error('passing');
      if (this.#profile.poison === true && Number(id.split(':')[1]) % 9 === 0) throw new Error('poison');
    }
    return [effect(`${id}~${++this.#effects}`)];
  }

  /** One process ends in one of several ways, and another one starts. */
  async #replace(): Promise<void> {
    const process = this.#lively();
    if (process === undefined) return;
    this.#processes.splice(this.#processes.indexOf(process), 1);
    const { member, running, line } = process;
    if (this.#random.chance(0.4)) {
      void running.stop();
    } else {
      member.isDead = true;
      // Otherwise the process is frozen, or cut off from Kafka only. Its work then goes on next to its successor.
      line.isCut = this.#random.chance(0.6);
      await member.disconnect();
    }
    await this.#start();
  }

  /** The process ends at once, and another one starts. */
  #die(member: Member, line: Process['line']): void {
    member.isDead = line.isCut = true;
    const at = this.#processes.findIndex((process) => process.member === member);
    if (at >= 0) this.#processes.splice(at, 1);
    void member.disconnect();
    void this.#launch();
  }

  async #pass(ms: number, until: () => boolean = () => false): Promise<void> {
    const end = Date.now() + ms;
    while (Date.now() < end && !until()) {
      for (const { member } of this.#processes) void member.turn();
      await jest.advanceTimersByTimeAsync(1);
    }
  }

  /** All faults end, and everything is read. */
  async #end(): Promise<void> {
    this.#isCalm = true;
    const calmAt = Date.now();
    if (this.#profile.unreadable === true) {
      const unreadable = [...this.#table.items.values()].filter(
        ({ why, since }) => since !== undefined && String(why).startsWith('newer-version'),
      );
      if (unreadable.length > MAX_UNREADABLE_KEYS)
        this.#wrong.push(`${unreadable.length} keys are parked as unreadable`);
      await this.#deploy();
    }
    const [last] = this.#processes;
    await this.#pass(30_000, () => this.#isRead);
    this.#peak('millisecondsUntilCalm', Date.now() - calmAt);
    this.#checkBounds();
    for (let round = 0; round < 3 && last !== undefined; round++) {
      for await (const key of last.rig.consumer.parkedKeys()) {
        const released = { answers: 0, isParked: true };
        void last.rig.consumer.redriveParked(key).then(({ isParked }) => {
          released.answers++;
          released.isParked = isParked;
        });
        await this.#pass(20_000, () => released.answers > 0);
        if (released.isParked) this.#wrong.push(`key ${key.key} stays parked`);
      }
      await this.#pass(200);
    }
    for (const { running } of this.#processes) void running.stop();
    await this.#pass(1_000);
  }

  /** Replaces every process by one that reads the newer version. */
  async #deploy(): Promise<void> {
    this.#isDeployed = true;
    for (const { running } of this.#processes.splice(0)) void running.stop();
    for (let at = 0; at < MEMBERS; at++) await this.#start();
  }

  get #unread(): string {
    return this.#broker.log.map((log, at) => `${this.#broker.committed.get(at) ?? 0} of ${log.length}`).join(', ');
  }

  get #isRead(): boolean {
    return this.#broker.log.every((log, partition) => log.length === (this.#broker.committed.get(partition) ?? 0));
  }

  #applied(): string[] {
    return this.#table.effects().map((name) => name.split('~')[0] ?? '');
  }

  /** No event that is still owed may be before a committed offset. */
  #checkCommit(partition: number, offset: number): void {
    // If a process dies before it commits the begin of a partition, another one begins it later.
    if (this.#profile.fromEnd === true && !this.#checked.has(partition)) {
      for (const record of this.#broker.log[partition]?.slice(0, offset) ?? []) this.#beforeBegin.add(idOf(record));
      this.#checked.set(partition, offset);
      return;
    }
    const from = this.#checked.get(partition) ?? 0;
    if (offset <= from) return;
    this.#checked.set(partition, offset);
    const settled = new Set([...this.#applied(), ...this.#deadLetters]);
    for (const item of this.#table.items.values()) {
      const headers = item['headers'];
      if (!Array.isArray(headers)) continue;
      const id = (headers as [string, Uint8Array][]).find(([name]) => name === 'ce_id')?.[1];
      settled.add(Buffer.from(id ?? []).toString());
    }
    for (const record of this.#broker.log[partition]?.slice(from, offset) ?? []) {
      const id = idOf(record);
      if (!settled.has(id)) this.#wrong.push(`offset ${offset} of ${partition} committed, although ${id} is owed`);
    }
  }

  /** Where a group begins at the end is committed before a handler runs: a later begin would skip its event. */
  #checkHandled(partition: number): void {
    if (this.#profile.fromEnd !== true || this.#broker.committed.has(partition)) return;
    this.#wrong.push(`partition ${partition} is handled before its begin is committed`);
  }

  /** Each event with an effect emitted one event. If the key has versions, the order is that of the effects. */
  #checkEmitted(key: string, applied: readonly string[]): void {
    const causes = [...this.#table.items.values()]
      .filter(({ pk, causationId }) => pk === `shipment#${key}` && causationId !== undefined)
      .toSorted((a, b) => (String(a['sk']) < String(b['sk']) ? -1 : 1))
      .map(({ causationId }) => String(causationId));
    const hasOrder = key !== SHARED && !key.startsWith('plain');
    const [wanted, found] = hasOrder ? [applied, causes] : [applied.toSorted(), causes.toSorted()];
    if (wanted.join() === found.join()) return;
    const isComplete = wanted.toSorted().join() === found.toSorted().join();
    this.#wrong.push(
      `emitted ${isComplete ? 'out of order' : 'not once'} for ${key}: ${found.join()} for ${wanted.join()}`,
    );
  }

  #peak(name: keyof Peaks, value: number): void {
    if (value > this.peaks[name]) this.peaks[name] = value;
  }

  #checkBounds(): void {
    let parked = 0;
    for (const { window, since } of this.#table.items.values()) {
      if (Array.isArray(window)) this.#peak('windowOfAKey', window.length);
      if (since !== undefined) parked++;
    }
    this.#peak('parkedEvents', parked);
    this.#peak('deadLetters', this.#deadLetters.size);
    for (const count of this.#attempts.values()) this.#peak('attemptsOnAnEvent', count);
    if (this.peaks.windowOfAKey > WINDOW_SIZE)
      this.#wrong.push(`the window of a key has ${this.peaks.windowOfAKey} events`);
  }

  #check(): void {
    if (!this.#isRead) {
      this.#wrong.push(`not everything is read: ${this.#unread}`);
    }
    if (this.#profile.steady === true && this.#deadLetters.size > 0) {
      this.#wrong.push(`dead-lettered without a failure: ${[...this.#deadLetters].join()}`);
    }
    if (this.#profile.options?.onFailure !== 'dead-letter' && this.#deadLetters.size > 0) {
      this.#wrong.push(`torn out of the order of their keys: ${[...this.#deadLetters].join()}`);
    }
    const applied = this.#applied();
    for (const key of KEYS) {
      const ofKey = applied.filter((id) => id.startsWith(`${key}:`));
      const twice = ofKey.filter((id, at) => ofKey.indexOf(id) !== at);
      if (twice.length > 0) this.#wrong.push(`applied twice: ${twice.join()}`);
      const versions = ofKey.map((id) => Number(id.split(':')[1]));
      // A dead letter may be delivered again, and is then late.
      const inOrder = versions.filter((version) => !this.#deadLetters.has(`${key}:${version}`));
      inOrder.forEach((version, at) => {
        if (at > 0 && version < (inOrder[at - 1] ?? 0)) this.#wrong.push(`${key}:${version} out of order`);
      });
      if (this.#profile.emits === true) this.#checkEmitted(key, ofKey);
      for (let version = 1; version <= (this.#versions.get(key) ?? 0); version++) {
        const id = `${key}:${version}`;
        const isOwed = !this.#beforeBegin.has(id) && !this.#deadLetters.has(id);
        if (isOwed && !ofKey.includes(id)) this.#wrong.push(`lost: ${id}`);
      }
    }
    if (this.#profile.emits === true) this.#checkEmitted(SHARED, applied);
    for (const { rig } of this.#processes) {
      if (this.#profile.options?.onFailure !== 'dead-letter' && rig.told.of('late').length > 0) {
        this.#wrong.push('an event was reported as late');
      }
    }
  }
}

const DAY_MS = 24 * 3600_000;
const NEVER = new Promise<never>(() => undefined);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const effect = (id: string, TableName = 'effects') => ({ Put: { TableName, Item: { id } } });
const awsError = (name: string, httpStatusCode: number): Error =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });
/** All handlers emit an event for this key. */
const SHARED = 'shared';
const NEWER_KEYS = ['a', 'c', 'e', 'f', 'plain-g'];
const idOf = ({ headers }: ConsumedRecord): string => String(headers['ce_id']);
/** Some keys have no versions. */
const changeOf = (key: string, version: number) =>
  key.startsWith('plain')
    ? { key, id: `${key}:${version}`, timestamp: Date.now() }
    : { key, version, id: `${key}:${version}` };
const messageOf = ({ offset, key, value, headers, timestamp }: ConsumedRecord) =>
  ({ offset: String(offset), key, value, headers, timestamp: String(timestamp) }) as unknown as KafkaMessage;
