import { ITEM_GONE, type Hold, type HoldReason, type ParkReason, PARTITION_UNAVAILABLE } from '../event/control';
import { streamedAtOf, type StreamRecord } from './record';

/**
 * Many refused keys at once are one outage: a topic deleted by mistake must not park every key. Refusals that the item
 * alone decides do not count. `maxKeys` bounds them, because each invocation reads all holds.
 */
export const BREAKER = { maxHolds: 25, windowMs: 300_000, maxKeys: 5_000 } as const;

/** Reasons that the item alone decides, or that are no refusal. Any other reason may have a cause outside the item. */
const NO_OUTAGE: ReadonlySet<HoldReason> = new Set<HoldReason>([
  'undecodable-item',
  'message-too-large',
  'drain-unfinished',
  ITEM_GONE,
  PARTITION_UNAVAILABLE,
]);

const mayBeOutage = (reason: HoldReason): boolean => !NO_OUTAGE.has(reason);

/** Number of keys that were first held within the breaker's window for a reason that may be an outage. */
const recentHolds = (holds: Iterable<Hold>, now: number): number => {
  let count = 0;
  for (const { since, reason } of holds) {
    if (since > now - BREAKER.windowMs && mayBeOutage(reason)) count++;
  }
  return count;
};

/**
 * Number of holds that keep the breaker open for a key refused for `reason`; `undefined` if the key may be parked.
 *
 * @param parking - reasons of keys that are being parked now and have no hold yet
 */
export function openBreaker(
  reason: ParkReason,
  holds: ReadonlyMap<string, Hold>,
  parking: readonly ParkReason[],
  now: number,
): number | undefined {
  const keys = holds.size + parking.length;
  if (keys >= BREAKER.maxKeys) return keys;
  if (!mayBeOutage(reason)) return undefined;
  const recent = recentHolds(holds.values(), now) + parking.filter(mayBeOutage).length;
  return recent >= BREAKER.maxHolds ? recent : undefined;
}

/** The crash counter's limit: if the process ends this often in a row while it publishes an item, the item is parked. */
export const MAX_CRASHED_ATTEMPTS = 5;
const CRASH_AGE_MS = 60_000;

/**
 * Whether the process may have died on this batch before, so that attempts must be counted. Lambda halves a batch that
 * ends without a result until one record is left, which takes some time.
 */
export function mayHaveCrashed([first, ...others]: readonly StreamRecord[], now: number): boolean {
  return first !== undefined && others.length === 0 && now - (streamedAtOf(first) ?? now) > CRASH_AGE_MS;
}
