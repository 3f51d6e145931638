import type { ItemKey } from '../event/item';
import { positionKey, positionOfVersion, versionOfPosition } from '../event/position';
import { partitionName } from '../event/topic-partition';
import { isSameItem, resume, type BatchItem, type KeyTask } from './batch-item';
import { PositionsUnread } from './key-failure';
import { forEachKey } from '../timing/for-each';
import { targetOf } from './plan-round';
import type { StoredState } from './ports';
import { awaitedPredecessors } from './predecessors';
import type { PublishSession } from './publish-session';
import { settleDone, settleIfDone } from './skip-rule';
import { isGapSuspected, mayBePublishedElsewhere, type KeyItems, type Triaged } from './triage';

const NOT_LOOKED_UP = 'The items before a record could not be looked up.';
/** While it is unknown whether the brokers answer, the first portion has at most this many keys. */
const PROBED_KEYS = 16;

/**
 * The second part of the triage: reads unproven keys in the table, a hundred positions per request, and settles the
 * items that the table shows as processed.
 *
 * For a late record, or while a stream gap is suspected, the previous position is read as well. If that item is
 * processed, no earlier item is open, because the items of a key are processed in order. Only if neither read decides,
 * the relay queries the key.
 */
export class TableLookup {
  readonly #session: PublishSession;
  /** Keys whose predecessor belongs to an unfinished transaction; they are looked up once more, after all others. */
  readonly #waiting: KeyItems[] = [];

  constructor(session: PublishSession) {
    this.#session = session;
  }

  /**
   * Looks keys up in portions; the caller publishes each portion before it requests the next. While it is unknown
   * whether the brokers answer, the first portion is one key of each partition. If all of these fail, no more keys are
   * looked up.
   */
  async *portions(unproven: readonly KeyItems[]): AsyncGenerator<Triaged> {
    const { invocation } = this.#session;
    const hasTime = (): boolean => invocation.hasTimeForRound;
    const isSilent = (): boolean => this.#session.brokersSilent;
    if (unproven.length === 0 || !hasTime() || isSilent()) return;
    const targets = await this.#targets(unproven);
    const targetOf = (key: KeyItems): string => targets.get(key) ?? '';
    let rest = unproven.filter((key) => targets.has(key));
    /** Partitions without a send so far: a key that turns out to be processed proves nothing about its partition. */
    const untried = new Set(targets.values());
    for (let size = PROBED_KEYS; rest.length > 0; size *= 4) {
      if (!hasTime() || (isSilent() && untried.size === 0)) return;
      const isKnown = !isSilent() && (invocation.memory.lastSendAnswered || untried.size === 0);
      const candidates = rest.filter((key) => untried.has(targetOf(key)));
      const probe = size === PROBED_KEYS ? onePerTarget(candidates, targets) : candidates;
      const portion = new Set(isKnown || probe.length === 0 ? rest : probe.slice(0, size));
      rest = rest.filter((key) => !portion.has(key));
      const triaged = await this.#lookUp([...portion]);
      const tried = new Set([...triaged.plain, ...triaged.tasks].map(({ pk }) => pk));
      for (const key of portion) if (tried.has(key.pk)) untried.delete(targetOf(key));
      yield triaged;
    }
    const waiting = this.#waiting.splice(0);
    if (waiting.length > 0 && hasTime() && !isSilent()) yield this.#lookUp(waiting, true);
  }

  /** The partition of each key's first event. A key whose topic cannot be looked up is left out and stays open. */
  async #targets(keys: readonly KeyItems[]): Promise<ReadonlyMap<KeyItems, string>> {
    const topics = await this.#session.topics.of(keys.flatMap(({ items }) => items.slice(0, 1)));
    const targets = new Map<KeyItems, string>();
    for (const key of keys) {
      const content = key.items[0]?.content;
      const message = content?.kind === 'item' ? content.messages[0] : undefined;
      const lookup = message === undefined ? undefined : topics.get(message.topic);
      if (message === undefined || lookup?.kind === 'poison') targets.set(key, '');
      else if (lookup?.kind === 'topic') targets.set(key, partitionName(targetOf(message, lookup.partitions)));
    }
    return targets;
  }

  /** @param isLast - a key whose predecessor is still missing is delivered again */
  async #lookUp(keys: readonly KeyItems[], isLast = false): Promise<Triaged> {
    const { invocation } = this.#session;
    const behind = new Set<KeyItems>();
    try {
      await this.#settleStored(keys, behind);
      if (invocation.options.order === 'strict') {
        const others = keys.filter((key) => !behind.has(key) && !invocation.isBlocked(key.pk));
        await this.#awaitPredecessors(others, behind, isLast);
      }
    } catch (cause) {
      invocation.stop({ message: NOT_LOOKED_UP, cause });
      return { plain: [], tasks: [] };
    }
    const held = new Set(this.#waiting.flatMap(({ items }) => items));
    return {
      plain: keys.flatMap((key) =>
        behind.has(key) ? [] : key.items.filter((item) => item.state === 'open' && !held.has(item)),
      ),
      tasks: [...behind].map(({ pk, items }): KeyTask => ({ pk, items, signals: [] })),
    };
  }

  /** Settles items that the table shows as processed; finds keys with an open item before their first item. */
  async #settleStored(keys: readonly KeyItems[], behind: Set<KeyItems>): Promise<void> {
    const { invocation } = this.#session;
    const { telemetry, items: store } = invocation.ports;
    const positions = new Map<string, ItemKey>();
    const add = (pk: string, sk: string): unknown => positions.set(positionKey(pk, sk), { pk, sk });
    const redelivered: BatchItem[] = [];
    let suspected = 0;
    for (const { pk, items, gapReason } of keys) {
      const [first] = items;
      const version = first === undefined ? undefined : versionOfPosition(first.sk);
      if (gapReason !== undefined) {
        suspected++;
        if (version !== undefined && version > 0) add(pk, positionOfVersion(version - 1));
      }
      for (const item of items) {
        const isSuspect = gapReason !== undefined && item === first;
        if (!isSuspect && !mayBePublishedElsewhere(item, invocation)) continue;
        redelivered.push(item);
        add(pk, item.sk);
      }
    }
    if (suspected > 0) telemetry.lookedUp(isGapSuspected(invocation) ? 'gap-suspected' : 'late', suspected);
    else if (redelivered.length > 0) telemetry.lookedUp('redelivered', redelivered.length);
    const stored = await this.#stored([...positions.values()]);

    for (const item of redelivered) {
      if (invocation.isBlocked(item.pk)) continue;
      const found = stored.get(positionKey(item.pk, item.sk));
      if (settleIfDone(item, found, invocation)) continue;
      if (store.noteReceipts !== undefined && isSameItem(item, found)) resume(item, found?.receipts);
    }
    const undecided: KeyItems[] = [];
    for (const key of keys) {
      if (invocation.isBlocked(key.pk)) continue;
      const first = key.items.find(({ state }) => state === 'open');
      if (key.gapReason === undefined || first === undefined) continue;
      const previous = evaluatePrevious(first, stored, positions);
      if (previous === 'open') behind.add(key);
      else if (previous === 'unknown') undecided.push(key);
    }
    await forEachKey(undecided, async (key) => {
      try {
        if (await this.#hasOpenBefore(key.items)) behind.add(key);
      } catch (cause) {
        invocation.failKey(key.pk, { message: NOT_LOOKED_UP, cause });
      }
    });
  }

  /** Keys with unread positions wait for their next delivery. */
  async #stored(positions: readonly ItemKey[]): Promise<ReadonlyMap<string, StoredState>> {
    if (positions.length === 0) return new Map();
    try {
      return await this.#session.invocation.ports.keys.lookUp(positions);
    } catch (cause) {
      return this.#failUnread(cause).stored;
    }
  }

  /** @throws the cause, unless it is `PositionsUnread` */
  #failUnread(cause: unknown): PositionsUnread {
    if (!(cause instanceof PositionsUnread)) throw cause;
    for (const pk of new Set(cause.unread.map(({ pk }) => pk))) {
      this.#session.invocation.failKey(pk, { message: NOT_LOOKED_UP, cause });
    }
    return cause;
  }

  /** Uses a Query. Settles leading items that are no longer open. */
  async #hasOpenBefore(items: readonly BatchItem[]): Promise<boolean> {
    const { invocation } = this.#session;
    for (const item of items) {
      if (item.state !== 'open') continue;
      const earliest = await invocation.ports.keys.earliestOpen(item.pk, item.sk);
      if (earliest !== undefined) return earliest < item.sk;
      settleDone(item, invocation, true);
    }
    return false;
  }

  async #awaitPredecessors(keys: readonly KeyItems[], behind: Set<KeyItems>, isLast: boolean): Promise<void> {
    const { invocation } = this.#session;
    const { clock, keys: reader, telemetry } = invocation.ports;
    const open = keys.flatMap(({ items }) => items.filter(({ state }) => state === 'open'));
    const now = clock.now();
    let awaited: Awaited<ReturnType<typeof awaitedPredecessors>> | undefined;
    while (awaited === undefined) {
      const left = open.filter(({ pk }) => !invocation.isBlocked(pk));
      try {
        awaited = await awaitedPredecessors(left, new Set(), reader, now, invocation.options.replicationWaitMs);
      } catch (cause) {
        this.#failUnread(cause);
      }
    }
    for (const key of keys) {
      if (invocation.isBlocked(key.pk)) continue;
      const at = key.items.findIndex((item) => awaited.has(item));
      const waiting = at === -1 ? undefined : key.items[at];
      if (waiting === undefined) continue;
      if (awaited.get(waiting) === 'open') behind.add(key);
      else if (isLast) {
        telemetry.predecessorMissing(waiting);
        for (const item of key.items.slice(at)) item.state = 'failed';
      } else this.#waiting.push({ ...key, gapReason: undefined, items: key.items.slice(at) });
    }
  }
}

/** Evaluates the position before an item; `done` proves that nothing before the item is open. */
function evaluatePrevious(
  { pk, sk, content }: BatchItem,
  stored: ReadonlyMap<string, StoredState>,
  read: ReadonlyMap<string, unknown>,
): 'done' | 'open' | 'unknown' {
  const version = versionOfPosition(sk);
  if (version === undefined) return 'unknown';
  if (version === 0) return 'done';
  const before = positionKey(pk, positionOfVersion(version - 1));
  const previous = stored.get(before);
  // Version 0 is the first. If version 0 was read and is absent, version 1 is the first item of its key.
  if (previous === undefined) return version === 1 && read.has(before) ? 'done' : 'unknown';
  // An item that another region publishes proves nothing about this region's items.
  const { region } = previous;
  if (content.kind === 'undecodable' || (region !== undefined && region !== content.item.region)) return 'unknown';
  if (previous.state === 'processed') return 'done';
  // A discarded item proves nothing about earlier items.
  return previous.state === 'discarded' ? 'unknown' : 'open';
}

/** The first key of each partition, so that one unavailable partition does not decide for the others. */
function onePerTarget(keys: readonly KeyItems[], targets: ReadonlyMap<KeyItems, string>): KeyItems[] {
  return [...new Map(keys.toReversed().map((key) => [targets.get(key), key])).values()].reverse();
}
