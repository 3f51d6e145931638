import { isOpen, itemStateOf } from '../event/item-state';
import type { TableCounts } from '../sweep/table-counts';
import type { Finding } from '../sweep/evaluate-key';
import { type OutboxTarget, readItem } from './target';

/** Proof that the relay leaves items unpublished. */
export interface Unpublished {
  /** Milliseconds for which nothing has been published although events wait. */
  readonly silentMs?: number;
  /** Items that are not published, although later events of the table are. */
  readonly overtaken?: { readonly items: number; readonly keys: number; readonly first: readonly string[] };
}

type Due = Extract<Finding, { kind: 'due' }>;

/** A healthy relay publishes within seconds; writers' clocks and shards may differ by as much. */
export const DUE_MS = 10_000;
export const SILENT_MS = 15_000;
/** Items that were on their way are published by then. */
const SECOND_LOOK_MS = 3_000;
/** How many items are named, and read a second time. */
const NAMED = 25;

/** Collects the overdue items, in memory that does not grow with the table. */
export class OverdueItems {
  #oldest: Due[] = [];
  /** Items and keys by the second in which the oldest item of the key was committed. */
  readonly #bySecond = new Map<number, { items: number; keys: number }>();

  add(finding: Finding): void {
    if (finding.kind !== 'due' || finding.since === undefined) return;
    const second = Math.floor(finding.since / 1000);
    const { items = 0, keys = 0 } = this.#bySecond.get(second) ?? {};
    this.#bySecond.set(second, { items: items + finding.items, keys: keys + 1 });
    this.#oldest.push(finding);
    if (this.#oldest.length > 4 * NAMED) this.#oldest = this.oldest;
  }

  get oldest(): Due[] {
    return this.#oldest.toSorted((a, b) => (a.since ?? 0) - (b.since ?? 0)).slice(0, NAMED);
  }

  /** How many items and keys were committed before. */
  committedBefore(ms: number): { readonly items: number; readonly keys: number } {
    const sum = { items: 0, keys: 0 };
    for (const [second, { items, keys }] of this.#bySecond) {
      if ((second + 1) * 1000 > ms) continue;
      sum.items += items;
      sum.keys += keys;
    }
    return sum;
  }
}

/**
 * Decides whether overdue items prove a fault. A writer whose clock is behind makes new items look old. Suspects are
 * therefore read again seconds later, strongly consistent, at most 25 items.
 */
export async function unpublished(
  target: Pick<OutboxTarget, 'client' | 'tableName'>,
  waiting: OverdueItems,
  { lastProcessedAt = 0, newestPublishedAt = 0 }: TableCounts,
  { now, pause }: { readonly now: () => number; readonly pause: (ms: number) => Promise<void> },
): Promise<Unpublished> {
  const at = now();
  const suspects = waiting.oldest;
  const [longest] = suspects;
  if (longest?.since === undefined) return {};
  // Shards and transactions in progress differ by seconds; after so long without a publication, they do not.
  const overtakenBefore = at - lastProcessedAt > DUE_MS ? newestPublishedAt : newestPublishedAt - DUE_MS;
  const isOvertaken = ({ since = Infinity }: Due): boolean => since < overtakenBefore;
  const silentMs = at - Math.max(longest.since, lastProcessedAt);
  const isSuspicious = silentMs > SILENT_MS || isOvertaken(longest);
  if (!isSuspicious) return {};
  await pause(SECOND_LOOK_MS);
  const open: Due[] = [];
  for (const suspect of suspects) {
    const item = await readItem(target, { pk: suspect.pk, sk: suspect.from });
    if (item !== undefined && isOpen(itemStateOf(item).state)) open.push(suspect);
  }
  const late = open.filter(isOvertaken);
  const isSilent = silentMs > SILENT_MS && open.length > late.length;
  const { items, keys } = waiting.committedBefore(overtakenBefore);
  const gone = suspects.filter((suspect) => !open.includes(suspect));
  return {
    ...(isSilent && gone.length === 0 ? { silentMs: now() - at + silentMs } : {}),
    overtaken:
      late.length === 0
        ? undefined
        : {
            items: Math.max(late.length, items - gone.reduce((sum, each) => sum + each.items, 0)),
            keys: Math.max(late.length, keys - gone.length),
            first: late.map(({ pk }) => pk),
          },
  };
}
