import { isOpen } from '../event/item-state';
import { positionOfVersion, versionOfPosition } from '../event/position';
import type { Entry } from './entry';
import type { KeyReader } from './ports';

/**
 * What an entry must wait for, with strict order. `missing`: the version before is not there yet, though its writer may
 * have committed it already: the halves of a transaction become visible one after the other. `open`: it is there and
 * has not been published.
 */
export type Predecessor = 'missing' | 'open';

/**
 * An item that is older than this waits no more: its predecessor was never written, or has expired. Nor does one that
 * comes from further in the future, by the clock of its writer: its shard would wait until then.
 */
const MAX_WAIT_MS = 10_000;
const FIRST_VERSION = 1;

/**
 * Looks up the version before each entry, unless an earlier entry is that version or it is among the `present`
 * positions of its key. Answers only those that must wait.
 *
 * @param present - positions known to be there and to be published before the entries, as `pk\nsk`
 * @param ageMs - how long ago an entry was committed
 */
export async function awaitedPredecessors(
  entries: readonly Entry[],
  present: ReadonlySet<string>,
  keys: Pick<KeyReader, 'states'>,
  ageMs: (entry: Entry) => number,
): Promise<ReadonlyMap<Entry, Predecessor>> {
  const before = new Set(present);
  const asked: { entry: Entry; pk: string; sk: string }[] = [];
  for (const entry of entries) {
    before.add(`${entry.pk}\n${entry.sk}`);
    const version = versionOfPosition(entry.sk);
    if (version === undefined || version <= FIRST_VERSION) continue;
    const sk = positionOfVersion(version - 1);
    if (!before.has(`${entry.pk}\n${sk}`)) asked.push({ entry, pk: entry.pk, sk });
  }
  const awaited = new Map<Entry, Predecessor>();
  if (asked.length === 0) return awaited;
  const states = await keys.states(asked);
  for (const { entry, pk, sk } of asked) {
    const state = states.get(`${pk}\n${sk}`);
    if (state !== undefined) {
      if (isOpen(state)) awaited.set(entry, 'open');
    } else if (Math.abs(ageMs(entry)) < MAX_WAIT_MS) {
      awaited.set(entry, 'missing');
    }
  }
  return awaited;
}

/** By the clock of its writer; an item that cannot be decoded is as old as can be. */
export const ageSinceCommitMs = ({ content }: Entry, now: number): number =>
  content.kind === 'item' ? now - content.item.committedAt : Infinity;
