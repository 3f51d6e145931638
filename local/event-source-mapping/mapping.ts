import { EventEmitter } from 'node:events';
import { DescribeStreamCommand, type DynamoDBStreamsClient, type Shard } from '@aws-sdk/client-dynamodb-streams';
import { waitUntil } from '../wait-until';
import type { InvocationResult } from './invoker';
import { noMetrics, type MappingMetrics } from './metrics';
import { ShardPoller, type InvocationReport } from './shard-poller';
import { ShardReader } from './shard-reader';
import type { MappingSettings } from './settings';

export interface MappingOptions {
  readonly client: DynamoDBStreamsClient;
  readonly streamArn: string;
  readonly region: string;
  readonly settings: MappingSettings;
  readonly invoke: (event: unknown) => Promise<InvocationResult>;
  /** Default 250: Lambda reads each shard four times a second. */
  readonly pollIntervalMs?: number;
}

interface MappingEvents {
  /** After each invocation, with the decision about its batch. */
  invocation: [report: InvocationReport];
  /** A read of the stream failed; the mapping retries it. */
  'read-error': [error: unknown];
  /** The mapping was enabled or disabled. */
  state: [];
}

const POLL_INTERVAL_MS = 250;
const DISCOVERY_INTERVAL_MS = 5_000;

/**
 * An event source mapping that behaves like Lambda's: in order per shard, a parent shard before its children, one
 * invocation at a time per shard. Checkpoints, retries and bisects follow Lambda's rules (see `decide`).
 *
 * `trim()` simulates a stream that drops records after 24 hours, `follow()` one that was switched off and on.
 */
export class EventSourceMapping extends EventEmitter<MappingEvents> {
  readonly #options: MappingOptions;
  #streamArn: string;
  readonly #counters = noMetrics();
  readonly #pollers = new Map<string, ShardPoller>();
  /** Shards that are read to their end: their children may start. */
  readonly #finished = new Set<string>();
  readonly #runs: Promise<void>[] = [];
  #discovery: NodeJS.Timeout | undefined;
  #discovering: Promise<void> = Promise.resolve();
  #paused = false;
  #stopped = false;

  constructor(options: MappingOptions) {
    super();
    this.#options = options;
    this.#streamArn = options.streamArn;
  }

  /** As in the template. */
  get settings(): MappingSettings {
    return this.#options.settings;
  }

  get isEnabled(): boolean {
    return !this.#paused;
  }

  /** A copy of the counters so far. */
  metrics(): Readonly<MappingMetrics> {
    return { ...this.#counters };
  }

  /** Finds the shards and starts to deliver. Call it once. */
  async start(): Promise<void> {
    await this.#discover(this.#options.settings.startingPosition);
    this.#discovery = setInterval(() => this.#discoverAgain(), DISCOVERY_INTERVAL_MS);
  }

  /** Stops invocations, retries included, until `enable()`. Resolves when the running invocation has ended. */
  async disable(): Promise<void> {
    this.#paused = true;
    this.emit('state');
    await Promise.all([...this.#pollers.values()].map((poller) => poller.pause()));
  }

  /**
   * Skips the undelivered records in the stream, as if it had dropped them after 24 hours. Resolves with the number of
   * those that pass the filters. Records that are inserted later are delivered.
   */
  async trim(): Promise<number> {
    const wasPaused = this.#paused;
    await this.disable();
    let trimmed = 0;
    for (const poller of this.#pollers.values()) trimmed += await poller.trim();
    if (!wasPaused) this.enable();
    return trimmed;
  }

  /**
   * Reads another stream from its beginning, after the running invocations. Undelivered records of the current stream
   * are lost.
   */
  async follow(streamArn: string): Promise<void> {
    const left = [...this.#pollers.values()];
    this.#streamArn = streamArn;
    this.#pollers.clear();
    this.#finished.clear();
    const followed = this.#discovering.then(async () => {
      await Promise.all(left.map((poller) => poller.stop()));
      await this.#discover('TRIM_HORIZON');
    });
    // No other discovery begins before: it would start a shard next to an invocation for the current stream.
    this.#discovering = followed.catch(() => undefined);
    await followed;
  }

  /** Resumes where `disable()` stopped. */
  enable(): void {
    this.#paused = false;
    this.emit('state');
    for (const poller of this.#pollers.values()) poller.resume();
  }

  /**
   * Delivers the latest batch of each shard again, unchanged, as at-least-once delivery allows. Resolves when that
   * invocation has ended; waits while the mapping is disabled.
   */
  async redeliverLast(): Promise<void> {
    await Promise.all(this.#reading().map((poller) => poller.redeliverLast()));
  }

  /**
   * Resets the checkpoint to this sequence number and reads from there again: of one shard in progress, or of every one.
   */
  async redeliver(from: string, shardId?: string): Promise<void> {
    const chosen = this.#reading().filter((poller) => shardId === undefined || poller === this.#pollers.get(shardId));
    await Promise.all(chosen.map((poller) => poller.redeliver(from)));
  }

  /**
   * Resolves when everything that was in the stream at the time of the call has been delivered or dropped.
   *
   * @throws LocalStackError `not-ready` after `timeoutMs` (default 60 s).
   */
  async caughtUp(timeoutMs = 60_000): Promise<void> {
    const calledAt = performance.now();
    await waitUntil('The end of the stream', timeoutMs, () =>
      this.#pollers.size > 0 && [...this.#pollers.values()].every(({ endSeenAt }) => endSeenAt >= calledAt)
        ? true
        : undefined,
    );
  }

  /** Ends the mapping after the running invocation. To end it at once, kill the function first. Cannot be undone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#discovery);
    await this.#discovering;
    await Promise.all([...this.#pollers.values()].map((poller) => poller.stop()));
    await Promise.all(this.#runs);
  }

  /** The pollers of shards that are not read to their end. */
  #reading(): ShardPoller[] {
    return [...this.#pollers].flatMap(([shardId, poller]) => (this.#finished.has(shardId) ? [] : [poller]));
  }

  /** Shards that appear later are read from their beginning: the starting position is for the first ones. */
  #discoverAgain(): void {
    this.#discovering = this.#discovering
      .then(() => (this.#stopped ? undefined : this.#discover('TRIM_HORIZON')))
      .catch((error: unknown) => {
        if (!this.#stopped) this.emit('read-error', error);
      });
  }

  async #discover(startingPosition: MappingSettings['startingPosition']): Promise<void> {
    const streamArn = this.#streamArn;
    const shards = await this.#listShards();
    // The mapping follows another stream by now, whose shards have other names.
    if (streamArn !== this.#streamArn) return;
    const listed = new Set(shards.map(({ ShardId: shardId }) => shardId));
    for (const { ShardId: shardId = '', ParentShardId: parent } of shards) {
      const parentDone = parent === undefined || !listed.has(parent) || this.#finished.has(parent);
      if (parentDone && !this.#finished.has(shardId) && !this.#pollers.has(shardId))
        this.#startPoller(shardId, startingPosition);
    }
    // Not before its children are read: until then `caughtUp()` must wait for them.
    for (const shardId of this.#finished) this.#pollers.delete(shardId);
  }

  #startPoller(shardId: string, startingPosition: MappingSettings['startingPosition']): void {
    const streamArn = this.#streamArn;
    const { client, region, settings, invoke, pollIntervalMs = POLL_INTERVAL_MS } = this.#options;
    const poller = new ShardPoller({
      shardId,
      reader: new ShardReader(client, { streamArn, shardId, region }, { ShardIteratorType: startingPosition }),
      settings,
      pollIntervalMs,
      metrics: this.#counters,
      invoke,
      onInvocation: (report) => this.emit('invocation', report),
      onReadError: (error) => this.emit('read-error', error),
    });
    this.#pollers.set(shardId, poller);
    if (this.#paused) void poller.pause();
    this.#runs.push(
      poller.run().then(() => {
        if (this.#stopped || this.#pollers.get(shardId) !== poller) return;
        this.#finished.add(shardId);
        this.#discoverAgain();
      }),
    );
  }

  async #listShards(): Promise<readonly Shard[]> {
    const shards: Shard[] = [];
    let last: string | undefined;
    do {
      const { StreamDescription: description } = await this.#options.client.send(
        new DescribeStreamCommand({ StreamArn: this.#streamArn, ExclusiveStartShardId: last }),
      );
      shards.push(...(description?.Shards ?? []));
      last = description?.LastEvaluatedShardId;
    } while (last !== undefined);
    return shards;
  }
}
