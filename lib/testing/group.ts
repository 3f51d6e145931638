import { queueKeyOf } from '../consume/inbox-keys';
import type { ConsumedRecord } from '../consume/record';
import { partitionName } from '../event/topic-partition';
import type { Random } from './random';

/** A partition from the view of a consumer group. */
interface View {
  /** The messages to read. A message's index is its offset. */
  readonly records: ConsumedRecord[];
  /** The number of messages of the partition's log that were taken over. */
  taken: number;
  /** The committed offset: the next message to read. */
  next: number;
}

/** The records of one partition in one poll. */
export interface Fetched {
  readonly view: View;
  readonly records: readonly ConsumedRecord[];
}

const MAX_FETCHED = 100;
const REPEATED_PROBABILITY = 0.3;

/** The position of a consumer group in each partition. */
export class Group {
  readonly #views = new Map<string, View>();
  /** Why a message was dead-lettered, by its id. */
  readonly deadLettered = new Map<string, string>();

  /** Takes over the messages that the partition received since the last call; with `random`, in another order. */
  take(topic: string, partition: number, log: readonly ConsumedRecord[], random: Random | undefined): void {
    const name = partitionName({ topic, partition });
    const view = this.#views.get(name) ?? { records: [], taken: 0, next: 0 };
    this.#views.set(name, view);
    const fresh = log.slice(view.taken);
    view.taken = log.length;
    for (const record of random === undefined ? fresh : disordered(fresh, random)) {
      view.records.push({ ...record, offset: BigInt(view.records.length) });
    }
  }

  /** The next records: of all partitions, or with `random` a part of them. Empty if no record is left. */
  fetch(random: Random | undefined): Fetched[] {
    const open = [...this.#views.values()].filter(({ records, next }) => next < records.length);
    const some = random === undefined ? open : open.filter(() => random.chance(0.7));
    return (some.length === 0 ? open : some).map((view) => {
      const size = random === undefined ? MAX_FETCHED : 1 + random.integer(8);
      return { view, records: view.records.slice(view.next, view.next + size) };
    });
  }

  /** Goes back in every partition of `fetched`, as after a consumer that ends before it commits. */
  goBack(fetched: readonly Fetched[], random: Random): void {
    for (const { view } of fetched) view.next -= view.next === 0 ? 0 : 1 + random.integer(view.next);
  }
}

/**
 * Returns a partition as other relays could have written it: keys interleaved in another order, even across
 * transactions, and some messages repeated. The first deliveries of a key keep their order.
 */
export function disordered(records: readonly ConsumedRecord[], random: Random): ConsumedRecord[] {
  const shuffled = interleaved(records, random);
  const again = shuffled.filter(() => random.chance(REPEATED_PROBABILITY));
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
