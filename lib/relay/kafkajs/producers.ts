import { ATTEMPT_TIMEOUTS, type RelayConfig } from '../environment';
import { withinDeadline } from './deadline';
import type { KafkaClient } from './partition-answers';
import { KafkaSession, type SessionOptions } from './session';
import type { PartitionBatch } from '../ports';

/** Creates a client for these brokers; the client contacts the first one first. */
export type ConnectKafka = (brokers: readonly string[]) => KafkaClient | Promise<KafkaClient>;

export interface ProducersOptions extends SessionOptions, Pick<RelayConfig, 'brokers'> {
  readonly connect: ConnectKafka;
  /** Brokers close a connection after 10 idle minutes, load balancers earlier; a frozen Lambda does not notice. */
  readonly idleRebuildMs: number;
  /** Called when the kept producer was discarded because of `cause`; must not throw. */
  readonly onRebuilt: (cause: unknown) => void;
}

/** Number of failed connects that one call may still make, so that each broker is tried once. */
export interface ConnectBudget {
  connects: number;
}

/** The one producer that is kept between invocations, and the rules for its replacement. */
export class KafkaProducers {
  readonly #options: ProducersOptions;
  #session: KafkaSession | undefined;
  #turn = 0;

  constructor(options: ProducersOptions) {
    this.#options = options;
  }

  newBudget(): ConnectBudget {
    return { connects: this.#options.brokers.length };
  }

  /** The kept session, if it can be used. */
  get current(): KafkaSession | undefined {
    return this.#session !== undefined && this.#session.idleMs() < this.#options.idleRebuildMs
      ? this.#session
      : undefined;
  }

  /** As `lease`, for sending `batches`. Spends the kept session if it failed for one of their partitions. */
  async leaseFor(budget: ConnectBudget, batches: readonly PartitionBatch[]): Promise<KafkaSession> {
    this.#spendFor(batches);
    return this.lease(budget, batches[0]?.topic ?? '');
  }

  /**
   * The kept session or a new one, for using `topic`; with `alone`, a session that knows no other topic.
   *
   * A client whose connect failed answers "Broker not connected" forever, so each attempt takes a new client and
   * begins at the next broker. Rejects with the last cause when the budget or the time for connecting is used up.
   */
  async lease(budget: ConnectBudget, topic: string, { alone = false } = {}): Promise<KafkaSession> {
    const { current } = this;
    if (current !== undefined && (!alone || current.knowsNoOther(topic))) return current;
    this.#drop();
    this.#session = await this.open(budget, topic);
    return this.#session;
  }

  /** A new session that is not kept: the caller discards it. Rejects as `lease` does. */
  async open(budget: ConnectBudget, topic: string): Promise<KafkaSession> {
    const { connect, clock, requestTimeoutMs } = this.#options;
    const giveUpAt = clock.now() + ATTEMPT_TIMEOUTS * requestTimeoutMs;
    for (;;) {
      try {
        // Creating a client reads secrets, and that service may be unreachable.
        const making = Promise.resolve(connect(this.#nextBrokers()));
        const client = await withinDeadline(making, 'client set-up', ATTEMPT_TIMEOUTS * requestTimeoutMs);
        return await KafkaSession.open(client, this.#options, topic);
      } catch (error) {
        this.#turn++;
        budget.connects--;
        if (budget.connects <= 0 || clock.now() >= giveUpAt) throw error;
      }
    }
  }

  /** Keeps a session that wrote `batches` if the kept session cannot write them; otherwise discards it. */
  keep(session: KafkaSession, batches: readonly PartitionBatch[]): void {
    this.#spendFor(batches);
    if (this.current !== undefined) {
      void session.discard();
      return;
    }
    this.#drop();
    this.#session = session;
  }

  #spendFor(batches: readonly PartitionBatch[]): void {
    const { current } = this;
    if (current === undefined) return;
    const failed = batches.find((batch) => current.failureOf(batch) !== undefined);
    if (failed !== undefined) this.spend(current, current.failureOf(failed)?.error);
  }

  /** Ends the kept session if it knows the deleted `topic`, which kafkajs would otherwise refresh forever. */
  forget(topic: string): void {
    if (this.#session?.knows(topic) === true) this.#drop();
  }

  /**
   * Discards a session whose last call did not complete. Using it again loses records: an idempotent producer reuses
   * the sequence numbers of a send with unknown outcome, and the broker treats new records as duplicates.
   */
  spend(session: KafkaSession, cause: unknown): void {
    this.#turn++;
    void session.discard();
    if (session === this.#session) this.#session = undefined;
    this.#options.onRebuilt(cause);
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.discard();
  }

  #drop(): void {
    void this.#session?.discard();
    this.#session = undefined;
  }

  #nextBrokers(): string[] {
    const { brokers } = this.#options;
    const first = this.#turn % brokers.length;
    return [...brokers.slice(first), ...brokers.slice(0, first)];
  }
}
