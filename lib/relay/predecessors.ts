import { isOpen } from '../event/item-state';
import { positionOfVersion, versionOfPosition } from '../event/position';
import type { Entry } from './entry';
import { positionKey, type KeyReader, type Position, type StoredItem } from './ports';

/**
 * What an entry must wait for, with strict order. `missing`: the version before is not there yet, but may have been
 * committed already, because the items of a transaction become visible one after the other. `open`: it is there and has
 * not been published.
 */
export type Predecessor = 'missing' | 'open';

const FIRST_VERSION = 1;

/**
 * Looks up the version before each entry, unless an earlier entry is that version or it is among the `present`
 * positions of its key. Returns only those that must wait.
 *
 * A writer that has read version 6 begins version 7 after the transaction of version 6 was at least prepared on all its
 * items. When version 7 is visible and version 6 is not, a transactional read of version 6 therefore meets that
 * transaction, or version 6 was never written, or has expired: then nothing is waited for.
 *
 * @param present - positions known to be there and to be published before the entries, by `positionKey`
 * @param ageMs - how long ago an entry was committed
 * @param replicationWaitMs - Items of another region are replicated one by one, and no read tells whether one is on its
 *   way: an entry that is younger waits. One that comes from further in the future, by the clock of its writer, does not:
 *   its shard would wait until then.
 */
export async function awaitedPredecessors(
  entries: readonly Entry[],
  present: ReadonlySet<string>,
  keys: Pick<KeyReader, 'lookUp' | 'lookUpTransacted'>,
  ageMs: (entry: Entry) => number,
  replicationWaitMs = 0,
): Promise<ReadonlyMap<Entry, Predecessor>> {
  const before = new Set(present);
  const asked: (Position & { readonly entry: Entry })[] = [];
  for (const entry of entries) {
    const { pk } = entry;
    before.add(positionKey(pk, entry.sk));
    const version = versionOfPosition(entry.sk);
    if (version === undefined || version <= FIRST_VERSION) continue;
    const sk = positionOfVersion(version - 1);
    if (!before.has(positionKey(pk, sk))) asked.push({ entry, pk, sk });
  }
  const awaited = new Map<Entry, Predecessor>();
  if (asked.length === 0) return awaited;

  const decide = (entry: Entry, { state }: StoredItem): void => {
    if (isOpen(state)) awaited.set(entry, 'open');
  };
  const stored = await keys.lookUp(asked);
  const absent = asked.filter(({ entry, pk, sk }) => {
    const predecessor = stored.get(positionKey(pk, sk));
    if (predecessor !== undefined) decide(entry, predecessor);
    return predecessor === undefined;
  });
  if (absent.length === 0) return awaited;
  const transacted = await keys.lookUpTransacted(absent);
  for (const { entry, pk, sk } of absent) {
    const position = positionKey(pk, sk);
    const predecessor = transacted.stored.get(position);
    if (predecessor !== undefined) decide(entry, predecessor);
    else if (transacted.unfinished.has(position) || Math.abs(ageMs(entry)) < replicationWaitMs) {
      awaited.set(entry, 'missing');
    }
  }
  return awaited;
}

/** By the clock of its writer; an item that cannot be decoded is as old as can be. */
export const ageSinceCommitMs = ({ content }: Entry, now: number): number =>
  content.kind === 'item' ? now - content.item.committedAt : Infinity;
