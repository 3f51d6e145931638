import { partitionName } from '../../event/topic-partition';
import type { Clock, Outage, PartitionBatch } from '../ports';

interface Quarantined {
  readonly failure: Outage;
  /** Until then the partition is not tried while others are written, or after an unconfirmed attempt. */
  readonly restsUntil: number;
  /** Number of consecutive attempts that the leader wrote and the replicas did not confirm. */
  readonly unconfirmed: number;
}

/**
 * After an attempt that the replicas did not confirm, the partition rests even if the others fail, and twice as long
 * after the next one. Each such attempt becomes a copy once the replicas are back or have left the in-sync set. A dead
 * broker leaves that set within ten seconds, a hanging one within thirty: by then there are two copies.
 */
const UNCONFIRMED_REST_MS = 10_000;
const MAX_UNCONFIRMED_REST_MS = 40_000;

/** How long an acknowledgement of another partition proves that the brokers accept messages. */
const EVIDENCE_MS = 60_000;

/**
 * The partitions whose last send failed while others could be written, or with an error of their own. They are sent to
 * separately, so that they neither spend the others' producer nor take more than half of the time.
 */
export class Quarantine {
  readonly #partitions = new Map<string, Quarantined>();
  /** When a batch of each partition was last acknowledged, in epoch milliseconds. */
  readonly #written = new Map<string, number>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(batch: PartitionBatch): boolean {
    return this.#partitions.has(partitionName(batch));
  }

  /** The last failure of a resting partition. If no other partition is written, only unconfirmed partitions rest. */
  restingWith(batch: PartitionBatch, areOthersWritten: boolean): Outage | undefined {
    const quarantined = this.#partitions.get(partitionName(batch));
    if (quarantined === undefined || this.#clock.now() >= quarantined.restsUntil) return undefined;
    return areOthersWritten || quarantined.unconfirmed > 0 ? quarantined.failure : undefined;
  }

  /** Whether another partition was written recently, which rules out a general outage. */
  othersWritten(batch: PartitionBatch): boolean {
    const since = this.#clock.now() - EVIDENCE_MS;
    const name = partitionName(batch);
    return [...this.#written].some(([other, at]) => other !== name && at >= since);
  }

  /** The partition rests for the duration of the failed attempt. */
  add(batch: PartitionBatch, failure: Outage, tookMs: number): void {
    this.#partitions.set(partitionName(batch), { failure, restsUntil: this.#clock.now() + tookMs, unconfirmed: 0 });
  }

  addUnconfirmed(batch: PartitionBatch, failure: Outage): void {
    const unconfirmed = (this.#partitions.get(partitionName(batch))?.unconfirmed ?? 0) + 1;
    const restMs = Math.min(MAX_UNCONFIRMED_REST_MS, UNCONFIRMED_REST_MS * 2 ** (unconfirmed - 1));
    this.#partitions.set(partitionName(batch), { failure, restsUntil: this.#clock.now() + restMs, unconfirmed });
  }

  written(batch: PartitionBatch): void {
    const name = partitionName(batch);
    this.#written.set(name, this.#clock.now());
    this.#partitions.delete(name);
  }

  release(batch: PartitionBatch): void {
    this.#partitions.delete(partitionName(batch));
  }
}
