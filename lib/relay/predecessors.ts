import { isOpen } from '../event/item-state';
import { positionOfVersion, versionOfPosition } from '../event/position';
import type { BatchItem } from './batch-item';
import { positionKey, type KeyReader, type Position, type StoredState } from './ports';

/**
 * Why an entry must wait, with strict order. `missing`: the previous version is not visible, but may be committed,
 * because the items of a transaction become visible one after the other. `open`: it is visible and not published.
 */
export type Predecessor = 'missing' | 'open';

const FIRST_VERSION = 1;

/**
 * Looks up the version before each entry, unless an earlier entry has that version or it is among the `present`
 * positions. Returns only the entries that must wait.
 *
 * A writer that has read version 6 begins version 7 after the transaction of version 6 was at least prepared on all its
 * items. If version 7 is visible and version 6 is not, a transactional read of version 6 therefore meets that
 * transaction. If it meets none, version 6 was never written or has expired, and the entry need not wait.
 *
 * @param present - positions that are known to exist and to be published before the entries, by `positionKey`
 * @param ageMs - milliseconds since an entry was committed
 * @param replicationWaitMs - Items of another region replicate one by one, and no read shows whether one is in transit:
 *   a younger entry waits. An entry whose writer's clock is further ahead than this does not wait: its shard would wait
 *   until then.
 */
export async function awaitedPredecessors(
  entries: readonly BatchItem[],
  present: ReadonlySet<string>,
  keys: Pick<KeyReader, 'lookUp' | 'lookUpTransacted'>,
  ageMs: (entry: BatchItem) => number,
  replicationWaitMs = 0,
): Promise<ReadonlyMap<BatchItem, Predecessor>> {
  const before = new Set(present);
  const asked: (Position & { readonly entry: BatchItem })[] = [];
  for (const entry of entries) {
    const { pk } = entry;
    before.add(positionKey(pk, entry.sk));
    const version = versionOfPosition(entry.sk);
    if (version === undefined || version <= FIRST_VERSION) continue;
    const sk = positionOfVersion(version - 1);
    if (!before.has(positionKey(pk, sk))) asked.push({ entry, pk, sk });
  }
  const awaited = new Map<BatchItem, Predecessor>();
  if (asked.length === 0) return awaited;

  const decide = (entry: BatchItem, { state }: StoredState): void => {
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

/** Age by the writer's clock; infinite for an item that cannot be decoded. */
export const ageSinceCommitMs = ({ content }: BatchItem, now: number): number =>
  content.kind === 'item' ? now - content.item.committedAt : Infinity;
