import type { Hold } from '../event/control';
import { PARTITION_UNAVAILABLE } from '../event/partition-hold';

/** Many poisons at once are one outage: a topic deleted by mistake must not park every key there is. */
export const BREAKER = { maxHolds: 25, windowMs: 300_000 } as const;

/** How many keys were first held within the breaker's window. */
export const recentHolds = (holds: Iterable<Hold>, now: number): number => {
  let count = 0;
  for (const { since, reason } of holds) {
    const isPoison = reason !== 'drain-unfinished' && reason !== PARTITION_UNAVAILABLE;
    if (isPoison && since > now - BREAKER.windowMs) count++;
  }
  return count;
};
