import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { backOffMs, decide, type Batch, type Decision } from './decide';
import { passesFilters } from './filter';
import type { InvocationResult } from './invoker';
import type { MappingMetrics } from './metrics';
import { MAX_READ, type ShardReader, type SourceRecord } from './shard-reader';
import { MAX_PAYLOAD_BYTES, type MappingSettings } from './settings';

/** One invocation, its records and the decision about them. */
export interface InvocationReport extends InvocationResult {
  readonly shardId: string;
  readonly sequenceNumbers: readonly string[];
  /** Retries that these records had consumed before. */
  readonly retries: number;
  readonly iteratorAgeMs: number;
  readonly decision: Decision<SourceRecord>['kind'];
  /** Sequence number of the first record that is delivered again. */
  readonly failedFrom?: string;
  readonly dropped: number;
}

export interface ShardPollerPorts {
  readonly shardId: string;
  readonly reader: ShardReader;
  readonly settings: MappingSettings;
  readonly pollIntervalMs: number;
  readonly metrics: MappingMetrics;
  readonly invoke: (event: unknown) => Promise<InvocationResult>;
  readonly onInvocation: (report: InvocationReport) => void;
  readonly onReadError: (error: unknown) => void;
}

interface Redelivery {
  readonly resolve: () => void;
  readonly from?: string;
}

/** Delivers the records of one shard in order, one batch at a time. */
export class ShardPoller {
  readonly #ports: ShardPollerPorts;
  /** Batches to deliver before newly read records: retries, and halves of bisected batches. */
  #queue: Batch<SourceRecord>[] = [];
  /** Records that are read but did not fit into the last batch. */
  #surplus: readonly SourceRecord[] = [];
  #lastDelivered: readonly SourceRecord[] = [];
  #redelivery: Redelivery | undefined;
  #failuresInARow = 0;
  #closed = false;
  #enabled: Promise<unknown> = Promise.resolve();
  /** Ends the pause; set only while the poller is paused. */
  #enable: (() => void) | undefined;
  readonly #stopping = new AbortController();
  readonly #whenStopped: Promise<unknown> = once(this.#stopping.signal, 'abort');
  #running: Promise<unknown> = Promise.resolve();
  /** Start (`performance.now()`) of the last read that found nothing while no record waited; 0 before. */
  endSeenAt = 0;

  constructor(ports: ShardPollerPorts) {
    this.#ports = ports;
  }

  /** Resolves when the shard is closed and all its records are delivered, or when the poller is stopped. */
  async run(): Promise<void> {
    while (!this.#isStopped()) {
      await Promise.race([this.#enabled, this.#whenStopped]);
      if (this.#isStopped()) return;
      const turn = this.#turn();
      this.#running = turn;
      if (!(await turn)) return;
    }
  }

  /** Resolves when the running invocation has ended. */
  async pause(): Promise<void> {
    if (this.#enable === undefined) this.#enabled = new Promise<void>((resolve) => (this.#enable = resolve));
    await this.#running;
  }

  resume(): void {
    this.#enable?.();
    this.#enable = undefined;
  }

  /**
   * Skips the undelivered records in the shard, as if they were older than 24 hours. Call it only while the poller is
   * paused. Resolves with the number of those that pass the filters.
   */
  async trim(): Promise<number> {
    const { settings, metrics, reader } = this.#ports;
    let trimmed = this.#queue.reduce((sum, { records }) => sum + records.length, this.#surplus.length);
    this.#queue = [];
    this.#surplus = [];
    for (;;) {
      const { records, closed } = await reader.read(MAX_READ);
      this.#closed = closed;
      trimmed += records.filter(({ event }) => passesFilters(event, settings.filters)).length;
      if (records.length === 0) break;
    }
    metrics.TrimmedEventCount += trimmed;
    return trimmed;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Delivers the latest batch again; resolves when that invocation has ended. */
  redeliverLast(): Promise<void> {
    return new Promise((resolve) => (this.#redelivery = { resolve }));
  }

  /** Resets the checkpoint; resolves when the next read begins there. */
  redeliver(from: string): Promise<void> {
    return new Promise((resolve) => (this.#redelivery = { resolve, from }));
  }

  /** Resolves to false at the end of a closed shard. */
  async #turn(): Promise<boolean> {
    const redelivered = this.#takeRedelivery();
    if (this.#queue.length === 0) await this.#gather();
    const batch = this.#queue.shift();
    if (batch === undefined) {
      redelivered();
      if (this.#closed) return false;
      await this.#wait(this.#ports.pollIntervalMs);
      return true;
    }
    await this.#deliver(batch);
    redelivered();
    return true;
  }

  #takeRedelivery(): () => void {
    const redelivery = this.#redelivery;
    if (redelivery === undefined) return () => undefined;
    this.#redelivery = undefined;
    if (redelivery.from === undefined) {
      if (this.#lastDelivered.length > 0) this.#queue.unshift({ records: this.#lastDelivered, retries: 0 });
      return redelivery.resolve;
    }
    this.#queue = [];
    this.#surplus = [];
    this.#closed = false;
    this.#ports.reader.rewind(redelivery.from);
    redelivery.resolve();
    return () => undefined;
  }

  /** Reads until the batch is full or the window is over, without the records that no filter matches. */
  async #gather(): Promise<void> {
    const { settings, pollIntervalMs } = this.#ports;
    const windowEndsAt = performance.now() + settings.maximumBatchingWindowSeconds * 1000;
    let records = this.#surplus;
    let full = isFull(records, settings);
    while (!full && !this.#closed && !this.#isStopped()) {
      const startedAt = performance.now();
      const { read, failed } = await this.#read(settings.batchSize - records.length);
      records = [...records, ...read.filter(({ event }) => passesFilters(event, settings.filters))];
      this.#ports.metrics.FilteredOutEventCount += read.filter(
        ({ event }) => !passesFilters(event, settings.filters),
      ).length;
      full = isFull(records, settings);
      if (read.length === 0 && records.length === 0 && !failed) this.endSeenAt = startedAt;
      if (full || performance.now() >= windowEndsAt) break;
      if (read.length === 0) await this.#wait(Math.min(pollIntervalMs, windowEndsAt - performance.now()));
    }
    const count = fitting(records, settings);
    this.#surplus = records.slice(count);
    if (count > 0) this.#queue.push({ records: records.slice(0, count), retries: 0 });
  }

  async #read(limit: number): Promise<{ readonly read: readonly SourceRecord[]; readonly failed: boolean }> {
    try {
      const { records, closed } = await this.#ports.reader.read(Math.min(limit, MAX_READ));
      this.#closed = closed;
      this.#ports.metrics.PolledEventCount += records.length;
      return { read: records, failed: false };
    } catch (error) {
      if (!this.#isStopped()) this.#ports.onReadError(error);
      return { read: [], failed: true };
    }
  }

  async #deliver(batch: Batch<SourceRecord>): Promise<void> {
    const { metrics, settings, shardId } = this.#ports;
    const { records, retries } = batch;
    this.#lastDelivered = records;
    const result = await this.#ports.invoke({ Records: records.map(({ event }) => event) });
    // A stop may have killed the function, so the outcome means nothing.
    if (this.#isStopped()) return;
    const nowMs = Date.now();
    const decision = decide(batch, result.outcome, settings, nowMs);
    this.#queue.unshift(...decision.again);
    const iteratorAgeMs = nowMs - (records.at(-1)?.createdAtMs ?? nowMs);
    metrics.InvokedEventCount += records.length;
    metrics.FailedInvokeEventCount += decision.kind === 'success' ? 0 : records.length - decision.done.length;
    metrics.DroppedEventCount += decision.dropped.length;
    metrics.IteratorAge = iteratorAgeMs;
    metrics.IteratorAgeMaximum = Math.max(metrics.IteratorAgeMaximum, iteratorAgeMs);
    this.#ports.onInvocation({
      ...result,
      shardId,
      sequenceNumbers: records.map(({ sequenceNumber }) => sequenceNumber),
      retries,
      iteratorAgeMs,
      decision: decision.kind,
      failedFrom: decision.again[0]?.records[0]?.sequenceNumber,
      dropped: decision.dropped.length,
    });
    this.#failuresInARow = decision.kind === 'success' ? 0 : this.#failuresInARow + 1;
    if (decision.again.length > 0) await this.#wait(backOffMs(this.#failuresInARow));
  }

  async #wait(ms: number): Promise<void> {
    await Promise.race([sleep(ms), this.#whenStopped]);
  }

  /** A method, because TypeScript assumes that a property does not change across an `await`. */
  #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }
}

const isFull = (records: readonly SourceRecord[], settings: MappingSettings): boolean =>
  records.length >= settings.batchSize || fitting(records, settings) < records.length;

/** How many of the first records fit into one batch; the first one always does. */
function fitting(records: readonly SourceRecord[], { batchSize }: MappingSettings): number {
  let bytes = 0;
  for (const [index, record] of records.slice(0, batchSize).entries()) {
    bytes += record.bytes;
    if (bytes > MAX_PAYLOAD_BYTES) return Math.max(1, index);
  }
  return Math.min(records.length, batchSize);
}
