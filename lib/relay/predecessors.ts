import type { ItemKey } from '../event/item';
import { isOpen } from '../event/item-state';
import { positionKey, positionOfVersion, versionOfPosition } from '../event/position';
import { ageMs, type BatchItem } from './batch-item';
import type { KeyReader, StoredState } from './ports';

/**
 * Why an item must wait, with strict order. `missing`: the previous version is not visible, but may be committed,
 * because the items of a transaction become visible one after the other. `open`: it is visible and not published.
 */
export type Predecessor = 'missing' | 'open';

const FIRST_VERSION = 1;

/**
 * Looks up the version before each item, unless an earlier item has that version or it is among the `present`
 * positions. Returns only the items that must wait.
 *
 * A writer that has read version 6 begins version 7 after the transaction of version 6 was at least prepared on all its
 * items. If version 7 is visible and version 6 is not, a transactional read of version 6 therefore meets that
 * transaction. If it meets none, version 6 was never written or has expired, and the item need not wait.
 *
 * @param present - positions that are known to exist and to be published before the items, by `positionKey`
 * @param replicationWaitMs - Items of another region replicate one by one, and no read shows whether one is in transit:
 *   a younger item waits. An item whose writer's clock is further ahead than this does not wait: its shard would wait
 *   until then.
 */
export async function awaitedPredecessors(
  items: readonly BatchItem[],
  present: ReadonlySet<string>,
  keys: Pick<KeyReader, 'lookUp' | 'lookUpTransacted'>,
  now: number,
  replicationWaitMs = 0,
): Promise<ReadonlyMap<BatchItem, Predecessor>> {
  const earlier = new Set(present);
  const predecessors: (ItemKey & { readonly item: BatchItem })[] = [];
  for (const item of items) {
    const { pk } = item;
    earlier.add(positionKey(pk, item.sk));
    const version = versionOfPosition(item.sk);
    if (version === undefined || version <= FIRST_VERSION) continue;
    const sk = positionOfVersion(version - 1);
    if (!earlier.has(positionKey(pk, sk))) predecessors.push({ item, pk, sk });
  }
  const awaited = new Map<BatchItem, Predecessor>();
  if (predecessors.length === 0) return awaited;

  const decide = (item: BatchItem, { state }: StoredState): void => {
    if (isOpen(state)) awaited.set(item, 'open');
  };
  const stored = await keys.lookUp(predecessors);
  const absent = predecessors.filter(({ item, pk, sk }) => {
    const predecessor = stored.get(positionKey(pk, sk));
    if (predecessor !== undefined) decide(item, predecessor);
    return predecessor === undefined;
  });
  if (absent.length === 0) return awaited;
  const transacted = await keys.lookUpTransacted(absent);
  for (const { item, pk, sk } of absent) {
    const position = positionKey(pk, sk);
    const predecessor = transacted.stored.get(position);
    if (predecessor !== undefined) decide(item, predecessor);
    else if (transacted.unfinished.has(position) || Math.abs(ageMs(item, now)) < replicationWaitMs) {
      awaited.set(item, 'missing');
    }
  }
  return awaited;
}
