import { committedAtOf } from './committed-at';
import type { EventEnvelope } from './decode';
import { statusInRow, type EventStatus } from './event-status';
import { gapBefore, gapBeside, otherTopicsOf, type SequenceGap } from './gap';
import { decide, markerIdOf, mayBeInOldRow, mayBeUnapplied, seenOf, type InboxState, type Seen } from './inbox';
import { inboxKeyOf, sourceKeyOf, type InboxKey } from './inbox-keys';
import type { InboxRow, InboxStore } from './ports';
import type { RowCache } from './row-cache';
import type { ConsumerSettings } from './settings';

/** The state of an event in the inbox, from cached rows and strongly consistent reads. */
export class InboxView {
  readonly #inbox: InboxStore;
  readonly #rows: RowCache;

  constructor({ inbox, rows }: { readonly inbox: InboxStore; readonly rows: RowCache }) {
    this.#inbox = inbox;
    this.#rows = rows;
  }

  /** The row of the key: the cached one, or else the one in the table. */
  async row(key: InboxKey): Promise<InboxRow> {
    return this.#rows.get(key) ?? this.#readRow(key);
  }

  /** Caches the row as a write has left it. */
  written(key: InboxKey, before: InboxRow, state: InboxState, appliedAt = before.appliedAt): void {
    this.#rows.set(key, { state, revision: before.revision + 1, appliedAt });
  }

  /** Whether the row in the table is newer than the known one. */
  async isOutdated(event: EventEnvelope, known?: InboxRow): Promise<boolean> {
    const before = known ?? (await this.row(event));
    return (await this.#readRow(event)).revision !== before.revision;
  }

  /** Whether the inbox records that the event was applied or discarded. */
  async isApplied(event: EventEnvelope, row: InboxRow, isResend = false): Promise<boolean> {
    return (await this.appliedAs(event, row, await this.statusOf(row, event), isResend)) !== undefined;
  }

  /**
   * How the inbox knows that the event was applied or discarded; `undefined` if it does not. A replay is a new request,
   * so it can apply a discarded event.
   *
   * @param isDecided - the event was not applied when it was dead-lettered or parked
   */
  async appliedAs(
    event: EventEnvelope,
    row: InboxRow | undefined,
    status: EventStatus | undefined,
    isDecided = false,
  ): Promise<{ readonly below: boolean } | undefined> {
    const marker = markerIdOf(event);
    if (marker !== undefined) return (await this.#inbox.isMarked(event, marker)) ? { below: false } : undefined;
    const seen = seenOf(event);
    if (seen === undefined || row === undefined || status === undefined) return undefined;
    // A consumer that applied a decided event later has marked it.
    if (status.kind === 'duplicate' && !(isDecided && status.below)) return { below: status.below };
    const mayBeMarked =
      status.kind !== 'new' || isDecided || mayBeUnapplied(row.state, seen) || mayBeInOldRow(event, row.state);
    return mayBeMarked && (await this.#inbox.isMarked(event, event.id)) ? { below: false } : undefined;
  }

  /**
   * The status of the event; `undefined` for a key without versions. If the key has an aggregate or a partition, the row
   * that was written before messages had a `ce_aggregate` counts as well until the window is full.
   */
  async statusOf(row: InboxRow | undefined, event: EventEnvelope): Promise<EventStatus | undefined> {
    const seen = seenOf(event);
    const status = statusInRow(row, event);
    if (row === undefined || seen === undefined || status === undefined || status.kind === 'duplicate') return status;
    if (event.replayId !== undefined || !mayBeInOldRow(event, row.state)) return status;
    const old = await this.#inbox.read(sourceKeyOf(event));
    const decision = decide(old.state, seen);
    if (decision.kind !== 'duplicate') return status;
    if (!decision.below) return decision;
    // Another aggregate may have written the old row, so it proves nothing about an event younger than its last write.
    const committedAt = committedAtOf(event);
    const isOld = committedAt !== undefined && old.appliedAt !== undefined && committedAt <= old.appliedAt;
    return isOld ? { kind: 'lost-identity', isCertain: false } : status;
  }

  /** The gap before the event, unless cached rows of other topics explain it. Reads nothing from the table. */
  gapBefore(
    event: EventEnvelope,
    state: InboxState,
    seen: Seen,
    { definitions }: ConsumerSettings['events'],
  ): SequenceGap | undefined {
    const gap = gapBefore(state, seen);
    if (gap === undefined) return undefined;
    const otherTopics = otherTopicsOf(definitions, event);
    if (otherTopics.length === 0) return gap;
    const others = otherTopics.flatMap((topic) => this.#rows.get({ ...inboxKeyOf(event), topic })?.state ?? []);
    return gapBeside({ ...gap, otherTopics }, others);
  }

  async #readRow(key: InboxKey): Promise<InboxRow> {
    const row = await this.#inbox.read(key);
    this.#rows.set(key, row);
    return row;
  }
}
