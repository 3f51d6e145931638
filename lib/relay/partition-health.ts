import { PROBE_INTERVAL_MS } from '../event/partition-hold';

/** If the signal of a release was lost, the release is requested again after this. */
const RELEASE_AGAIN_MS = 60_000;
/** An older failure is not part of a current outage: another instance may have seen its end. */
const FORGOTTEN_AFTER_MS = 120_000;
/** More than the number of partition holds that a table can have. */
const MAX_REMEMBERED = 10_000;

/**
 * The state of the brokers' partitions as this process has seen it, over invocations. It may be lost at any time: then
 * a hold is written later, or a probe is sent twice.
 */
export class PartitionHealth {
  readonly #failing = new Map<string, { readonly firstAt: number; readonly lastAt: number }>();
  readonly #probedAt = new Map<string, number>();
  readonly #releasedAt = new Map<string, number>();

  failed(name: string, now: number): void {
    const known = this.#failing.get(name);
    const continues = known !== undefined && now - known.lastAt < FORGOTTEN_AFTER_MS;
    this.#failing.set(name, { firstAt: continues ? known.firstAt : now, lastAt: now });
  }

  acked(name: string): void {
    this.#failing.delete(name);
  }

  /** Epoch milliseconds of the first failure since the last success. */
  failingSince(name: string): number | undefined {
    return this.#failing.get(name)?.firstAt;
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
