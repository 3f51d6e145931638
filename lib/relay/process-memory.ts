import { GenerationalCache } from '../event/generational-cache';
import type { Receipt } from '../event/receipt';
import { PROBE_INTERVAL_MS } from '../event/control';

interface Acknowledgement {
  /** The acknowledged record; left out for an item that a drain read in the table. */
  readonly sequence?: string;
  /** The receipts of an item that is not marked yet. */
  readonly unmarked?: readonly Receipt[];
  /** The table did not show the item: it was published and has expired, or it was deleted by hand. */
  readonly isAbsent?: boolean;
}

/** The memory of a relay process between invocations. All of it may be lost at any time. */
export class ProcessMemory {
  /**
   * The items that this process published, by identity. If a record is delivered again, an unmarked item is only marked
   * and a marked one is done. A forgotten item is published again, as a duplicate.
   */
  readonly acknowledged = new GenerationalCache<Acknowledgement>(5_000);
  /**
   * Receipts of items whose first events are published and whose later events could not be written, by identity. Needed
   * where the item takes no note: on a table with replicas, or while the note cannot be written. Forgotten events are
   * published again.
   */
  readonly partlyPublished = new GenerationalCache<readonly Receipt[]>(1_000);
  readonly partitions = new PartitionHealth();
  /** Whether a broker acknowledged or refused a batch of the last send; `false` before the first send. */
  lastSendAnswered = false;
  /** Epoch milliseconds at which an invocation last asked for delivery again. */
  askedAgainAt = -Infinity;
}

/** If the signal of a release was lost, the release is requested again after this. */
const RELEASE_AGAIN_MS = 60_000;
/** An older failure is not part of a current outage: another instance may have seen its end. */
const FORGOTTEN_AFTER_MS = 120_000;
/** More than the number of partition holds that a table can have. */
const MAX_REMEMBERED = 10_000;

interface Failing {
  readonly firstAt: number;
  readonly lastAt: number;
  /** `undefined` while no other partition works. */
  readonly aloneSince?: number | undefined;
}

/** Partitions as this process saw them, over invocations. If lost, a hold is written later or a probe is sent twice. */
export class PartitionHealth {
  readonly #failing = new Map<string, Failing>();
  readonly #probedAt = new Map<string, number>();
  readonly #releasedAt = new Map<string, number>();

  failed(name: string, now: number): void {
    const known = this.#failing.get(name);
    const continues = known !== undefined && now - known.lastAt < FORGOTTEN_AFTER_MS;
    this.#failing.set(name, continues ? { ...known, lastAt: now } : { firstAt: now, lastAt: now });
  }

  acked(name: string): void {
    this.#failing.delete(name);
  }

  /** Epoch milliseconds of the first failure since the last success. */
  failingSince(name: string): number | undefined {
    return this.#failing.get(name)?.firstAt;
  }

  /**
   * Milliseconds for which the partition has been seen failing while others worked; `undefined` if they do not now.
   *
   * @param othersWork - whether they do now
   */
  aloneFor(name: string, now: number, othersWork: boolean): number | undefined {
    const failing = this.#failing.get(name) ?? { firstAt: now, lastAt: now };
    const aloneSince = othersWork ? (failing.aloneSince ?? now) : undefined;
    this.#failing.set(name, { ...failing, aloneSince });
    return aloneSince === undefined ? undefined : now - aloneSince;
  }

  /** Whether a probe may be sent for the partition; if so, it counts as sent. */
  claimProbe(name: string, now: number): boolean {
    if (now - (this.#probedAt.get(name) ?? -Infinity) < PROBE_INTERVAL_MS) return false;
    this.#probedAt.set(name, now);
    return true;
  }

  /** Whether the release of the hold with this revision may be requested; if so, it counts as requested. */
  claimRelease(revision: string, now: number): boolean {
    if (now - (this.#releasedAt.get(revision) ?? -Infinity) < RELEASE_AGAIN_MS) return false;
    if (this.#releasedAt.size >= MAX_REMEMBERED) this.#releasedAt.clear();
    this.#releasedAt.set(revision, now);
    return true;
  }
}
