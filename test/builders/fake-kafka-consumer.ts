import { KafkaJSNonRetriableError, type EachBatchPayload, type KafkaMessage } from 'kafkajs';

type Listener = (event: { payload: Record<string, unknown> }) => void;

/** A kafkajs consumer that the test drives. */
export class FakeKafkaConsumer {
  readonly committed: { topic: string; partition: number; offset: string }[] = [];
  readonly calls: string[] = [];
  heartbeat: () => Promise<void> = () => Promise.resolve();
  failCommit = false;
  failDisconnect = false;
  /** Whether it is running, or waits to restart after a crash. */
  hasBegun = true;
  #eachBatch: (payload: EachBatchPayload) => Promise<void> = () => Promise.resolve();
  readonly #listeners = new Map<string, Listener>();

  /** Topics that do not exist. */
  missing: readonly string[] = [];
  readonly subscriptions: unknown[] = [];

  connect = (): Promise<undefined> => Promise.resolve(undefined);
  subscribe = (subscription: { topics: string[]; fromBeginning: boolean }) => {
    this.subscriptions.push(subscription);
    if (!subscription.topics.some((topic) => this.missing.includes(topic))) return Promise.resolve();
    return Promise.reject(Object.assign(new Error('no such topic'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' }));
  };
  disconnect = () => {
    this.calls.push('disconnect');
    return this.failDisconnect ? Promise.reject(new Error('cannot disconnect')) : Promise.resolve();
  };
  on = (name: string, listener: Listener) => this.#listeners.set(name, listener);
  run = ({ eachBatch }: { eachBatch: (payload: EachBatchPayload) => Promise<void> }) => {
    this.#eachBatch = eachBatch;
    return Promise.resolve();
  };
  commitOffsets = (offsets: { topic: string; partition: number; offset: string }[]) => {
    if (this.failCommit) return Promise.reject(new Error('rebalancing'));
    this.committed.push(...offsets);
    return Promise.resolve();
  };
  pause = (paused: { partitions: number[] }[]) => {
    if (!this.hasBegun) throw new KafkaJSNonRetriableError('Consumer group was not initialized');
    this.calls.push(...paused.map(({ partitions }) => `pause ${partitions.join()}`));
  };
  resume = ([{ partitions }]: [{ partitions: number[] }]) => void this.calls.push(`resume ${partitions.join()}`);
  seek = ({ partition, offset }: { partition: number; offset: string }) =>
    void this.calls.push(`seek ${partition} ${offset}`);

  emit(name: string, payload: Record<string, unknown> = {}): void {
    this.#listeners.get(`consumer.${name}`)?.({ payload });
  }

  /** Whether batches contain the requested offset: `fetchedOffset`, or that of the first message. */
  fetches = false;
  fetchedOffset: string | undefined;
  /** The next offset of kafkajs in each partition. */
  readonly resolved = new Map<number, string>();

  deliver(messages: readonly KafkaMessage[], partition = 0): Promise<void> {
    return this.#eachBatch({
      batch: {
        topic: 'orders',
        partition,
        messages,
        ...(this.fetches ? { fetchedOffset: this.fetchedOffset ?? messages[0]?.offset } : {}),
        lastOffset: () => messages.at(-1)?.offset,
      },
      resolveOffset: (offset: string) => this.resolved.set(partition, offset),
      heartbeat: () => this.heartbeat(),
      isRunning: () => true,
      isStale: () => false,
    } as unknown as EachBatchPayload);
  }

  get lastCommitted(): string | undefined {
    return this.committed.at(-1)?.offset;
  }
}
