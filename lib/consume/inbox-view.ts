import { GenerationalCache } from '../event/generational-cache';
import { committedAtOf } from './committed-at';
import type { EventEnvelope } from './decode';
import { gapBefore, gapBeside, otherTopicsOf, type SequenceGap } from './gap';
import {
  decide,
  type EventStatus,
  type InboxRow,
  type InboxState,
  markerIdOf,
  mayBeInOldRow,
  mayBeUnapplied,
  type SequencedEvent,
  sequencedOf,
  statusInRow,
} from './inbox';
import { inboxKeyOf, inboxKeyText, sourceKeyOf, type InboxKey } from './inbox-keys';
import { asUnavailable } from './service-error';
import type { InboxStore, ParkedMessage } from './ports';
import type { ConsumerSettings } from './settings';

/** The cache keeps up to twice as many rows. */
const GENERATION = 10_000;

interface KnownEvent {
  /** `undefined` for a key without versions. */
  readonly status: EventStatus | undefined;
  /** Set if the event was applied or discarded. `below`: the inbox does not remember it. */
  readonly applied?: { readonly below: boolean } | undefined;
}

/**
 * The state of events in the inbox, from strongly consistent reads and the rows that this process has read or written
 * last. An outdated row does no harm: writes that depend on it are conditional on its revision.
 *
 * Every read throws TableUnavailable if it fails: that concerns every key.
 */
export class InboxView {
  readonly #inbox: InboxStore;
  readonly #tableName: string;
  readonly #rows = new GenerationalCache<InboxRow>(GENERATION);

  constructor(inbox: InboxStore, tableName: string) {
    this.#inbox = inbox;
    this.#tableName = tableName;
  }

  /** The row in the table, which is not cached. */
  readRow(key: InboxKey): Promise<InboxRow> {
    return this.#read(this.#inbox.read(key));
  }

  isMarked(key: InboxKey, id: string): Promise<boolean> {
    return this.#read(this.#inbox.isMarked(key, id));
  }

  nextParked(key: InboxKey): Promise<ParkedMessage | undefined> {
    return this.#read(this.#inbox.nextParked(key));
  }

  cachedRow(key: InboxKey): InboxRow | undefined {
    return this.#rows.get(inboxKeyText(key));
  }

  async row(key: InboxKey): Promise<InboxRow> {
    return this.cachedRow(key) ?? this.#refreshedRow(key);
  }

  /** Caches the row as a write has left it. */
  written(key: InboxKey, known: InboxRow, state: InboxState, appliedAt = known.appliedAt): void {
    this.#rows.set(inboxKeyText(key), { state, revision: known.revision + 1, appliedAt });
  }

  forget(key: InboxKey): void {
    this.#rows.delete(inboxKeyText(key));
  }

  /** Whether the row in the table is newer than the known one. */
  async isOutdated(event: EventEnvelope, known?: InboxRow): Promise<boolean> {
    const { revision } = known ?? (await this.row(event));
    return (await this.#refreshedRow(event)).revision !== revision;
  }

  /** @param isDecided - the event was not applied when it was dead-lettered or parked */
  async find(event: EventEnvelope, row: InboxRow | undefined, isDecided = false): Promise<KnownEvent> {
    const status = await this.#statusOf(row, event);
    return { status, applied: await this.#appliedAs(event, row, status, isDecided) };
  }

  /** The gap before the event, unless cached rows of other topics explain it. Reads nothing from the table. */
  gapBefore(
    event: EventEnvelope,
    state: InboxState,
    sequenced: SequencedEvent,
    { definitions }: ConsumerSettings['events'],
  ): SequenceGap | undefined {
    const gap = gapBefore(state, sequenced);
    if (gap === undefined) return undefined;
    const otherTopics = otherTopicsOf(definitions, event);
    if (otherTopics.length === 0) return gap;
    const others = otherTopics.flatMap((topic) => this.cachedRow({ ...inboxKeyOf(event), topic })?.state ?? []);
    return gapBeside({ ...gap, otherTopics }, others);
  }

  /** A replay is a new request, so it can apply a discarded event. */
  async #appliedAs(
    event: EventEnvelope,
    row: InboxRow | undefined,
    status: EventStatus | undefined,
    isDecided: boolean,
  ): Promise<KnownEvent['applied']> {
    const marker = markerIdOf(event);
    if (marker !== undefined) return (await this.isMarked(event, marker)) ? { below: false } : undefined;
    const sequenced = sequencedOf(event);
    if (sequenced === undefined || row === undefined || status === undefined) return undefined;
    // A consumer that applied a decided event later has marked it.
    if (status.kind === 'duplicate' && !(isDecided && status.below)) return { below: status.below };
    const mayBeMarked =
      status.kind !== 'new' || isDecided || mayBeUnapplied(row.state, sequenced) || mayBeInOldRow(event, row.state);
    return mayBeMarked && (await this.isMarked(event, event.id)) ? { below: false } : undefined;
  }

  /** Until the window is full, the row from before `ce_aggregate` counts too, for a key with aggregate or partition. */
  async #statusOf(row: InboxRow | undefined, event: EventEnvelope): Promise<EventStatus | undefined> {
    const sequenced = sequencedOf(event);
    const status = statusInRow(row, event);
    if (row === undefined || sequenced === undefined || status === undefined || status.kind === 'duplicate')
      return status;
    if (event.replayId !== undefined || !mayBeInOldRow(event, row.state)) return status;
    const old = await this.readRow(sourceKeyOf(event));
    const decision = decide(old.state, sequenced);
    if (decision.kind !== 'duplicate') return status;
    if (!decision.below) return decision;
    // Another aggregate may have written the old row, so it proves nothing about an event younger than its last write.
    const committedAt = committedAtOf(event);
    const isOld = committedAt !== undefined && old.appliedAt !== undefined && committedAt <= old.appliedAt;
    return isOld ? { kind: 'lost-identity', isCertain: false } : status;
  }

  async #refreshedRow(key: InboxKey): Promise<InboxRow> {
    const row = await this.readRow(key);
    this.#rows.set(inboxKeyText(key), row);
    return row;
  }

  async #read<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      throw asUnavailable(error, `Cannot read the consumer's table "${this.#tableName}"`) ?? error;
    }
  }
}
