import { kafkaCausesOf, protocolErrorOf } from '../../kafka/protocol-error';
import type { ConsumerTelemetry } from '../ports';
import type { Consumer as KafkaConsumer, ConsumerConfig } from 'kafkajs';
import { OutboxError } from '../../event/errors';
import { registerCodecs, unreadableBatchOf } from '../../kafka/codecs/codecs';
import { atMost, repeatedly, wait } from '../../timing/wait';
import { withAdmin } from './admin';
import { kafkajsDeadLetters, type KafkaDeadLetters } from './dead-letters';
import { Partitions } from './partitions';
import { withRepeatedLog } from './repeated-log';
import { runSettings, type ConsumerRunOptions } from './run-options';

/** Limits what kafkajs holds next to the buffers: each response of a broker, until its messages are taken. */
const FETCHES = {
  maxWaitTimeInMs: 500,
  maxBytes: 5 * 1024 * 1024,
  // Brokers take batches of 1 MiB and 12 bytes by default, for which kafkajs's own default is too small.
  maxBytesPerPartition: 1024 * 1024 + 64 * 1024,
} as const satisfies Partial<ConsumerConfig>;

/** How often the consumer reports that Kafka does not respond. */
const CONNECT_MS = 10_000;
/** How long the consumer waits before it tries to connect after a crash. */
const RESTART_MS = 1_000;
/** How often the consumer checks whether missing topics exist. */
const TOPICS_MS = 1_000;
/** How often it reports the same missing topics. */
const MISSING_REPORT_MS = 60_000;

/** A running consumer. */
export interface RunningConsumer {
  /**
   * Resolves when the consumer has stopped. Rejects if kafkajs has given up permanently or could not leave the group: let
   * the process end then, so that something restarts it.
   */
  readonly done: Promise<void>;
  /** Finishes messages in progress, commits and leaves the group. A second call waits for the first. */
  stop(): Promise<void>;
}

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
export async function runConsumer(options: ConsumerRunOptions): Promise<RunningConsumer> {
  const settings = runSettings(options);
  registerCodecs();
  const runner = new KafkajsRunner(settings);
  await runner.start();
  return runner;
}

class KafkajsRunner implements RunningConsumer {
  readonly done: Promise<undefined>;
  readonly #options: Required<ConsumerRunOptions>;
  readonly #kafkaConsumer: KafkaConsumer;
  readonly #deadLetters: KafkaDeadLetters;
  readonly #partitions: Partitions;
  readonly #missing: MissingTopics;
  readonly #end = Promise.withResolvers<undefined>();
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #polling: Promise<void> = Promise.resolve();
  #awaitingTopics: Promise<void> = Promise.resolve();
  #restarting: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #hasLeft = false;
  /** Set while kafkajs restarts after a crash. */
  #restart: PromiseWithResolvers<void> | undefined;

  constructor(options: Required<ConsumerRunOptions>) {
    this.#options = options;
    const { consumer, kafka, kafkaConsumer } = options;
    const { telemetry, callTimeoutMs: timeoutMs } = consumer.settings;
    this.#kafkaConsumer = withRepeatedLog(kafka, () =>
      kafka.consumer({ ...FETCHES, allowAutoTopicCreation: false, ...kafkaConsumer, groupId: consumer.name }),
    );
    this.#deadLetters = kafkajsDeadLetters({ kafka, consumer: consumer.name, timeoutMs });
    this.#missing = new MissingTopics(telemetry);
    this.#partitions = new Partitions(options, this.#kafkaConsumer, this.#deadLetters);
    this.done = this.#end.promise;
    // A rejection of `done` must not end a process that ignores it.
    this.done.catch(() => undefined);
  }

  async start(): Promise<void> {
    const consumer = this.#kafkaConsumer;
    const { topics, commitIntervalMs } = this.#options;
    this.#listen();
    // Set before a crash is possible, because a crash clears it.
    this.#timer = setInterval(() => {
      void this.#partitions.commit();
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
    if (settings.redriveIntervalMs > 0) {
      this.#polling = repeatedly((signal) => requests.poll(signal), settings.redriveIntervalMs, this.#ending.signal);
    }
  }

  #listen(): void {
    const consumer = this.#kafkaConsumer;
    consumer.on('consumer.rebalancing', () => this.#partitions.revoke());
    consumer.on('consumer.group_join', ({ payload }) => {
      this.#hasRestarted();
      this.#partitions.assign(payload.memberAssignment);
    });
    consumer.on('consumer.crash', ({ payload: { error, restart } }) => {
      this.#hasRestarted();
      if (!restart && !isCoordinatorAway(error)) void this.#crash(error);
      else if (this.#hasLeft) this.#leaveAgain();
      else {
        this.#partitions.endStarts();
        if (isUnknownTopic(error)) void this.#reportMissing();
        else this.#telemetry.readFailed(this.#withPlace(error));
        this.#restart = Promise.withResolvers();
        if (!restart) this.#restarting = this.#restartAfterAll();
      }
    });
    consumer.on('consumer.end_batch_process', ({ payload }) => {
      if (payload.batchSize === 0) this.#partitions.passEmptyBatch(payload);
    });
  }

  /** Reports brokers that do not respond: kafkajs tries for minutes to connect to them. */
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
    const fromBeginning = this.#options.kafka.admin !== undefined || this.#options.fromBeginning;
    const subscribe = async (these: string[]): Promise<boolean> => {
      try {
        await this.#kafkaConsumer.subscribe({ topics: these, fromBeginning });
        return true;
      } catch (error) {
        if (!isUnknownTopic(error)) throw error;
        return false;
      }
    };
    if (await subscribe([...topics])) return [];
    const missing: string[] = [];
    // kafkajs does not name the missing topic.
    for (const topic of topics) if (!(await subscribe([topic]))) missing.push(topic);
    return missing;
  }

  async #run(): Promise<void> {
    await this.#partitions.prepare();
    await this.#runPrepared();
  }

  async #runPrepared(): Promise<void> {
    await this.#kafkaConsumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => this.#partitions.take(payload),
    });
  }

  /** Restarts kafkajs after a crash after which it does not restart by itself, once it can connect. Never rejects. */
  async #restartAfterAll(): Promise<void> {
    const { signal } = this.#ending;
    for (;;) {
      await wait(RESTART_MS, signal);
      if (signal.aborted) return;
      try {
        await this.#kafkaConsumer.connect();
        break;
      } catch (error) {
        this.#telemetry.readFailed(error);
      }
    }
    // It may have been stopped, and even disconnected, while it connected.
    if (this.#hasLeft) this.#leaveAgain();
    else if (!this.#ending.signal.aborted) await this.#runPrepared().catch((error: unknown) => this.#crash(error));
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
    this.#partitions.stopTaking();
    await this.#partitions.drain(Promise.all([this.#polling, this.#awaitingTopics, this.#restarting]));
    clearInterval(this.#timer);
    await this.#partitions.commit();
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
  #withPlace(error: Error): Error {
    const batch = unreadableBatchOf(error);
    if (batch === undefined) return error;
    const partitions = this.#partitions.fetching;
    const { codec, why } = batch.details;
    return new OutboxError(
      'unreadable-batch',
      `A batch compressed with ${codec} in ${partitions.join(' or ')} cannot be read: ${why}. ` +
        `The consumer retries and cannot continue. \`outbox verify\` names the partition and the offset; ` +
        `if the batch is damaged on every broker, move the group's offset past it.`,
      { codec, why, partitions },
      { cause: error },
    );
  }

  async #crash(error: unknown): Promise<void> {
    this.#ending.abort();
    this.#partitions.endStarts();
    clearInterval(this.#timer);
    this.#partitions.abort();
    await this.#deadLetters.close();
    this.#telemetry.flush();
    this.#end.reject(error);
  }
}

const notConnected = (): OutboxError<'service-unavailable'> => {
  const why = `no response for ${CONNECT_MS / 1000} seconds`;
  return new OutboxError(
    'service-unavailable',
    `The consumer cannot connect to Kafka: ${why}. Check the addresses of the brokers, the network and the security groups.`,
    { service: 'Kafka', place: 'the brokers', action: 'connecting', why },
  );
};

/**
 * kafkajs gives up permanently if it looks for the group's coordinator in a moment in which no broker that it knows
 * responds. They may respond again later, as after every other outage.
 */
const isCoordinatorAway = (error: Error): boolean =>
  [...kafkaCausesOf(error)].some(({ name }) => name === 'KafkaJSGroupCoordinatorNotFound');

export const isUnknownTopic = (error: unknown): boolean => protocolErrorOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION';

/** Reports the topics that a consumer waits for: at once if they change, and then once a minute. */
export class MissingTopics {
  readonly #telemetry: ConsumerTelemetry;
  #reported = '';
  #reportedAt = -Infinity;

  constructor(telemetry: ConsumerTelemetry) {
    this.#telemetry = telemetry;
  }

  report(topics: readonly string[]): void {
    const isDue = performance.now() - this.#reportedAt >= MISSING_REPORT_MS;
    const names = topics.join(', ');
    if (names === this.#reported && !isDue) return;
    this.#reported = names;
    this.#reportedAt = performance.now();
    if (this.#telemetry.topicsMissing !== undefined) {
      this.#telemetry.topicsMissing({ topics });
      return;
    }
    const message = `The consumer waits for topics that do not exist: ${names}. Create them.`;
    this.#telemetry.readFailed(new OutboxError('topic-missing', message, { topics }));
  }
}
