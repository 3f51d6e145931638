import { partitionName } from '../../event/topic-partition';
import type { Sleep } from '../../timing/wait';
import { classifyOf, mayBeWritten, outageOf } from './classify-error';
import { ATTEMPT_TIMEOUTS } from '../environment';
import type { ConnectBudget, KafkaProducers } from './producers';
import type { Quarantine } from './quarantine';
import { unencodablePart, type ProducerSession, type SendFailure, type SendResult } from './session';
import { lookUpOver } from './topic-lookup';
import {
  concernsMessages,
  concernsTopic,
  type BatchOutcome,
  type Clock,
  type Failure,
  type Outage,
  type PartitionBatch,
} from '../ports';

/** For partitions in quarantine: time for one request, not for a second one. */
const QUARANTINE_TIMEOUTS = 1.25;

/**
 * One call of `publish`. First sends all batches outside quarantine together, over the kept producer. Then sends the
 * rest, one send per partition, over a new producer. Finally checks refused topics, each alone.
 *
 * A batch with an offset is never sent again, whatever happens to the others.
 */
export class Publication {
  readonly #producers: KafkaProducers;
  readonly #quarantine: Quarantine;
  readonly #clock: Clock;
  readonly #sleep: Sleep;
  readonly #batches: readonly PartitionBatch[];
  readonly #settled = new Map<PartitionBatch, BatchOutcome>();
  readonly #failures = new Map<PartitionBatch, SendFailure>();
  readonly #budget: ConnectBudget;

  constructor(
    producers: KafkaProducers,
    quarantine: Quarantine,
    clock: Clock,
    sleep: Sleep,
    batches: readonly PartitionBatch[],
  ) {
    this.#producers = producers;
    this.#quarantine = quarantine;
    this.#clock = clock;
    this.#sleep = sleep;
    this.#batches = batches;
    this.#budget = producers.newBudget();
  }

  /** The outcomes so far. A batch that was not sent fails with `otherwise`. */
  outcomes(otherwise: Failure = { kind: 'outage', message: 'The batch was not sent.' }): BatchOutcome[] {
    return this.#batches.map((batch) => {
      const failed = this.#failures.get(batch);
      return this.#settled.get(batch) ?? (failed === undefined ? otherwise : outageIn(batch, failed));
    });
  }

  async run(): Promise<void> {
    this.#refuseUnencodable();
    const together = this.#open().filter((batch) => !this.#quarantine.has(batch));
    const isSpent = together.length > 0 && (await this.#sendTogether(together));
    this.#settleResting();
    if (this.#open().length > 0) await this.#sendApart(isSpent);
    for (const [topic, batches] of Map.groupBy(this.#open(), (batch) => batch.topic)) {
      const failure = await this.#sendAlone(topic, batches);
      if (failure === undefined) continue;
      for (const batch of this.#open()) this.#settled.set(batch, failure);
      return;
    }
  }

  #open(): PartitionBatch[] {
    return this.#batches.filter((batch) => !this.#settled.has(batch));
  }

  #refuseUnencodable(): void {
    for (const batch of this.#batches) {
      const part = batch.messages.map(unencodablePart).find((found) => found !== undefined);
      if (part === undefined) continue;
      const message = `A message for ${partitionName(batch)} cannot be encoded: its ${part} has the wrong type.`;
      this.#settled.set(batch, { kind: 'poison', reason: 'message-refused', message });
    }
  }

  /** The fast path. Resolves with whether the producer is spent. */
  async #sendTogether(batches: readonly PartitionBatch[]): Promise<boolean> {
    const session = await this.#producers.leaseFor(this.#budget, batches);
    const result = await session.send(batches);
    this.#note(result);
    for (const [batch, { error, isOwn }] of result.failures) {
      const failure = classifyOf(batch.topic, error);
      // Without a result for the partition, one error is reported for all batches of the send.
      if ((isOwn || batches.length === 1) && concernsMessages(failure)) this.#settled.set(batch, failure);
      // Another attempt now would write another copy.
      else if (isOwn && mayBeWritten(error)) this.#judge(batch, 0);
    }
    if (result.spentBy === undefined) return false;
    this.#producers.spend(session, result.spentBy);
    return true;
  }

  /** Resting partitions take no time from writable ones, and get no copy while one may be confirmed. */
  #settleResting(): void {
    const areOthersWritten = this.#batches.some((batch) => this.#isAcked(batch));
    for (const batch of this.#open()) {
      const failure = this.#quarantine.restingWith(batch, areOthersWritten);
      if (failure !== undefined) this.#settled.set(batch, failure);
    }
  }

  /**
   * Gives every open batch its own outcome. All share one producer and one time limit; the kept producer is neither
   * used nor spent.
   */
  async #sendApart(isFirstSpent: boolean): Promise<void> {
    const batches = this.#open();
    const isFirstFailure = batches.some((batch) => !this.#quarantine.has(batch));
    const began = this.#clock.now();
    try {
      const session = await this.#producers.open(this.#budget, batches[0]?.topic ?? '');
      const results = await this.#sendEach(session, batches, isFirstFailure ? ATTEMPT_TIMEOUTS : QUARANTINE_TIMEOUTS);
      const spent = results.find(({ spentBy }) => spentBy !== undefined);
      if (spent === undefined) this.#keep(session, batches);
      else if (isFirstSpent) this.#producers.spend(session, spent.spentBy);
      else void session.discard();
    } finally {
      for (const batch of batches) this.#judge(batch, this.#clock.now() - began);
    }
  }

  /** Leaves a refused topic open, unless a broker refused this partition: kafkajs also reports other topics. */
  #judge(batch: PartitionBatch, tookMs: number): void {
    const failed = this.#failures.get(batch);
    if (this.#settled.has(batch) || failed === undefined) return;
    const failure = classifyOf(batch.topic, failed.error);
    if (failure.kind === 'outage') {
      const outage = outageIn(batch, failed);
      this.#settled.set(batch, outage);
      if (failed.isOwn && mayBeWritten(failed.error)) this.#quarantine.addUnconfirmed(batch, outage);
      else if (failed.isOwn || this.#quarantine.othersWritten(batch)) this.#quarantine.add(batch, outage, tookMs);
      return;
    }
    this.#quarantine.release(batch);
    const isCertain = !concernsTopic(failure) || (failed.isOwn && failure.reason === 'topic-not-authorized');
    if (isCertain) this.#settled.set(batch, failure);
  }

  /**
   * Sends over a producer that has never known another topic, nor an older state of this one: only then is a refusal
   * certainly about this topic. Resolves with the outage that the send meets, if any.
   */
  async #sendAlone(topic: string, batches: readonly PartitionBatch[]): Promise<Failure | undefined> {
    const session = await this.#producers.open(this.#budget, topic);
    const lookup = await lookUpOver(session, topic, this.#sleep);
    if (lookup.kind !== 'topic') {
      void session.discard();
      if (lookup.kind === 'outage') return lookup;
      this.#producers.forget(topic);
      for (const batch of batches) this.#settled.set(batch, lookup);
      return undefined;
    }
    const results = await this.#sendEach(session, batches, ATTEMPT_TIMEOUTS);
    if (results.some(({ spentBy }) => spentBy !== undefined)) void session.discard();
    else this.#keep(session, batches);
    let outage: Failure | undefined;
    for (const batch of batches) {
      const failed = this.#failures.get(batch);
      if (this.#settled.has(batch) || failed === undefined) continue;
      const failure = classifyOf(batch.topic, failed.error);
      // The brokers know the topic, so this leader does not know it yet, or no longer.
      const isUnknown = failure.kind === 'poison' && failure.reason === 'unknown-topic';
      const outcome = isUnknown || failure.kind === 'outage' ? outageIn(batch, failed) : failure;
      if (outcome.kind === 'outage') outage = outcome;
      this.#settled.set(batch, outcome);
    }
    return outage;
  }

  async #sendEach(
    session: ProducerSession,
    batches: readonly PartitionBatch[],
    timeouts: number,
  ): Promise<readonly SendResult[]> {
    const results = await Promise.all(batches.map((batch) => session.send([batch], timeouts)));
    results.forEach((result) => this.#note(result));
    return results;
  }

  #keep(session: ProducerSession, batches: readonly PartitionBatch[]): void {
    const acked = batches.filter((batch) => this.#isAcked(batch));
    this.#producers.keep(session, acked);
  }

  #isAcked(batch: PartitionBatch): boolean {
    return this.#settled.get(batch)?.kind === 'acked';
  }

  #note({ offsets, failures }: SendResult): void {
    for (const [batch, baseOffset] of offsets) {
      this.#settled.set(batch, { kind: 'acked', baseOffset });
      this.#quarantine.written(batch);
    }
    for (const [batch, failure] of failures) this.#failures.set(batch, failure);
  }
}

function outageIn({ topic, partition }: PartitionBatch, { error, leader }: SendFailure): Outage {
  const outage = outageOf(error);
  const led = leader === undefined || leader < 0 ? '' : ` The leader is broker ${leader}.`;
  const message = `${partitionName({ topic, partition })}: ${outage.message}${led}`;
  return { ...outage, message, topic, partition };
}
