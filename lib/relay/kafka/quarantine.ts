import { nameOf } from './acknowledgement';
import type { Clock, Outage, PartitionBatch } from '../ports';

interface Quarantined {
  readonly failure: Outage;
  /** While other partitions are written, it is not tried before. */
  readonly restsUntil: number;
  /** How many attempts in a row the leader has written and the replicas have not confirmed. */
  readonly unconfirmed: number;
}

/**
 * After an attempt that the replicas have not confirmed, the partition rests whatever the others do, and twice as long
 * after the next one. Such attempts are copies as soon as the replicas are back, or out of the set of those in sync. A
 * dead broker leaves that set within ten seconds, one that hangs within thirty: by then there are two copies.
 */
const UNCONFIRMED_REST_MS = 10_000;
const MAX_UNCONFIRMED_REST_MS = 40_000;

/** How long an acknowledgement of another partition counts as evidence that the brokers take messages. */
const EVIDENCE_MS = 60_000;

/**
 * The partitions whose last send failed while other partitions could be written, or with an error of their own. They are
 * sent to by themselves, so that they neither spend the producer of the others nor take more than half of their time.
 */
export class Quarantine {
  readonly #partitions = new Map<string, Quarantined>();
  /** When a batch of each partition was last acknowledged. */
  readonly #written = new Map<string, number>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(batch: PartitionBatch): boolean {
    return this.#partitions.has(nameOf(batch));
  }

  /** The last failure of a partition that rests; without other partitions that are written, few do. */
  restingWith(batch: PartitionBatch, areOthersWritten: boolean): Outage | undefined {
    const quarantined = this.#partitions.get(nameOf(batch));
    if (quarantined === undefined || this.#clock.now() >= quarantined.restsUntil) return undefined;
    return areOthersWritten || quarantined.unconfirmed > 0 ? quarantined.failure : undefined;
  }

  /** Whether a partition other than this one was written lately: a failure is then no general outage. */
  othersWritten(batch: PartitionBatch): boolean {
    const since = this.#clock.now() - EVIDENCE_MS;
    const name = nameOf(batch);
    return [...this.#written].some(([other, at]) => other !== name && at >= since);
  }

  /** The partition rests for as long as the attempt that failed took. */
  add(batch: PartitionBatch, failure: Outage, tookMs: number): void {
    this.#partitions.set(nameOf(batch), { failure, restsUntil: this.#clock.now() + tookMs, unconfirmed: 0 });
  }

  /** The leader has written the batch, and its replicas have not confirmed it. */
  addUnconfirmed(batch: PartitionBatch, failure: Outage): void {
    const unconfirmed = (this.#partitions.get(nameOf(batch))?.unconfirmed ?? 0) + 1;
    const restMs = Math.min(MAX_UNCONFIRMED_REST_MS, UNCONFIRMED_REST_MS * 2 ** (unconfirmed - 1));
    this.#partitions.set(nameOf(batch), { failure, restsUntil: this.#clock.now() + restMs, unconfirmed });
  }

  /** A batch was acknowledged. */
  written(batch: PartitionBatch): void {
    const name = nameOf(batch);
    this.#written.set(name, this.#clock.now());
    this.#partitions.delete(name);
  }

  release(batch: PartitionBatch): void {
    this.#partitions.delete(nameOf(batch));
  }
}
