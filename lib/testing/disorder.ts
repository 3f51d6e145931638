import { queueKeyOf } from '../consume/inbox-keys';
import type { ConsumedRecord } from '../consume/record';
import type { Random } from './random';

const DUPLICATES = 0.3;

/**
 * Returns a partition as other relays could have written it: keys interleaved in another order, even across
 * transactions, and some messages repeated. The first deliveries of a key keep their order.
 */
export function disordered(records: readonly ConsumedRecord[], random: Random): ConsumedRecord[] {
  const shuffled = interleaved(records, random);
  const again = shuffled.filter(() => random.chance(DUPLICATES));
  const [first] = shuffled;
  if (again.length === 0 && first !== undefined) again.push(random.pick(shuffled) ?? first);
  for (const record of again) {
    const earliest = shuffled.indexOf(record) + 1;
    shuffled.splice(earliest + random.integer(shuffled.length - earliest + 1), 0, record);
  }
  return shuffled;
}

function interleaved(records: readonly ConsumedRecord[], random: Random): ConsumedRecord[] {
  const queues = [...Map.groupBy(records, queueKeyOf).values()].map((queue) => [...queue]);
  const merged: ConsumedRecord[] = [];
  while (merged.length < records.length) {
    const next = random.pick(queues.filter(({ length }) => length > 0))?.shift();
    if (next !== undefined) merged.push(next);
  }
  return merged;
}
