import { positionOfVersion, versionOfPosition } from '../event/position';
import type { PublishSession } from './publish-session';
import { resume, type BatchItem } from './batch-item';
import { forEachKey } from './key-work';
import type { KeyTask, BatchSignal } from './key-task';
import type { RelayOptions } from './options';
import { PositionsUnread } from './key-failure';
import { partitionOf } from './partition';
import { positionKey, type LookUpReason, type Position, type RelayPorts, type StoredState } from './ports';
import { ageSinceCommitMs, awaitedPredecessors } from './predecessors';
import type { ProcessMemory } from './process-memory';
import type { StreamRecord } from './record';
import { ageMs } from './crash-counter';

/**
 * Age from which another process may have published a record: Lambda redelivers a batch to any instance of the
 * function. The stream's timestamps have a resolution of one second.
 */
export const LOOK_UP_AFTER_MS = 5_000;
/** Used after this process asked for redelivery: it may then receive records that others have published. */
const LOOK_UP_SOONER_MS = 1_000;
/**
 * After any invocation published a part of its batch and asked for the rest again, every record is looked up for this
 * long. Lambda redelivers the rest within a second, to any instance.
 */
export const RETRY_MS = 60_000;
const NOT_LOOKED_UP = 'The items before a record could not be looked up.';
/** While it is unknown whether the brokers answer, the first look-up covers at most this many keys. */
const PROBED_KEYS = 16;

/** The entries of one key in a batch, in batch order. */
interface KeyItems {
  readonly pk: string;
  readonly entries: readonly BatchItem[];
  /** Why an open item that the stream has not shown may precede the first entry. */
  readonly suspicion?: Exclude<LookUpReason, 'redelivered'>;
}

/** The decisions of a look-up. */
export interface Triaged {
  /** May be published as the records show them. */
  readonly plain: readonly BatchItem[];
  /** Keys that must be drained. */
  readonly works: readonly KeyTask[];
}

/**
 * Decides which keys of a batch are published as the records show them, which are first looked up in the table, and
 * which are drained.
 *
 * A young record of a trusted stream costs no request. Older records are looked up, a hundred per request, and settled
 * if the table shows that they are processed. For a late record, or while a stream gap is suspected, the previous
 * position is read as well. If that item is processed, no earlier item is open, because the items of a key are
 * processed in order. Only if neither read decides, the relay queries the key.
 */
export class Triage {
  readonly #records: readonly StreamRecord[];
  readonly #session: PublishSession;
  readonly #memory: ProcessMemory;
  readonly #ports: RelayPorts;
  readonly #options: RelayOptions;
  /** Keys whose predecessor belongs to an unfinished transaction; they are looked up once more, after all others. */
  readonly #waiting: KeyItems[] = [];

  constructor(
    records: readonly StreamRecord[],
    session: PublishSession,
    memory: ProcessMemory,
    ports: RelayPorts,
    options: RelayOptions,
  ) {
    this.#records = records;
    this.#session = session;
    this.#memory = memory;
    this.#ports = ports;
    this.#options = options;
  }

  /** Sorts entries without a request. `unproven` keys are passed to `lookUps`. */
  split(
    entries: readonly BatchItem[],
    signals: readonly BatchSignal[],
  ): Triaged & { readonly unproven: readonly KeyItems[] } {
    const { holds } = this.#session.control;
    const signalled = Map.groupBy(signals, ({ signal }) => signal.pk);
    const needsDrain = ({ pk }: BatchItem): boolean => signalled.has(pk) || holds.get(pk)?.state === 'draining';
    const drained = Map.groupBy(entries.filter(needsDrain), ({ pk }) => pk);
    const candidates = this.#session.settleSkippable(entries.filter((entry) => !needsDrain(entry)));

    const lookUpAfterMs = this.#lookUpAfterMs();
    const now = this.#ports.clock.now();
    const unproven = [...Map.groupBy(candidates, ({ pk }) => pk)].flatMap(([pk, ofKey]): KeyItems[] => {
      const suspicion = this.#suspicion(ofKey, now);
      const isAsked =
        suspicion !== undefined ||
        this.#options.order === 'strict' ||
        ofKey.some((entry) => this.#mayBePublished(entry, now, lookUpAfterMs));
      return isAsked ? [{ pk, entries: ofKey, suspicion }] : [];
    });
    const asked = new Set(unproven.map(({ pk }) => pk));
    const works = [...new Set([...signalled.keys(), ...drained.keys()])].map((pk) =>
      taskOf(pk, drained.get(pk) ?? [], signalled.get(pk) ?? []),
    );
    return { plain: candidates.filter(({ pk }) => !asked.has(pk)), works, unproven };
  }

  /**
   * Looks keys up in portions; the caller delivers each portion before it asks for the next. While it is unknown
   * whether the brokers answer, the first portion is one key of each partition. If all of these fail, no more keys are
   * looked up.
   */
  async *lookUps(unproven: readonly KeyItems[]): AsyncGenerator<Triaged> {
    const mayGoOn = (): boolean => this.#session.mayGoOn;
    const isSilent = (): boolean => this.#session.brokersSilent;
    if (unproven.length === 0 || !mayGoOn() || isSilent()) return;
    const targets = await this.#targets(unproven);
    const targetOf = (key: KeyItems): string => targets.get(key) ?? '';
    let rest = unproven.filter((key) => targets.has(key));
    /** Partitions without a send so far: a key that turns out to be processed proves nothing about its partition. */
    const untried = new Set(targets.values());
    for (let size = PROBED_KEYS; rest.length > 0; size *= 4) {
      if (!mayGoOn() || (isSilent() && untried.size === 0)) return;
      const isKnown = !isSilent() && (this.#memory.brokersAnswer || untried.size === 0);
      const candidates = rest.filter((key) => untried.has(targetOf(key)));
      const probe = size === PROBED_KEYS ? onePerTarget(candidates, targets) : candidates;
      const portion = new Set(isKnown || probe.length === 0 ? rest : probe.slice(0, size));
      rest = rest.filter((key) => !portion.has(key));
      const triaged = await this.#lookUp([...portion]);
      const tried = new Set([...triaged.plain, ...triaged.works].map(({ pk }) => pk));
      for (const key of portion) if (tried.has(key.pk)) untried.delete(targetOf(key));
      yield triaged;
    }
    const waiting = this.#waiting.splice(0);
    if (waiting.length > 0 && mayGoOn() && !isSilent()) yield this.#lookUp(waiting, true);
  }

  /** The partition of each key's first event. A key whose topic cannot be looked up is left out and stays open. */
  async #targets(keys: readonly KeyItems[]): Promise<ReadonlyMap<KeyItems, string>> {
    const topics = await this.#session.lookUpTopics(keys.flatMap(({ entries }) => entries.slice(0, 1)));
    const targets = new Map<KeyItems, string>();
    for (const key of keys) {
      const content = key.entries[0]?.content;
      const message = content?.kind === 'item' ? content.messages[0] : undefined;
      const lookup = message === undefined ? undefined : topics.get(message.topic);
      if (message === undefined || lookup?.kind === 'poison') targets.set(key, '');
      else if (lookup?.kind === 'topic') {
        targets.set(key, `${message.topic}/${partitionOf(message.key, lookup.partitions)}`);
      }
    }
    return targets;
  }

  /** @param isLast - a key whose predecessor is still missing is delivered again */
  async #lookUp(keys: readonly KeyItems[], isLast = false): Promise<Triaged> {
    const behind = new Set<KeyItems>();
    try {
      await this.#settleStored(keys, behind);
      if (this.#options.order === 'strict') {
        await this.#awaitPredecessors(
          keys.filter((key) => !behind.has(key) && !this.#session.hasFailed(key.pk)),
          behind,
          isLast,
        );
      }
    } catch (cause) {
      this.#session.stop({ message: NOT_LOOKED_UP, cause });
      return { plain: [], works: [] };
    }
    const held = new Set(this.#waiting.flatMap(({ entries }) => entries));
    return {
      plain: keys.flatMap((key) =>
        behind.has(key) ? [] : key.entries.filter((entry) => entry.state === 'open' && !held.has(entry)),
      ),
      works: [...behind].map(({ pk, entries }) => taskOf(pk, entries, [])),
    };
  }

  /** Settles entries that the table shows as processed; finds keys with an open item before their first entry. */
  async #settleStored(keys: readonly KeyItems[], behind: Set<KeyItems>): Promise<void> {
    const { telemetry } = this.#ports;
    const now = this.#ports.clock.now();
    const lookUpAfterMs = this.#lookUpAfterMs();
    const positions = new Map<string, { readonly pk: string; readonly sk: string }>();
    const ask = (pk: string, sk: string): unknown => positions.set(positionKey(pk, sk), { pk, sk });
    const redelivered: BatchItem[] = [];
    let suspected = 0;
    for (const { pk, entries, suspicion } of keys) {
      const [first] = entries;
      const version = first === undefined ? undefined : versionOfPosition(first.sk);
      if (suspicion !== undefined) {
        suspected++;
        if (version !== undefined && version > 0) ask(pk, positionOfVersion(version - 1));
      }
      for (const entry of entries) {
        const isSuspect = suspicion !== undefined && entry === first;
        if (!isSuspect && !this.#mayBePublished(entry, now, lookUpAfterMs)) continue;
        redelivered.push(entry);
        ask(pk, entry.sk);
      }
    }
    if (suspected > 0) telemetry.lookedUp(this.#gapSuspected ? 'gap-suspected' : 'late', suspected);
    else if (redelivered.length > 0) telemetry.lookedUp('redelivered', redelivered.length);
    const stored = await this.#stored([...positions.values()]);

    for (const entry of redelivered) {
      if (this.#session.hasFailed(entry.pk)) continue;
      const item = stored.get(positionKey(entry.pk, entry.sk));
      if (isDone(entry, item)) this.#settle(entry);
      else if (this.#ports.items.noteReceipts !== undefined && isSame(entry, item)) resume(entry, item?.receipts);
    }
    const undecided: KeyItems[] = [];
    for (const key of keys) {
      if (this.#session.hasFailed(key.pk)) continue;
      const first = key.entries.find(({ state }) => state === 'open');
      if (key.suspicion === undefined || first === undefined) continue;
      const standing = standingOf(first, stored, positions);
      if (standing === 'behind') behind.add(key);
      else if (standing === 'unknown') undecided.push(key);
    }
    await forEachKey(undecided, async (key) => {
      try {
        if (await this.#hasOpenBefore(key.entries)) behind.add(key);
      } catch (cause) {
        this.#session.fail(key.pk, { message: NOT_LOOKED_UP, cause });
      }
    });
  }

  /** Keys with unread positions wait for their next session. */
  async #stored(positions: readonly Position[]): Promise<ReadonlyMap<string, StoredState>> {
    if (positions.length === 0) return new Map();
    try {
      return await this.#ports.keys.lookUp(positions);
    } catch (cause) {
      return this.#failUnread(cause).stored;
    }
  }

  /** @throws the cause, unless it is `PositionsUnread` */
  #failUnread(cause: unknown): PositionsUnread {
    if (!(cause instanceof PositionsUnread)) throw cause;
    for (const pk of new Set(cause.unread.map(({ pk }) => pk))) {
      this.#session.fail(pk, { message: NOT_LOOKED_UP, cause });
    }
    return cause;
  }

  /** Uses a Query. Settles leading entries that are no longer open. */
  async #hasOpenBefore(entries: readonly BatchItem[]): Promise<boolean> {
    for (const entry of entries) {
      if (entry.state !== 'open') continue;
      const earliest = await this.#ports.keys.earliestOpen(entry.pk, entry.sk);
      if (earliest !== undefined) return earliest < entry.sk;
      this.#settle(entry);
    }
    return false;
  }

  #settle(entry: BatchItem): void {
    entry.state = 'settled';
    this.#memory.acknowledged.marked(entry.identity, entry.sequence);
    if (entry.content.kind === 'item') this.#ports.telemetry.duplicateSkipped(entry.content.item);
  }

  async #awaitPredecessors(keys: readonly KeyItems[], behind: Set<KeyItems>, isLast: boolean): Promise<void> {
    const { clock, keys: reader, telemetry } = this.#ports;
    const asked = keys.flatMap(({ entries }) => entries.filter(({ state }) => state === 'open'));
    const now = clock.now();
    let awaited: Awaited<ReturnType<typeof awaitedPredecessors>> | undefined;
    while (awaited === undefined) {
      const left = asked.filter(({ pk }) => !this.#session.hasFailed(pk));
      try {
        awaited = await awaitedPredecessors(
          left,
          new Set(),
          reader,
          (entry) => this.#ageOfMs(entry, now),
          this.#options.replicationWaitMs,
        );
      } catch (cause) {
        this.#failUnread(cause);
      }
    }
    for (const key of keys) {
      if (this.#session.hasFailed(key.pk)) continue;
      const at = key.entries.findIndex((entry) => awaited.has(entry));
      const waiting = at === -1 ? undefined : key.entries[at];
      if (waiting === undefined) continue;
      if (awaited.get(waiting) === 'open') behind.add(key);
      else if (isLast) {
        telemetry.predecessorMissing(waiting);
        for (const entry of key.entries.slice(at)) entry.state = 'failed';
      } else this.#waiting.push({ ...key, suspicion: undefined, entries: key.entries.slice(at) });
    }
  }

  get #gapSuspected(): boolean {
    return this.#session.control.doubtSince !== undefined;
  }

  #suspicion([first]: readonly BatchItem[], now: number): KeyItems['suspicion'] {
    if (this.#gapSuspected) return 'gap-suspected';
    const age = first === undefined ? undefined : ageMs(this.#records[first.index], now);
    return (age ?? 0) > this.#options.lateAfterMs ? 'late' : undefined;
  }

  #lookUpAfterMs(): number {
    const now = this.#ports.clock.now();
    const { retriedAt = -Infinity } = this.#session.control;
    // For this long the look-up does not depend on the age of a record, so clock skew cannot prevent it.
    if (Math.abs(now - retriedAt) < RETRY_MS) return -Infinity;
    return now - this.#memory.askedAgainAt < RETRY_MS ? LOOK_UP_SOONER_MS : LOOK_UP_AFTER_MS;
  }

  /** Whether another process may have published the entry, so that the table must be read. */
  #mayBePublished(entry: BatchItem, now: number, lookUpAfterMs: number): boolean {
    if (entry.state !== 'open') return false;
    // Published, but not from this record: by a drain, or the item was written again under its old id.
    if (this.#memory.acknowledged.get(entry.identity) !== undefined) return true;
    return (ageMs(this.#records[entry.index], now) ?? -1) >= lookUpAfterMs;
  }

  /** The stream's timestamp, if there is one: a writer's clock may be ahead or behind. */
  #ageOfMs(entry: BatchItem, now: number): number {
    return ageMs(this.#records[entry.index], now) ?? ageSinceCommitMs(entry, now);
  }
}

/**
 * Whether the read proves that the entry's item needs no publishing: it is processed or discarded under the same id, or
 * gone. The strongly consistent read follows the insert, and an open item never expires, so an absent item was
 * published and deleted, or deleted by an operator. Another item at its position proves nothing.
 */
function isDone({ content }: BatchItem, stored: StoredState | undefined): boolean {
  if (stored === undefined) return true;
  if (stored.state !== 'processed' && stored.state !== 'discarded') return false;
  return content.kind === 'undecodable' || isSame({ content }, stored);
}

const isSame = ({ content }: Pick<BatchItem, 'content'>, stored: StoredState | undefined): boolean =>
  content.kind === 'item' && content.item.id === stored?.id;

/** Evaluates the position before an entry; `plain` if it proves that nothing before the entry is open. */
function standingOf(
  { pk, sk, content }: BatchItem,
  stored: ReadonlyMap<string, StoredState>,
  asked: ReadonlyMap<string, unknown>,
): 'plain' | 'behind' | 'unknown' {
  const version = versionOfPosition(sk);
  if (version === undefined) return 'unknown';
  if (version === 0) return 'plain';
  const before = positionKey(pk, positionOfVersion(version - 1));
  const previous = stored.get(before);
  // Version 0 is the first. If version 0 was read and is absent, version 1 is the first item of its key.
  if (previous === undefined) return version === 1 && asked.has(before) ? 'plain' : 'unknown';
  // An item that another region publishes proves nothing about this region's items.
  const { region } = previous;
  if (content.kind === 'undecodable' || (region !== undefined && region !== content.item.region)) return 'unknown';
  if (previous.state === 'processed') return 'plain';
  // A discarded item proves nothing about earlier items.
  return previous.state === 'discarded' ? 'unknown' : 'behind';
}

function taskOf(pk: string, entries: readonly BatchItem[], signals: readonly BatchSignal[]): KeyTask {
  const index = Math.min(...[...entries, ...signals].map((one) => one.index));
  return { pk, index, entries, signals };
}

/** The first key of each partition, so that one unavailable partition does not decide for the others. */
function onePerTarget(keys: readonly KeyItems[], targets: ReadonlyMap<KeyItems, string>): KeyItems[] {
  return [...new Map(keys.toReversed().map((key) => [targets.get(key), key])).values()].reverse();
}
