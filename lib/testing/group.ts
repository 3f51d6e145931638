import type { ConsumedRecord } from '../consume/record';
import { disordered } from './disorder';
import type { Random } from './random';

/** A partition as a consumer's group sees it. */
interface View {
  /** What will be read, in the order of the offsets, which are the places in it. */
  readonly records: ConsumedRecord[];
  /** How many of the topic's messages are in it. */
  taken: number;
  /** The committed offset: what is read next. */
  next: number;
}

/** What one poll brings of a partition. */
export interface Fetched {
  readonly view: View;
  readonly records: readonly ConsumedRecord[];
}

const MAX_FETCHED = 100;

/** What a consumer's group has read of each partition. */
export class Group {
  readonly #views = new Map<string, View>();
  /** Messages that were set aside, by id. */
  readonly setAside = new Map<string, string>();

  /** Takes over what the partition got since the last time, in another order when there is a `random`. */
  take(topic: string, partition: number, log: readonly ConsumedRecord[], random: Random | undefined): void {
    const name = `${topic}-${partition}`;
    const view = this.#views.get(name) ?? { records: [], taken: 0, next: 0 };
    this.#views.set(name, view);
    const fresh = log.slice(view.taken);
    view.taken = log.length;
    for (const record of random === undefined ? fresh : disordered(fresh, random)) {
      view.records.push({ ...record, offset: BigInt(view.records.length) });
    }
  }

  /** What comes next: of all partitions, or of some of them and not all at once. Empty when all is read. */
  fetch(random: Random | undefined): Fetched[] {
    const open = [...this.#views.values()].filter(({ records, next }) => next < records.length);
    const some = random === undefined ? open : open.filter(() => random.chance(0.7));
    return (some.length === 0 ? open : some).map((view) => {
      const size = random === undefined ? MAX_FETCHED : 1 + random.integer(8);
      return { view, records: view.records.slice(view.next, view.next + size) };
    });
  }

  /** Goes back in every partition of `fetched`, as when a consumer ends before it has committed. */
  goBack(fetched: readonly Fetched[], random: Random): void {
    for (const { view } of fetched) view.next -= view.next === 0 ? 0 : 1 + random.integer(view.next);
  }
}
