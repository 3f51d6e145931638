import {
  KafkaJSNonRetriableError,
  type Consumer as KafkaConsumer,
  type ConsumerConfig,
  type EachBatchPayload,
  type Kafka,
  type KafkaMessage,
} from 'kafkajs';
import { refuseOption, requireOptions } from '../../event/options';
import { OutboxError } from '../../event/errors';
import { registerCodecs, unreadableBatchOf } from '../../kafka/codecs/codecs';
import { protocolErrorOf } from '../../kafka/protocol-error';
import { BufferedBytes } from '../buffered-bytes';
import type { Consumer } from '../consumer';
import { kafkajsDeadLetters, type KafkaDeadLetters } from './dead-letters';
import { queueKeyOf } from '../inbox-keys';
import { KeyQueues, type KeyQueue } from '../key-queues';
import { AssignedPartition, partitionName } from '../assigned-partition';
import type { InFlightMessage } from '../processor';
import { bytesOf, detached, headersByName, type ConsumedRecord } from '../record';
import { isCount } from '../settings';
import { atMost, repeatedly, wait } from '../../timing/wait';
import { withAdmin, type MaybeAdmin } from './admin';
import { isUnknownTopic, MissingTopics } from './missing-topics';
import { PartitionStarts } from './partition-starts';
import { withRepeatedLog } from './repeated-log';
import { goneBetween } from './start-offsets';

/** The options of {@link runConsumer}. */
export interface RunOptions {
  /** Made by `createConsumer`. */
  readonly consumer: Consumer;
  /**
   * The client of kafkajs, with brokers and security. `admin` reads the offsets of partitions when they are assigned.
   * Without it, a committed offset that is no longer in the log is not reported, and `fromBeginning: false` then skips
   * everything up to the end.
   */
  readonly kafka: Pick<Kafka, 'consumer' | 'producer'> & MaybeAdmin;
  readonly topics: readonly string[];
  /**
   * Where a group without offsets begins. `false`: at the end that each partition has at its first assignment; that
   * offset is committed before any message is read. With `admin`, a group whose committed offset is no longer in the
   * log continues at the beginning of the log in either case.
   *
   * @default true, because a consumer that begins at the end has never seen what came before
   */
  readonly fromBeginning?: boolean;
  /**
   * Further options of kafkajs's consumer, such as `sessionTimeout`. `maxBytesPerPartition` must not be below the
   * largest batch of the topics: kafkajs reads such a partition only while those before it are paused or empty.
   *
   * @default { maxWaitTimeInMs: 500, maxBytes: 5242880, maxBytesPerPartition: 1114112 }, and kafkajs's own defaults
   */
  readonly kafkaConsumer?: Omit<ConsumerConfig, 'groupId'>;
  /**
   * How often offsets are committed.
   *
   * @default 1000
   */
  readonly commitIntervalMs?: number;
  /**
   * How many messages of a partition may be unfinished before it is paused.
   *
   * @default 1000
   */
  readonly maxBuffered?: number;
  /**
   * How many messages of a partition may wait behind an unfinished one, finished or not, before it is paused. So many
   * may be delivered again after a crash.
   *
   * @default 10000
   */
  readonly maxUncommitted?: number;
  /**
   * How many bytes of messages of a partition may be in memory before it is paused. A larger message is taken if the
   * partition has no other one. An integer from 1 to 2^40.
   *
   * @default 8388608 (8 MiB)
   */
  readonly maxBufferedBytes?: number;
  /**
   * The same for all partitions of this consumer together. Half of it is divided evenly among them, so that a blocked
   * partition does not stop the others; the other half goes to those that need more.
   *
   * @default 33554432 (32 MiB)
   */
  readonly maxTotalBufferedBytes?: number;
  /**
   * How long a rebalance or the end waits for messages in progress.
   *
   * @default 20000
   */
  readonly drainTimeoutMs?: number;
}

/** Limits what kafkajs holds next to the buffers: each response of a broker, until its messages are taken. */
const FETCHES = {
  maxWaitTimeInMs: 500,
  maxBytes: 5 * 1024 * 1024,
  // Brokers take batches of 1 MiB and 12 bytes by default, for which kafkajs's own default is too small.
  maxBytesPerPartition: 1024 * 1024 + 64 * 1024,
} as const satisfies Partial<ConsumerConfig>;

/** A message in progress and in memory. */
interface BufferedDelivery extends InFlightMessage {
  /** The message is no longer in memory. */
  readonly release: () => void;
}

/** The part of kafkajs's payload that is used. */
type Taken = Pick<EachBatchPayload, 'heartbeat' | 'isRunning' | 'isStale'> &
  Partial<Pick<EachBatchPayload, 'resolveOffset'>> & {
    /** `fetchedOffset`: the requested offset, which kafkajs's types lack. */
    readonly batch: EachBatchPayload['batch'] & { readonly fetchedOffset?: string };
  };

/** A running consumer. */
export interface RunningConsumer {
  /**
   * Resolves when the consumer has stopped. Rejects if kafkajs has given up for good or could not leave the group: let
   * the process end then, so that something restarts it.
   */
  readonly done: Promise<void>;
  /** Finishes messages in progress, commits and leaves the group. A second call waits for the first. */
  stop(): Promise<void>;
}

const DEFAULTS = {
  fromBeginning: true,
  kafkaConsumer: {},
  commitIntervalMs: 1_000,
  maxBuffered: 1_000,
  maxUncommitted: 10_000,
  maxBufferedBytes: 8 * 1024 * 1024,
  maxTotalBufferedBytes: 32 * 1024 * 1024,
  drainTimeoutMs: 20_000,
} as const satisfies Partial<RunOptions>;

const OPTIONS = ['consumer', 'kafka', 'topics', ...Object.keys(DEFAULTS)];
const COUNTS = [
  'commitIntervalMs',
  'maxBuffered',
  'maxUncommitted',
  'drainTimeoutMs',
] as const satisfies readonly (keyof RunOptions)[];
const BYTES = ['maxBufferedBytes', 'maxTotalBufferedBytes'] as const satisfies readonly (keyof RunOptions)[];
/** How often the consumer reports that Kafka does not answer. */
const CONNECT_MS = 10_000;
/** How often the consumer looks for missing topics. */
const TOPICS_MS = 1_000;
const HOUR_MS = 3600_000;
const MAX_BYTES = 2 ** 40;

/**
 * Joins the consumer's group and applies the messages of its topics, until `stop`.
 *
 * Messages are fetched ahead and processed by key, so that a slow key delays only itself; offsets are committed up to
 * the lowest unfinished message.
 *
 * If a topic does not exist, the promise still resolves; the consumer waits for the topic and reports `topicsMissing`.
 *
 * @throws OutboxError `invalid-option`; the error of kafkajs if it cannot connect, or may not read a topic.
 * @example
 * ```ts
 * const running = await runConsumer({ consumer: shipping, kafka: new Kafka({ brokers }), topics: ['orders'] });
 * process.once('SIGTERM', () => void running.stop());
 * await running.done;
 * ```
 */
export async function runConsumer(options: RunOptions): Promise<RunningConsumer> {
  checkOptions(options);
  registerCodecs();
  const runner = new KafkajsRunner({ ...DEFAULTS, ...options });
  await runner.start();
  return runner;
}

function checkOptions(options: RunOptions): void {
  const given = requireOptions(options, OPTIONS);
  const { topics } = options;
  if (!Array.isArray(topics) || topics.length === 0 || !topics.every((topic) => typeof topic === 'string')) {
    refuseOption('topics', topics, 'an array of at least one topic name');
  }
  for (const option of COUNTS) {
    const value = given[option];
    if (value !== undefined && !isCount(value, HOUR_MS)) refuseOption(option, value, `an integer from 1 to ${HOUR_MS}`);
  }
  for (const option of BYTES) {
    const value = given[option];
    if (value !== undefined && !isCount(value, MAX_BYTES)) refuseOption(option, value, 'an integer from 1 to 2^40');
  }
}

class KafkajsRunner implements RunningConsumer {
  readonly done: Promise<undefined>;
  readonly #options: Required<RunOptions>;
  readonly #kafkaConsumer: KafkaConsumer;
  readonly #deadLetters: KafkaDeadLetters;
  readonly #queues: KeyQueues<BufferedDelivery>;
  readonly #memory: BufferedBytes;
  readonly #end = Promise.withResolvers<undefined>();
  readonly #runs = new Map<string, AssignedPartition>();
  /** Runs that no longer read and whose work has not ended: their messages are still in memory. */
  readonly #ended = new Set<AssignedPartition>();
  #assigned: ReadonlySet<string> = new Set();
  readonly #starts: PartitionStarts | undefined;
  readonly #missing: MissingTopics;
  /** Where kafkajs must continue in each partition. */
  readonly #positions = new Map<string, bigint>();
  /** The lowest unfinished offset of partitions that were ours before the last rebalance. */
  readonly #owed = new Map<string, bigint>();
  #committing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  readonly #ending = new AbortController();
  #looking: Promise<void> = Promise.resolve();
  #awaitingTopics: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #hasLeft = false;
  /** Set while kafkajs restarts after a crash. */
  #restart: PromiseWithResolvers<void> | undefined;

  constructor(options: Required<RunOptions>) {
    this.#options = options;
    const { consumer, kafka, kafkaConsumer } = options;
    const { telemetry, callTimeoutMs: timeoutMs } = consumer.settings;
    this.#kafkaConsumer = withRepeatedLog(kafka, () =>
      kafka.consumer({ ...FETCHES, allowAutoTopicCreation: false, ...kafkaConsumer, groupId: consumer.name }),
    );
    this.#deadLetters = kafkajsDeadLetters({ kafka, consumer: consumer.name, timeoutMs });
    this.#missing = new MissingTopics(telemetry);
    if (kafka.admin !== undefined) {
      this.#starts = new PartitionStarts({
        groupId: consumer.name,
        kafka,
        consumer: this.#kafkaConsumer,
        fromBeginning: options.fromBeginning,
        telemetry,
        begin: (topic, partition) => {
          // The partition may continue elsewhere now.
          this.#positions.delete(partitionName(topic, partition));
          this.#beginPartition(topic, partition);
        },
      });
    }
    const processor = consumer.processor(this.#deadLetters);
    this.#memory = new BufferedBytes(options);
    this.#queues = new KeyQueues(async (deliveries, queue) => {
      const held = [...deliveries];
      const take: KeyQueue<BufferedDelivery>['take'] = async (isWanted, ms, signal) => {
        const taken = await queue.take(isWanted, ms, signal);
        if (taken !== undefined) held.push(taken);
        return taken;
      };
      await processor.process(deliveries, { take });
      for (const { release } of held) release();
    }, consumer.settings.eventsOfKeyPerTransaction);
    this.done = this.#end.promise;
    // A rejection of `done` must not end a process that ignores it.
    this.done.catch(() => undefined);
  }

  async start(): Promise<void> {
    const consumer = this.#kafkaConsumer;
    const { topics, commitIntervalMs } = this.#options;
    consumer.on('consumer.rebalancing', () => this.#revoke());
    consumer.on('consumer.group_join', ({ payload }) => {
      this.#hasRestarted();
      this.#assign(payload.memberAssignment);
    });
    consumer.on('consumer.crash', ({ payload: { error, restart } }) => {
      this.#hasRestarted();
      if (!restart) void this.#crash(error);
      else if (this.#hasLeft) this.#leaveAgain();
      else {
        this.#starts?.end();
        if (isUnknownTopic(error)) void this.#reportMissing();
        else this.#telemetry.readFailed(this.#placed(error));
        this.#restart = Promise.withResolvers();
      }
    });
    consumer.on('consumer.end_batch_process', ({ payload: { topic, partition, batchSize, lastOffset } }) => {
      const name = partitionName(topic, partition);
      // The batch had only control records or messages of aborted transactions, which kafkajs does not hand over.
      if (batchSize === 0 && this.#positions.has(name)) this.#positions.set(name, BigInt(lastOffset) + 1n);
    });
    // Set before a crash is possible, because a crash clears it.
    this.#timer = setInterval(() => {
      void this.#commit();
      this.#telemetry.flush();
    }, commitIntervalMs);
    const connected = new AbortController();
    void this.#reportSilence(connected.signal);
    try {
      await consumer.connect();
      const missing = await this.#subscribe(topics);
      connected.abort();
      if (missing.length === 0) await this.#run();
      else this.#awaitingTopics = this.#awaitTopics(missing);
    } catch (error) {
      connected.abort();
      clearInterval(this.#timer);
      // The caller must learn why the start failed, not that the disconnect failed too.
      await consumer.disconnect().catch(() => undefined);
      throw error;
    }
    const { requests, settings } = this.#options.consumer;
    if (settings.redriveEveryMs > 0) {
      this.#looking = repeatedly((signal) => requests.poll(signal), settings.redriveEveryMs, this.#ending.signal);
    }
  }

  /** Reports brokers that do not answer: kafkajs tries for minutes to connect to them. */
  async #reportSilence(connected: AbortSignal): Promise<void> {
    for (;;) {
      await wait(CONNECT_MS, connected);
      if (connected.aborted) return;
      this.#telemetry.readFailed(notConnected());
    }
  }

  /** Returns the topics that do not exist. */
  async #subscribe(topics: readonly string[]): Promise<readonly string[]> {
    // kafkajs also uses this option if the log no longer has its offset.
    const fromBeginning = this.#starts !== undefined || this.#options.fromBeginning;
    try {
      await this.#kafkaConsumer.subscribe({ topics: [...topics], fromBeginning });
      return [];
    } catch (error) {
      if (!isUnknownTopic(error)) throw error;
    }
    const missing: string[] = [];
    // kafkajs does not name the missing topic.
    for (const topic of topics) {
      try {
        await this.#kafkaConsumer.subscribe({ topics: [topic], fromBeginning });
      } catch (error) {
        if (!isUnknownTopic(error)) throw error;
        missing.push(topic);
      }
    }
    return missing;
  }

  async #run(): Promise<void> {
    await this.#starts?.prepare(this.#options.topics);
    await this.#kafkaConsumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => this.#take(payload),
    });
  }

  /** Never rejects. */
  async #awaitTopics(topics: readonly string[]): Promise<void> {
    const { signal } = this.#ending;
    for (let missing = topics; missing.length > 0;) {
      this.#missing.report(missing);
      await wait(TOPICS_MS, signal);
      if (signal.aborted) return;
      try {
        missing = await this.#subscribe(missing);
      } catch (error) {
        this.#telemetry.readFailed(error);
      }
    }
    if (signal.aborted) return;
    await this.#run().catch((error: unknown) => this.#crash(error));
  }

  /** Reports missing topics while the consumer runs: kafkajs does not name them, and restarts again and again. */
  async #reportMissing(): Promise<void> {
    const { kafka, topics } = this.#options;
    try {
      const existing = await withAdmin(kafka, this.#ending.signal, (admin) => admin.listTopics());
      const missing = topics.filter((topic) => !existing.includes(topic));
      if (missing.length > 0) this.#missing.report(missing);
    } catch {
      // At least one of them is missing.
      this.#missing.report(topics);
    }
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  get #telemetry() {
    return this.#options.consumer.settings.telemetry;
  }

  async #stop(): Promise<void> {
    this.#ending.abort();
    this.#starts?.end();
    await this.#drain(Promise.all([this.#looking, this.#awaitingTopics]));
    clearInterval(this.#timer);
    await this.#commit();
    await this.#untilStoppable();
    this.#hasLeft = true;
    try {
      // Leaves the group, so that the others need not wait for the session to time out.
      await this.#kafkaConsumer.disconnect();
    } catch (error) {
      this.#end.reject(error);
      throw error;
    } finally {
      await this.#deadLetters.close();
      this.#telemetry.flush();
    }
    this.#end.resolve(undefined);
  }

  /** A consumer that is disconnected while it rejoins after a crash stays in the group without processing anything. */
  async #untilStoppable(): Promise<void> {
    if (this.#restart === undefined || !this.#hasBegun) return;
    await atMost(this.#options.drainTimeoutMs, this.#restart.promise);
  }

  /** Whether kafkajs runs; otherwise it waits for its restart after a crash. */
  get #hasBegun(): boolean {
    try {
      this.#kafkaConsumer.pause([]);
      return true;
    } catch {
      return false;
    }
  }

  /** kafkajs has joined, or crashed again. It continues right after the event, so the waiting code runs after that. */
  #hasRestarted(): void {
    const restart = this.#restart;
    this.#restart = undefined;
    if (restart !== undefined) setImmediate(restart.resolve);
  }

  /** kafkajs crashed while it stopped, and sets a restart timer right after this event: disconnect after that. */
  #leaveAgain(): void {
    setImmediate(() => void this.#kafkaConsumer.disconnect().catch(() => undefined));
  }

  /** kafkajs reports an unreadable batch without its place: it is in one of the partitions that were being fetched. */
  #placed(error: Error): Error {
    const batch = unreadableBatchOf(error);
    if (batch === undefined) return error;
    const paused = new Set([...this.#runs].flatMap(([name, run]) => (run.isPaused ? [name] : [])));
    const partitions = [...this.#assigned].filter((name) => !paused.has(name));
    const { codec, why } = batch.details;
    return new OutboxError(
      'unreadable-batch',
      `A batch compressed with ${codec} in ${partitions.join(' or ')} cannot be read: ${why}. ` +
        `The consumer stands there and tries again. \`outbox verify\` names the partition and the offset; ` +
        `if the batch is damaged on every broker, move the group's offset past it.`,
      { codec, why, partitions },
      { cause: error },
    );
  }

  async #crash(error: unknown): Promise<void> {
    this.#ending.abort();
    this.#starts?.end();
    clearInterval(this.#timer);
    for (const run of [...this.#runs.values(), ...this.#ended]) run.end();
    await this.#deadLetters.close();
    this.#telemetry.flush();
    this.#end.reject(error);
  }

  /** Hands messages to the queues of their keys, as far as there is room. The next fetch does not wait for them. */
  async #take({ batch, heartbeat, isRunning, isStale, resolveOffset }: Taken): Promise<void> {
    const { topic, partition, messages } = batch;
    const [first, last] = [messages[0], messages.at(-1)];
    if (first === undefined || last === undefined || !isRunning() || isStale()) return;
    if (this.#stopping !== undefined) {
      // Skipped, otherwise kafkajs fetches it again at once. Its offsets are not committed.
      resolveOffset?.(last.offset);
      return;
    }
    // Fetched before a rebalance gave the partition to another consumer: our commit would skip its unfinished messages.
    if (!this.#assigned.has(partitionName(topic, partition))) return;
    const isReset = this.#isReset(batch);
    if (isReset) this.#leaveRun(topic, partition, BigInt(first.offset));
    const run = this.#runOf(topic, partition, BigInt(first.offset));
    if (run === undefined) return;
    // kafkajs has committed the beginning of the log.
    if (isReset) run.committed(undefined);
    const taken = this.#begin(run, messages);
    if (batch.fetchedOffset !== undefined) {
      const end = taken < messages.length ? (messages[taken - 1] ?? first).offset : batch.lastOffset();
      this.#positions.set(partitionName(topic, partition), BigInt(end) + 1n);
    }
    // kafkajs continues after this offset. Messages that were not taken are fetched again when there is room.
    resolveOffset?.((messages[taken - 1] ?? first).offset);
    if (taken < messages.length || run.isFull || this.#roomOf(run) <= 0) this.#pause(run);
    try {
      await heartbeat();
    } catch (error) {
      // kafkajs gets the same response at its own next heartbeat, and then joins again.
      if (protocolErrorOf(error) !== 'REBALANCE_IN_PROGRESS') return;
      // Finish messages in progress and commit them, before others get the partition.
      await this.#drain();
      await this.#commit();
    }
  }

  /** Whether kafkajs went back to the beginning of the log, because the log does not have the requested offset. */
  #isReset({ topic, partition, fetchedOffset }: Taken['batch']): boolean {
    const expected = this.#positions.get(partitionName(topic, partition));
    if (fetchedOffset === undefined || expected === undefined || BigInt(fetchedOffset) === expected) return false;
    this.#telemetry.messagesGone?.(goneBetween({ topic, partition }, expected, BigInt(fetchedOffset)));
    return true;
  }

  /** The log was recreated: messages of the old one in memory cannot be delivered again, so the run finishes them. */
  #leaveRun(topic: string, partition: number, first: bigint): void {
    const name = partitionName(topic, partition);
    const run = this.#runs.get(name);
    if (run?.isBehind(first) !== true || run.signal.aborted) return;
    this.#runs.delete(name);
    if (run.isBuffering) this.#ended.add(run);
  }

  /** The partition's run, to take messages from `first` on; `undefined` if earlier ones must be fetched before. */
  #runOf(topic: string, partition: number, first: bigint): AssignedPartition | undefined {
    const name = partitionName(topic, partition);
    const known = this.#runs.get(name);
    if (known !== undefined && !known.signal.aborted && !known.isBehind(first)) return known;
    if (known !== undefined) this.#endRun(known);
    if (this.#mustGoBack(topic, partition, first)) return undefined;
    const { consumer, maxBuffered, maxUncommitted } = this.#options;
    const { concurrency } = consumer.settings;
    const run = new AssignedPartition(topic, partition, { concurrency, maxBuffered, maxUncommitted });
    this.#runs.set(name, run);
    return run;
  }

  /**
   * A batch that was fetched before a rebalance can come after it. kafkajs would continue after the batch, although
   * earlier messages that were released in the rebalance are unfinished.
   */
  #mustGoBack(topic: string, partition: number, first: bigint): boolean {
    const name = partitionName(topic, partition);
    const owed = this.#owed.get(name);
    this.#owed.delete(name);
    if (owed === undefined || first <= owed) return false;
    this.#positions.delete(name);
    this.#kafkaConsumer.seek({ topic, partition, offset: String(owed) });
    return true;
  }

  /** Takes messages as far as there is room for them, and at least one if the partition has none. Returns how many. */
  #begin(run: AssignedPartition, messages: readonly KafkaMessage[]): number {
    let room = this.#roomOf(run);
    let taken = 0;
    for (const message of messages) {
      const view = recordOf(run, message);
      const bytes = bytesOf(view);
      if (bytes > room && run.isBuffering) break;
      room -= bytes;
      taken++;
      this.#beginOne(run, detached(view), bytes);
    }
    return taken;
  }

  #beginOne(run: AssignedPartition, record: ConsumedRecord, bytes: number): void {
    run.begin(record.offset);
    run.buffer(bytes);
    this.#queues.add(queueKeyOf(record), {
      record,
      semaphore: run.semaphore,
      signal: run.signal,
      finished: () => run.finish(record.offset),
      release: () => {
        run.release(bytes);
        if (!run.isBuffering) this.#ended.delete(run);
        this.#resumeWhereRoom();
      },
    });
  }

  #roomOf(run: AssignedPartition): number {
    const all = [...this.#runs.values(), ...this.#ended];
    return this.#memory.roomOf(
      run,
      all.filter((other) => other !== run),
    );
  }

  /** Resumes only half-empty partitions, so that a partition is not paused and resumed for each message. */
  #resumeWhereRoom(): void {
    for (const run of this.#runs.values()) {
      if (!run.isPaused || run.signal.aborted || !run.hasRoom) continue;
      if (!run.isBuffering || this.#roomOf(run) >= run.bufferedBytes) this.#resume(run);
    }
  }

  #pause(run: AssignedPartition): void {
    run.isPaused = true;
    this.#kafkaConsumer.pause([{ topic: run.topic, partitions: [run.partition] }]);
  }

  #resume(run: AssignedPartition): void {
    run.isPaused = false;
    this.#beginPartition(run.topic, run.partition);
  }

  #beginPartition(topic: string, partition: number): void {
    // Its run can be full already, and its start undecided.
    if (this.#runs.get(partitionName(topic, partition))?.isPaused === true) return;
    if (this.#starts?.isWaiting(topic, partition) === true) return;
    try {
      this.#kafkaConsumer.resume([{ topic, partitions: [partition] }]);
    } catch (error) {
      // Between a crash of kafkajs's consumer and its restart there is nothing to resume, and nothing paused after it.
      if (!(error instanceof KafkaJSNonRetriableError)) throw error;
    }
  }

  /** Starts no more work, and waits for messages in progress. */
  async #drain(beside: Promise<unknown> = Promise.resolve()): Promise<void> {
    for (const run of [...this.#runs.values(), ...this.#ended]) run.end();
    await atMost(this.#options.drainTimeoutMs, Promise.all([this.#queues.idle(), beside]));
  }

  /** The partitions may go to other consumers: finished work is committed while this member still may. */
  #revoke(): void {
    this.#starts?.end();
    void this.#commit();
    this.#endRuns();
  }

  #assign(assigned: Readonly<Record<string, readonly number[]>>): void {
    this.#endRuns();
    const ours = new Set(
      Object.entries(assigned).flatMap(([topic, partitions]) =>
        partitions.map((partition) => partitionName(topic, partition)),
      ),
    );
    this.#assigned = ours;
    this.#memory.assign(ours.size);
    for (const name of this.#owed.keys()) if (!ours.has(name)) this.#owed.delete(name);
    this.#positions.clear();
    this.#telemetry.rebalanced({ assigned });
    this.#starts?.assign(assigned);
  }

  #endRuns(): void {
    for (const run of this.#runs.values()) this.#endRun(run);
    for (const run of this.#ended) run.end();
  }

  #endRun(run: AssignedPartition): void {
    const name = partitionName(run.topic, run.partition);
    run.end();
    this.#runs.delete(name);
    if (run.isBuffering) this.#ended.add(run);
    const { lowestUnfinished } = run;
    if (lowestUnfinished !== undefined) this.#owed.set(name, lowestUnfinished);
    // kafkajs keeps a partition paused when it is assigned again.
    if (run.isPaused) this.#resume(run);
  }

  /** Runs one commit at a time. The next one makes up for a failed one; uncommitted messages are delivered again. */
  #commit(): Promise<void> {
    const runs = [...this.#runs.values()];
    return (this.#committing = this.#committing.then(() => this.#commitRuns(runs)));
  }

  async #commitRuns(runs: readonly AssignedPartition[]): Promise<void> {
    const due = runs.flatMap((run) => {
      const { uncommitted } = run;
      return uncommitted === undefined ? [] : [{ run, offset: uncommitted }];
    });
    if (due.length === 0) return;
    try {
      await this.#kafkaConsumer.commitOffsets(
        due.map(({ run: { topic, partition }, offset }) => ({ topic, partition, offset: String(offset) })),
      );
      for (const { run, offset } of due) run.committed(offset);
    } catch (error) {
      this.#telemetry.commitFailed(error);
    }
  }
}

const notConnected = (): OutboxError<'service-unavailable'> => {
  const why = `it has not answered for ${CONNECT_MS / 1000} seconds`;
  return new OutboxError(
    'service-unavailable',
    `The consumer cannot connect to Kafka: ${why}. Check the addresses of the brokers, the network and the security groups.`,
    { service: 'Kafka', place: 'the brokers', action: 'connecting', why },
  );
};

const recordOf = ({ topic, partition }: AssignedPartition, message: KafkaMessage): ConsumedRecord => ({
  topic,
  partition,
  offset: BigInt(message.offset),
  timestamp: Number(message.timestamp),
  key: message.key,
  value: message.value,
  headers: headersByName(Object.entries(message.headers ?? {})),
});
