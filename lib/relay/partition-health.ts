import { PROBE_INTERVAL_MS } from '../event/partition-hold';

/** A release whose signal was lost is asked for again after this. */
const RELEASE_AGAIN_MS = 60_000;
/** A failure that is older began no outage that still lasts: another instance may have seen its end. */
const FORGOTTEN_AFTER_MS = 120_000;
/** More than a table can have holds for partitions. */
const MAX_REMEMBERED = 10_000;

/**
 * What this process has seen of the brokers' partitions, from one invocation to the next. All of it may be forgotten at
 * any time: a hold comes later then, or a probe is sent twice.
 */
export class PartitionHealth {
  readonly #failing = new Map<string, { readonly since: number; readonly last: number }>();
  readonly #probedAt = new Map<string, number>();
  readonly #releasedAt = new Map<string, number>();

  failed(name: string, now: number): void {
    const known = this.#failing.get(name);
    const goesOn = known !== undefined && now - known.last < FORGOTTEN_AFTER_MS;
    this.#failing.set(name, { since: goesOn ? known.since : now, last: now });
  }

  acked(name: string): void {
    this.#failing.delete(name);
  }

  /** Epoch milliseconds of the first failure since the last success. */
  failingSince(name: string): number | undefined {
    return this.#failing.get(name)?.since;
  }

  /** Whether a probe may be sent for the partition; it counts as sent. */
  claimProbe(name: string, now: number): boolean {
    if (now - (this.#probedAt.get(name) ?? -Infinity) < PROBE_INTERVAL_MS) return false;
    this.#probedAt.set(name, now);
    return true;
  }

  /** Whether the release of the hold with this revision may be asked for; it counts as asked for. */
  claimRelease(revision: string, now: number): boolean {
    if (now - (this.#releasedAt.get(revision) ?? -Infinity) < RELEASE_AGAIN_MS) return false;
    if (this.#releasedAt.size >= MAX_REMEMBERED) this.#releasedAt.clear();
    this.#releasedAt.set(revision, now);
    return true;
  }
}
