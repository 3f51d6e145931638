import type { ParkReason } from '../event/control';
import { partitionName, type AwaitedPartition } from '../event/topic-partition';
import { ageMs, itemRef, type BatchItem } from './batch-item';
import type { BlockedKey, Invocation } from './invocation';
import { forEachKey } from '../timing/for-each';
import { openBreaker } from './park-limits';
import type { RefusedItem } from './plan-round';
import type { ParkRequest, Poison } from './ports';
import { settleGone } from './skip-rule';

/** Keys that are held between two counts of all holds. Each concurrent invocation may exceed the limit by this many. */
const HOLDS_AT_ONCE = 100;

type KeyAtPartition = Required<BlockedKey>;

/** Writes the holds of one invocation: parks refused items, and holds keys whose partition is unavailable. */
export class KeyHolder {
  readonly #invocation: Invocation;
  /** Keys that are being parked, by partition key; the breaker already counts them. */
  readonly #parking = new Map<string, ParkReason>();

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  get mayPark(): boolean {
    return !this.#invocation.stopped && this.#invocation.hasTimeToHold;
  }

  /** Parks the first item alone: if it meets an outage, no other is tried. The others then share transactions. */
  async parkAll(refused: readonly RefusedItem[]): Promise<void> {
    const park = async ({ item, failure }: RefusedItem): Promise<void> => {
      if (failure.kind === 'poison' && this.mayPark) await this.park(item, failure);
    };
    const [first, ...others] = refused;
    if (first !== undefined) await park(first);
    await forEachKey(others, park);
  }

  async park(item: BatchItem, { reason, message }: Poison): Promise<void> {
    const { control, ports } = this.#invocation;
    const { holds } = control;
    const { pk, refusals, isHead, drainedUnder } = item;
    const hold = holds.get(pk);
    const request: ParkRequest = { ...itemRef(item), reason, message, hold, ...refusals, isHead, drainedUnder };
    // Items that were refused before are already counted by their holds: they are no sign of a new outage.
    if (refusals.attempts === 0) {
      const open = openBreaker(reason, holds, [...this.#parking.values()], ports.clock.now());
      if (open !== undefined) {
        ports.telemetry.breakerOpen(request, open);
        this.#invocation.stop();
        return;
      }
    }
    this.#parking.set(pk, reason);
    try {
      const parked = await ports.items.park(request);
      if (parked.kind === 'parked') {
        holds.set(pk, parked.hold);
        ports.telemetry.parked(request);
        item.state = 'settled';
      } else await settleGone(item, this.#invocation);
    } catch (cause) {
      this.#invocation.failKey(pk, { message: `The item of "${pk}" at "${item.sk}" could not be parked.`, cause });
    } finally {
      this.#parking.delete(pk);
    }
  }

  /**
   * Holds the keys of these items that stopped at a partition which alone accepts no writes. A key that may not be held
   * stays blocked, and its records are delivered again. Also runs after a stop: two unavailable partitions look like a
   * general outage, and their keys must not be sent again and again.
   *
   * @param waitedMs - minimum time for which the items have waited
   * @returns whether any key stopped at a partition and there was time for all of them
   */
  async holdBlocked(items: readonly BatchItem[], waitedMs: number): Promise<boolean> {
    const { blocked, heldBefore, partitions, ports } = this.#invocation;
    const keys = new Set(items.map(({ pk }) => pk));
    const stopped = [...blocked.values()].flatMap(({ message, item, partition }): KeyAtPartition[] =>
      item !== undefined && partition !== undefined && keys.has(item.pk) ? [{ message, item, partition }] : [],
    );
    const now = ports.clock.now();
    for (const ofPartition of Map.groupBy(stopped, ({ partition }) => partitionName(partition)).values()) {
      const [first] = ofPartition;
      if (first === undefined || !this.#invocation.hasTimeToHold) return false;
      const maxDelayMs = Math.max(waitedMs, ...ofPartition.map(({ item }) => ageMs(item, now)));
      const awaits = await partitions.evidenceOf(first.partition, maxDelayMs);
      if (awaits === undefined) continue;
      const hold = (key: KeyAtPartition): Promise<void> => this.#hold(key, awaits);
      // A key that was held before adds no hold to the count.
      const { known = [], others = [] } = Object.groupBy(ofPartition, ({ item }) =>
        heldBefore.has(item.pk) ? 'known' : 'others',
      );
      await forEachKey(known, hold);
      for (let rest = others; rest.length > 0;) {
        const room = Math.min(await this.#roomForHolds(), HOLDS_AT_ONCE);
        if (room <= 0) break;
        await forEachKey(rest.slice(0, room), hold);
        rest = rest.slice(room);
      }
      const count = ofPartition.filter(({ item }) => !blocked.has(item.pk)).length;
      if (count > 0) ports.telemetry.heldForPartition(awaits, count);
    }
    return stopped.length > 0;
  }

  /** Reads the holds again: other invocations have added some since this one began. */
  async #roomForHolds(): Promise<number> {
    const { hasTimeToHold, partitions, ports } = this.#invocation;
    if (!hasTimeToHold) return 0;
    try {
      const { holds } = await ports.control.read();
      return partitions.room(holds.values());
    } catch (cause) {
      ports.telemetry.outage({ message: 'The holds could not be counted: no more keys are held.', cause });
      return 0;
    }
  }

  async #hold({ item, message }: KeyAtPartition, awaits: AwaitedPartition): Promise<void> {
    const { control, blocked, hasTimeToHold, ports } = this.#invocation;
    const { holds } = control;
    const { isHead, drainedUnder, pk } = item;
    if (!hasTimeToHold) return;
    try {
      const request = { ...itemRef(item), awaits, message, hold: holds.get(pk), isHead, drainedUnder };
      const held = await ports.items.holdForPartition(request);
      if (held.kind === 'gone') await settleGone(item, this.#invocation);
      else {
        holds.set(pk, held.hold);
        blocked.delete(pk);
      }
    } catch (cause) {
      ports.telemetry.outage({ message: `The key "${pk}" could not be held for ${partitionName(awaits)}.`, cause });
    }
  }
}
