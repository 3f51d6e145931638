import type { Sleep } from '../backoff';
import { classify, concernsMessages, concernsTopic } from '../classify';
import { nameOf } from './acknowledgement';
import type { ConnectBudget, KafkaProducers } from './producers';
import { unencodablePart } from './record';
import type { KafkaSession, SendResult } from './session';
import { lookUpTopic } from './topic-lookup';
import type { BatchOutcome, Failure, PartitionBatch } from '../ports';

/**
 * One call of `publish`: everything together, then what is open by partition, then refused topics each by itself.
 *
 * A first send that fails says little of its parts, and kafkajs names one error for all of them: only what is sent by
 * itself gets a verdict of its own.
 */
export class Publication {
  readonly #producers: KafkaProducers;
  readonly #sleep: Sleep;
  readonly #batches: readonly PartitionBatch[];
  readonly #settled = new Map<PartitionBatch, BatchOutcome>();
  readonly #budget: ConnectBudget;

  constructor(producers: KafkaProducers, sleep: Sleep, batches: readonly PartitionBatch[]) {
    this.#producers = producers;
    this.#sleep = sleep;
    this.#batches = batches;
    this.#budget = producers.newBudget();
  }

  outcomes(otherwise?: Failure): BatchOutcome[] {
    const open: Failure = otherwise ?? { kind: 'outage', message: 'The batch was not attempted.' };
    return this.#batches.map((batch) => this.#settled.get(batch) ?? open);
  }

  async run(): Promise<void> {
    this.#refuseUnencodable();
    if (this.#open().length > 0) await this.#sendTogether();
    if (this.#open().length > 0) await this.#sendEach();
    for (const [topic, batches] of Map.groupBy(this.#open(), (batch) => batch.topic)) {
      const failure = await this.#sendAlone(topic, batches);
      if (failure === undefined) continue;
      this.#settleOpen(failure);
      return;
    }
  }

  #open(): PartitionBatch[] {
    return this.#batches.filter((batch) => !this.#settled.has(batch));
  }

  #settleOpen(outcome: Failure): void {
    for (const batch of this.#open()) this.#settled.set(batch, outcome);
  }

  #refuseUnencodable(): void {
    for (const batch of this.#batches) {
      const part = batch.messages.map(unencodablePart).find((found) => found !== undefined);
      if (part === undefined) continue;
      const message = `A message for ${nameOf(batch)} cannot be encoded: its ${part} is of the wrong type.`;
      this.#settled.set(batch, { kind: 'poison', reason: 'message-refused', message });
    }
  }

  /** The fast path: everything in one send. */
  async #sendTogether(): Promise<void> {
    const batches = this.#open();
    const session = await this.#lease(batches);
    const result = await session.send(batches);
    this.#acknowledge(result);
    if (!('error' in result)) return;
    this.#producers.spend(session, result.error);
    const failure = classify(result.error);
    if (batches.length === 1 && concernsMessages(failure)) this.#settleOpen(failure);
  }

  /** Settles everything but refused topics, because kafkajs reports them of sends to other topics, too. */
  async #sendEach(): Promise<void> {
    const batches = this.#open();
    const session = await this.#lease(batches);
    await this.#sendPerPartition(session, batches, (failure) => (concernsTopic(failure) ? undefined : failure));
  }

  /** With a producer that knows no other topic, a refusal is this topic's. Answers the outage that it meets, if any. */
  async #sendAlone(topic: string, batches: readonly PartitionBatch[]): Promise<Failure | undefined> {
    const lookup = await lookUpTopic(this.#producers, this.#budget, topic, this.#sleep);
    if (lookup.kind !== 'topic') {
      if (lookup.kind === 'outage') return lookup;
      for (const batch of batches) this.#settled.set(batch, lookup);
      return undefined;
    }
    const session = await this.#producers.lease(this.#budget, topic, { alone: true });
    let outage: Failure | undefined;
    await this.#sendPerPartition(session, batches, (failure) => {
      const known = failure.kind === 'poison' && failure.reason === 'unknown-topic';
      // The brokers know the topic, so this is a leader that does not know it yet or any more.
      const outcome: Failure = known ? { kind: 'outage', message: failure.message, cause: failure.cause } : failure;
      if (outcome.kind === 'outage') outage = outcome;
      return outcome;
    });
    return outage;
  }

  async #sendPerPartition(
    session: KafkaSession,
    batches: readonly PartitionBatch[],
    judge: (failure: Failure) => Failure | undefined,
  ): Promise<void> {
    const results = await Promise.all(batches.map((batch) => session.send([batch])));
    results.forEach((result, at) => {
      this.#acknowledge(result);
      const batch = batches[at];
      if (batch === undefined || !('error' in result)) return;
      const outcome = judge(classify(result.error));
      if (outcome !== undefined) this.#settled.set(batch, outcome);
    });
    const failed = results.find((result) => 'error' in result);
    if (failed !== undefined) this.#producers.spend(session, failed.error);
  }

  #lease([first]: readonly PartitionBatch[]): Promise<KafkaSession> {
    return this.#producers.lease(this.#budget, first?.topic ?? '');
  }

  #acknowledge({ offsets }: SendResult): void {
    for (const [batch, baseOffset] of offsets) this.#settled.set(batch, { kind: 'acked', baseOffset });
  }
}
