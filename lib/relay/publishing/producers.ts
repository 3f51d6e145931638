import { ATTEMPT_TIMEOUTS, type RelayConfig } from '../environment';
import type { ProducerSession } from './session';
import type { Clock, PartitionBatch } from '../ports';

/**
 * Connects a new client to use `topic`; the client contacts the first broker first. Rejects within its time limit, and
 * leaves no connection then.
 */
export type OpenSession = (brokers: readonly string[], topic: string) => Promise<ProducerSession>;

export interface ProducersOptions extends Pick<RelayConfig, 'brokers' | 'requestTimeoutMs'> {
  readonly openSession: OpenSession;
  readonly clock: Clock;
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
  #session: ProducerSession | undefined;
  #turn = 0;

  constructor(options: ProducersOptions) {
    this.#options = options;
  }

  newBudget(): ConnectBudget {
    return { connects: this.#options.brokers.length };
  }

  /** The kept session, if it can be used. */
  get current(): ProducerSession | undefined {
    const session = this.#session;
    if (session === undefined || session.idleMs() >= this.#options.idleRebuildMs) return undefined;
    return session.isExpiring?.() === true ? undefined : session;
  }

  /** As `lease`, for sending `batches`. Spends the kept session if it failed for one of their partitions. */
  async leaseFor(budget: ConnectBudget, batches: readonly PartitionBatch[]): Promise<ProducerSession> {
    this.#spendFor(batches);
    return this.lease(budget, batches[0]?.topic ?? '');
  }

  /**
   * The kept session or a new one, for using `topic`; with `alone`, a session that knows no other topic.
   *
   * A client whose connect failed answers "Broker not connected" forever, so each attempt takes a new client and
   * begins at the next broker. Rejects with the last cause when the budget or the time for connecting is used up.
   */
  async lease(budget: ConnectBudget, topic: string, { alone = false } = {}): Promise<ProducerSession> {
    const { current } = this;
    if (current !== undefined && (!alone || current.knowsNoOther(topic))) return current;
    this.#drop();
    this.#session = await this.open(budget, topic);
    return this.#session;
  }

  /** A new session that is not kept: the caller discards it. Rejects as `lease` does. */
  async open(budget: ConnectBudget, topic: string): Promise<ProducerSession> {
    const { openSession, clock, requestTimeoutMs } = this.#options;
    const giveUpAt = clock.now() + ATTEMPT_TIMEOUTS * requestTimeoutMs;
    for (;;) {
      try {
        return await openSession(this.#nextBrokers(), topic);
      } catch (error) {
        this.#turn++;
        budget.connects--;
        if (budget.connects <= 0 || clock.now() >= giveUpAt) throw error;
      }
    }
  }

  /** Keeps a session that wrote `batches` if the kept session cannot write them; otherwise discards it. */
  keep(session: ProducerSession, batches: readonly PartitionBatch[]): void {
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
  spend(session: ProducerSession, cause: unknown): void {
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
