import type { OperatorNote } from '../event/signal';
import type { TransactionAction } from '../dynamodb/transaction';
import { evaluateBelowWindow } from './below-window';
import { checkUnit, outcomeOf } from './commit-outcome';
import { appliedAfter, bornAtOf, committedAtOf, latencyOf } from './committed-at';
import type { DecodedEvent, Envelope, UndecodableReason } from './decode';
import { serviceFailureOf } from './service-error';
import { asUnavailable } from './own-table';
import { gapBefore, gapBeside, otherTopicsOf, type SequenceGap } from './gap';
import type { GapWait } from './gap-wait';
import { callHandler, HandlerFailure } from './handler-call';
import {
  decide,
  markerIdOf,
  mayBeUnapplied,
  mayBeInOldRow,
  seenOf,
  withApplied,
  type Decision,
  type InboxState,
  type Seen,
} from './inbox';
import { inboxKeyOf, sourceKeyOf, type InboxKey } from './inbox-keys';
import { OutboxError } from '../event/errors';
import { DYNAMODB_LIMITS } from '../dynamodb/transaction-size';
import { itemBytes } from '../dynamodb/item-size';
import type { DeadLetterNote, InboxEntries, InboxRow, InboxStore, ParkedMessage, Transactions } from './ports';
import type { ConsumedRecord } from './record';
import type { RowCache } from './row-cache';
import type { ConsumerSettings } from './settings';
import { KeyDelayed, TableUnavailable } from './outage-errors';
import { twoItemsOfOneKey } from './written-items';

/** A message whose envelope can be read, but whose data the catalogue of this process cannot read. */
export interface UnreadableEvent {
  readonly envelope: Envelope;
  readonly reason: UndecodableReason;
  readonly message: string;
}

/** A message and the event that was read from it. */
export interface Readable {
  readonly record: ConsumedRecord;
  readonly event: DecodedEvent;
}

/** One attempt to apply a message. */
export interface Attempt {
  readonly record: ConsumedRecord;
  readonly content: DecodedEvent | UnreadableEvent;
  /** Counts from 1. */
  readonly number: number;
  /** An earlier attempt failed, so this one gets a transaction of its own. */
  readonly isRepeated?: boolean;
  /** Aborted when the consumer no longer needs the message. */
  readonly signal: AbortSignal;
}

/** The result of an attempt that did not fail. `stale`: the inbox has changed since it was read; decide again. */
export type AttemptResult =
  | { readonly kind: 'settled'; readonly outcome: 'applied' | 'duplicate' | 'parked' }
  | { readonly kind: 'dead-letter'; readonly aside: DeadLetterNote }
  | { readonly kind: 'unreadable'; readonly event: UnreadableEvent }
  | { readonly kind: 'gap' }
  | { readonly kind: 'stale' };

export interface ApplyPorts {
  readonly inbox: InboxStore;
  readonly entries: InboxEntries;
  /** Writes effects together with records of the consumer. */
  readonly transactions: Transactions;
  /** Writes records of the consumer alone. */
  readonly ownWrites: Transactions;
  readonly rows: RowCache;
}

const LOST_IDENTITY =
  'The inbox remembers newer events of the key only, and this one does not look like an old duplicate of theirs: something else writes events with this source, aggregate, key and topic, or the versions of the key began again.';

const APPLIED: AttemptResult = { kind: 'settled', outcome: 'applied' };
export const DUPLICATE: AttemptResult = { kind: 'settled', outcome: 'duplicate' };

/** The outcome of a message that does not come from its topic. */
export type AppliedApart = 'applied' | 'duplicate' | 'stale';

/** Additions to the transaction of a message that does not come from its topic. */
export interface Apart {
  readonly alongside: readonly TransactionAction[];
  /** The operator's note on a dead letter that was sent again. */
  readonly resend?: OperatorNote | undefined;
  /** The message had lost its identity when it was parked; later events prove nothing against that. */
  readonly isLostIdentity?: boolean | undefined;
}

export const envelopeIn = (content: DecodedEvent | UnreadableEvent): Envelope =>
  isUnreadable(content) ? content.envelope : content;

export const isUnreadable = (content: DecodedEvent | UnreadableEvent): content is UnreadableEvent =>
  'reason' in content;

/**
 * Applies a message once: decides by the inbox, runs the handler, and commits the handler's actions together with the
 * record that the event was applied. It never waits, retries or sends a dead letter.
 *
 * @throws TableUnavailable, KeyDelayed if the attempt must not count; any other error is a failure of this event.
 */
export class EventApplier {
  readonly #settings: ConsumerSettings;
  readonly #ports: ApplyPorts;
  /** Types of events that would put two outbox items of one key into one transaction. They are applied alone. */
  readonly #appliedAlone = new Set<string>();

  constructor(settings: ConsumerSettings, ports: ApplyPorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  /** Applies a message from its topic. If the key is parked, the message is parked too. */
  async applyDelivered(attempt: Attempt, gap: GapWait): Promise<AttemptResult> {
    const { record, content } = attempt;
    const { onLate, telemetry } = this.#settings;
    const envelope = envelopeIn(content);
    const seen = seenOf(envelope);
    const isCached = this.#ports.rows.get(envelope) !== undefined;
    const row = seen !== undefined || parksKeys(this.#settings) ? await this.row(envelope) : undefined;
    const place = await this.#place(row, seen, envelope);
    const known = await this.#appliedAs(envelope, row, place);
    if (known !== undefined) {
      telemetry.duplicateIgnored(envelope, known);
      return DUPLICATE;
    }
    // Checked before parking: once the marker has expired, the inbox cannot know whether the event was applied.
    if (place === undefined || place.kind === 'duplicate' || place.kind === 'lost-identity') {
      const aside = this.#tooOld(envelope, record);
      if (aside !== undefined) return { kind: 'dead-letter', aside };
    }
    if (place?.kind === 'lost-identity') {
      const doubtful = await this.#lostIdentity(envelope, place.isCertain);
      if (doubtful !== undefined) return doubtful;
    }
    if (row?.state.parked === true) return this.park(record, envelope, row, 'An earlier event of the key is parked.');
    if (place?.kind === 'late') {
      if (onLate === 'dead-letter' && row !== undefined) return this.#late(envelope, row);
      telemetry.late(envelope);
    }
    if (place?.kind === 'new' && row !== undefined && seen !== undefined) {
      const missing = this.#gapBefore(envelope, row.state, seen);
      if (missing !== undefined) {
        // After a rebalance, another consumer may have applied the events that seem to be missing.
        const mayBeOld = isCached && this.#settings.gaps !== 'ignore';
        if (mayBeOld && (await this.#isOutdated(envelope, row))) return { kind: 'stale' };
        if (gap.mustWait(envelope, missing)) return { kind: 'gap' };
      }
    }
    if (isUnreadable(content)) return { kind: 'unreadable', event: content };
    return this.#commit({ ...attempt, content }, row, place);
  }

  /**
   * Applies a parked message, late or not, and removes it from the parking in the same transaction.
   *
   * @throws OutboxError `unreadable-event` if the catalogue still cannot read it; `lost-identity` if it may or may not
   * be an old duplicate.
   */
  async applyParked(
    attempt: Attempt,
    { position, resend, isLostIdentity }: ParkedMessage,
    key: InboxKey,
  ): Promise<AppliedApart> {
    const { entries, ownWrites } = this.#ports;
    // The key by which the message was parked: an earlier version knew neither aggregates nor partitions.
    const unparking = [entries.unpark(key, position)];
    const result = await this.applyApart(attempt, { alongside: unparking, resend, isLostIdentity });
    if (result === 'duplicate') outcomeOf(await ownWrites.write(unparking), []);
    return result;
  }

  /**
   * Applies a message that does not come from its topic, late or not, whether the key is parked or not. `alongside` is
   * written in the same transaction. A dead letter that was sent again (`resend`) is applied below the window too: only
   * a proved duplicate, in the window or with a marker, is ignored.
   *
   * @throws OutboxError `unreadable-event` if the catalogue cannot read it.
   */
  async applyApart(attempt: Attempt, apart: Apart): Promise<AppliedApart> {
    const { content } = attempt;
    const { telemetry } = this.#settings;
    const envelope = envelopeIn(content);
    const row = await this.row(envelope);
    const place = await this.#place(row, seenOf(envelope), envelope);
    // The operator who sends a dead letter again has decided, and so has the consumer when it parked a lost identity.
    const isDecided = apart.resend !== undefined || apart.isLostIdentity === true;
    const known = await this.#appliedAs(envelope, row, place, isDecided);
    if (known !== undefined) {
      telemetry.duplicateIgnored(envelope, known);
      return 'duplicate';
    }
    if (isUnreadable(content)) throw unreadableEvent(content);
    if (place?.kind === 'lost-identity' && !place.isCertain && !isDecided) throw lostIdentity(envelope);
    if (place !== undefined && place.kind !== 'new') telemetry.late(envelope);
    const result = await this.#commit({ ...attempt, content }, row, place, apart);
    return result.kind === 'stale' ? 'stale' : 'applied';
  }

  /** Applies several new events of one key in one transaction. If it cannot, it returns `false` and writes nothing. */
  async applyTogether(attempts: readonly (Readable & { readonly signal: AbortSignal })[]): Promise<boolean> {
    const { entries, transactions, rows } = this.#ports;
    const [head] = attempts;
    const last = attempts.at(-1);
    if (head === undefined || last === undefined) return false;
    if (attempts.some(({ event }) => this.#appliedAlone.has(event.type))) return false;
    const row = await this.row(head.event);
    let { state } = row;
    if (state.parked || mayBeInOldRow(head.event, state)) return false;
    const actions: TransactionAction[] = [];
    for (const { event, record, signal } of attempts) {
      const seen = seenOf(event);
      if (seen === undefined || decide(state, seen).kind !== 'new' || mayBeUnapplied(state, seen)) return false;
      if (this.#settings.gaps !== 'ignore' && gapBefore(state, seen) !== undefined) return false;
      state = withApplied(state, seen, event.txEvents, committedAtOf(event));
      const call = { record, event, attempt: 1, late: false, signal, appliedAt: row.appliedAt };
      actions.push(...(await callHandler(this.#settings, call)));
      if (twoItemsOfOneKey(actions) === undefined) continue;
      attempts.forEach(({ event: { type } }) => this.#appliedAlone.add(type));
      return false;
    }
    const own = [entries.row(head.event, row, state, last.event)];
    checkUnit(actions, own, this.#settings.tableName);
    if (outcomeOf(await transactions.write([...actions, ...own]), actions) === 'stale') {
      rows.forget(head.event);
      return false;
    }
    this.#known(head.event, row, state, appliedAfter(row.appliedAt, this.#settings.clock.now()));
    for (const { event } of attempts) this.#tellApplied(event);
    return true;
  }

  /**
   * Parks the message in the table, behind the parked messages of its key. `guards` are actions of the same transaction
   * whose conditions must hold.
   */
  async park(
    record: ConsumedRecord,
    envelope: Envelope,
    row: InboxRow,
    why: string,
    guards: readonly TransactionAction[] = [],
  ): Promise<AttemptResult> {
    const { entries } = this.#ports;
    const state = { ...row.state, parked: true };
    const place = placeOf(row, seenOf(envelope), envelope);
    const isLostIdentity = place?.kind === 'lost-identity' && place.isCertain;
    const parked = entries.park(envelope, row, record, why, isLostIdentity ? { isLostIdentity } : {});
    const bytes = parkedBytes(parked);
    if (bytes > DYNAMODB_LIMITS.itemBytes) return { kind: 'dead-letter', aside: tooLargeToPark(bytes, why) };
    const unit = [...parked, entries.row(envelope, row, state), ...guards];
    if ((await this.#writeOwn(envelope, unit)) === 'stale') return { kind: 'stale' };
    this.#known(envelope, row, state);
    this.#settings.telemetry.parked(envelope, why);
    return { kind: 'settled', outcome: 'parked' };
  }

  /** The gap before the event, unless cached rows of other topics explain it. Reads nothing from the table. */
  #gapBefore(envelope: Envelope, state: InboxState, seen: Seen): SequenceGap | undefined {
    const gap = gapBefore(state, seen);
    if (gap === undefined) return undefined;
    const otherTopics = otherTopicsOf(this.#settings.events.definitions, envelope);
    if (otherTopics.length === 0) return gap;
    const { rows } = this.#ports;
    const others = otherTopics.flatMap((topic) => rows.get({ ...inboxKeyOf(envelope), topic })?.state ?? []);
    return gapBeside({ ...gap, otherTopics }, others);
  }

  /** The row of the event's key: the cached one, or else the one in the table. */
  async row(key: InboxKey): Promise<InboxRow> {
    const { inbox, rows } = this.#ports;
    const known = rows.get(key);
    if (known !== undefined) return known;
    const row = await inbox.read(key);
    rows.set(key, row);
    return row;
  }

  /** Whether the inbox records that the event was applied or discarded. */
  async isApplied(envelope: Envelope, row: InboxRow, isResend = false): Promise<boolean> {
    const place = await this.#place(row, seenOf(envelope), envelope);
    return (await this.#appliedAs(envelope, row, place, isResend)) !== undefined;
  }

  /** Writes a new state of the row. */
  async writeState(envelope: Envelope, row: InboxRow, state: InboxState): Promise<'written' | 'stale'> {
    const outcome = await this.#writeOwn(envelope, [this.#ports.entries.row(envelope, row, state)]);
    if (outcome === 'written') this.#known(envelope, row, state);
    return outcome;
  }

  /** Writes only records of the consumer. If the key's row can still be read, a failed write delays this key only. */
  async #writeOwn(key: InboxKey, unit: readonly TransactionAction[]): Promise<'written' | 'stale'> {
    const { inbox, ownWrites } = this.#ports;
    try {
      return outcomeOf(await ownWrites.write(unit), []);
    } catch (error) {
      const service = error instanceof TableUnavailable ? serviceFailureOf(error.cause) : undefined;
      if (service === undefined || service === 'refused') throw error;
      await inbox.read(key);
      throw new KeyDelayed(service === 'throttled' ? service : 'not-committed', error);
    }
  }

  /**
   * How the inbox knows that the event was applied or discarded; `undefined` if it does not. A replay is a new request,
   * so it can apply a discarded event.
   */
  async #appliedAs(
    event: Envelope,
    row: InboxRow | undefined,
    place: Place | undefined,
    isDecided = false,
  ): Promise<{ readonly below: boolean } | undefined> {
    const { inbox } = this.#ports;
    const marker = markerIdOf(event);
    if (marker !== undefined) return (await inbox.isMarked(event, marker)) ? { below: false } : undefined;
    const seen = seenOf(event);
    if (seen === undefined || row === undefined || place === undefined) return undefined;
    // The event was not applied when it was dead-lettered or parked. A consumer that applied it later has marked it.
    if (place.kind === 'duplicate' && !(isDecided && place.below)) return { below: place.below };
    const mayBeMarked =
      place.kind !== 'new' || isDecided || mayBeUnapplied(row.state, seen) || mayBeInOldRow(event, row.state);
    return mayBeMarked && (await inbox.isMarked(event, event.id)) ? { below: false } : undefined;
  }

  /**
   * The place of the event. If the key has an aggregate or a partition, the row that was written before messages had a
   * `ce_aggregate` counts as well until the window is full.
   */
  async #place(row: InboxRow | undefined, seen: Seen | undefined, event: Envelope): Promise<Place | undefined> {
    const place = placeOf(row, seen, event);
    if (row === undefined || seen === undefined || place === undefined || place.kind === 'duplicate') return place;
    if (event.replayId !== undefined || !mayBeInOldRow(event, row.state)) return place;
    const old = await this.#ports.inbox.read(sourceKeyOf(event));
    const decision = decide(old.state, seen);
    if (decision.kind !== 'duplicate') return place;
    if (!decision.below) return decision;
    // Another aggregate may have written the old row, so it proves nothing about an event younger than its last write.
    const committedAt = committedAtOf(event);
    const isOld = committedAt !== undefined && old.appliedAt !== undefined && committedAt <= old.appliedAt;
    return isOld ? { kind: 'lost-identity', isCertain: false } : place;
  }

  /** Returns a dead letter if a marker of the event may have expired already. */
  #tooOld(event: Envelope, record: ConsumedRecord): DeadLetterNote | undefined {
    const { markerLifeMs, clock } = this.#settings;
    const bornAt = bornAtOf(event, record);
    if (clock.now() - bornAt <= markerLifeMs) return undefined;
    const message = `It is of ${new Date(bornAt).toISOString()} and only a marker tells whether it was applied; markers live ${markerLifeMs} ms.`;
    return { reason: 'older-than-markers', message };
  }

  /** Returns `undefined` if the event must be applied nevertheless. */
  async #lostIdentity(event: Envelope, isCertain: boolean): Promise<AttemptResult | undefined> {
    const { onLate, telemetry } = this.#settings;
    const isApplied = isCertain && onLate === 'apply';
    if (await this.#isOutdated(event)) return { kind: 'stale' };
    telemetry.lostIdentity?.(event, { applied: isApplied });
    if (isApplied) return undefined;
    return {
      kind: 'dead-letter',
      aside: {
        reason: 'lost-identity',
        message: LOST_IDENTITY,
      },
    };
  }

  /** The event is late by the cached row, but another consumer may have applied it since. */
  async #late(event: Envelope, known: InboxRow): Promise<AttemptResult> {
    if (await this.#isOutdated(event, known)) return { kind: 'stale' };
    this.#settings.telemetry.late(event);
    const top = known.state.window.at(-1)?.sequence ?? '';
    return {
      kind: 'dead-letter',
      aside: { reason: 'late', message: `Event ${top} of the key was applied before it.` },
    };
  }

  /** Whether the row in the table is newer than the known one. */
  async #isOutdated(event: Envelope, known?: InboxRow): Promise<boolean> {
    const { inbox, rows } = this.#ports;
    const before = known ?? (await this.row(event));
    const row = await inbox.read(event);
    rows.set(event, row);
    return row.revision !== before.revision;
  }

  async #commit(
    { record, content: event, number, signal, isRepeated }: Attempt & { readonly content: DecodedEvent },
    row: InboxRow | undefined,
    place: Place | undefined,
    apart?: Apart,
  ): Promise<AttemptResult> {
    const { transactions } = this.#ports;
    const { clock, tableName } = this.#settings;
    // Without versions, nothing shows whether later events were applied, so a dead letter that is sent again is late.
    const late = place === undefined ? apart?.resend !== undefined : place.kind !== 'new';
    const call = { record, event, attempt: number, late, signal, appliedAt: row?.appliedAt };
    const actions = await callHandler(this.#settings, call).catch((error: unknown) =>
      this.#handlerFailed(event, error),
    );
    const { own, state } = this.#recordOf(event, row, place, apart);
    checkUnit(actions, own, tableName);
    let result;
    try {
      result = await transactions.write([...actions, ...own], { alone: isRepeated });
    } catch (error) {
      throw await this.#commitFailed(event, error, actions.length);
    }
    if (outcomeOf(result, actions) === 'stale') return { kind: 'stale' };
    if (row !== undefined && state !== undefined)
      this.#known(event, row, state, appliedAfter(row.appliedAt, clock.now()));
    this.#tellApplied(event);
    return APPLIED;
  }

  /**
   * The actions that record that the event was applied: the row of a key with versions, otherwise a marker. A replay,
   * and an event that has or may have a dead letter, always gets a marker.
   */
  #recordOf(
    event: DecodedEvent,
    row: InboxRow | undefined,
    place: Place | undefined,
    { alongside = [], resend }: Partial<Apart> = {},
  ): { readonly own: readonly TransactionAction[]; readonly state?: InboxState } {
    const { entries } = this.#ports;
    const seen = seenOf(event);
    const marker = markerIdOf(event);
    const markerOf = (id: string): TransactionAction =>
      resend === undefined ? entries.marker(event, id) : entries.keptMarker(event, id, resend);
    if (seen === undefined || row === undefined || place === undefined || place.kind === 'duplicate') {
      const own = [markerOf(marker ?? event.id)];
      // Another consumer may have parked the key since its row was read.
      if (row !== undefined && alongside.length === 0) own.push(entries.notParked(event));
      return { own: [...own, ...alongside] };
    }
    if (place.kind === 'lost-identity') {
      // Below the window only a marker remembers the event. The row is written to check its revision.
      return {
        own: [entries.row(event, row, row.state, event), markerOf(event.id), ...alongside],
        state: row.state,
      };
    }
    const state = withApplied(row.state, seen, event.txEvents, committedAtOf(event));
    const own = [entries.row(event, row, state, event)];
    // The first delivery of an event can be a replay. A second delivery of that replay must find a marker.
    if (resend !== undefined || marker !== undefined) own.push(markerOf(marker ?? event.id));
    else if (mayBeUnapplied(row.state, seen)) own.push(entries.keptMarker(event, event.id));
    return { own: [...own, ...alongside], state };
  }

  /** Classifies the error of a handler: a service that it calls may be unavailable, or the consumer's table may be. */
  async #handlerFailed(event: Envelope, failure: unknown): Promise<never> {
    if (!(failure instanceof HandlerFailure)) throw failure;
    const error = failure.cause;
    const service = serviceFailureOf(error);
    const isOutage = this.#isOutage(error) ?? (service === 'throttled' || service === 'unavailable');
    if (isOutage) throw new KeyDelayed('service-unavailable', error);
    // A handler that waits for DynamoDB hangs if the network fails. The read then fails too, and no attempt counts.
    if (error instanceof OutboxError && error.is('handler-too-late')) await this.#ports.inbox.read(event);
    throw error;
  }

  #isOutage(error: unknown): boolean | undefined {
    try {
      const isOutage: unknown = this.#settings.isOutage(error);
      // A promise would count as `true` for every error. Its rejection must not end the process.
      if (isOutage instanceof Promise) isOutage.catch(() => undefined);
      return typeof isOutage === 'boolean' ? isOutage : undefined;
    } catch {
      // The default decides.
      return undefined;
    }
  }

  /**
   * Classifies a transaction that was not sent, got no response or was refused as a whole. A read of the key's row
   * shows whether the failure concerns every key, or only an item, a table or a permission of this handler.
   */
  async #commitFailed(event: Envelope, error: unknown, actions: number): Promise<unknown> {
    const { tableName } = this.#settings;
    const service = serviceFailureOf(error);
    if (service === undefined) return error;
    if (service === 'refused' && actions === 0) {
      return asUnavailable(error, `Cannot commit to the consumer's table "${tableName}"`);
    }
    try {
      await this.#ports.inbox.read(event);
    } catch (readError) {
      return readError;
    }
    if (service !== 'refused') return new KeyDelayed(service === 'throttled' ? service : 'not-committed', error);
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return new OutboxError(
      'entry-rejected',
      `DynamoDB refused the transaction of the handler's ${actions} actions: ${reason}. The consumer can read its own table "${tableName}", so a table or a permission of the handler is missing.`,
      { index: 0, reason },
      { cause: error },
    );
  }

  #known(key: InboxKey, before: InboxRow, state: InboxState, appliedAt = before.appliedAt): void {
    this.#ports.rows.set(key, { state, revision: before.revision + 1, appliedAt });
  }

  #tellApplied(event: DecodedEvent): void {
    const { telemetry, clock } = this.#settings;
    telemetry.applied(event, latencyOf(event, clock.now()));
  }
}

const lostIdentity = ({ id, sequence }: Envelope): OutboxError =>
  new OutboxError('lost-identity', LOST_IDENTITY, sequence === undefined ? { id } : { id, sequence });

export const unreadableEvent = ({ envelope, reason, message }: UnreadableEvent): OutboxError =>
  new OutboxError('unreadable-event', `${reason}: ${message}`, { type: envelope.type, reason });

/** The place of an event among those of its key that the inbox remembers. */
type Place =
  | Exclude<Decision, { kind: 'duplicate' }>
  | { readonly kind: 'duplicate'; readonly below: boolean }
  | { readonly kind: 'lost-identity'; readonly isCertain: boolean };

/** `undefined` for a key without versions. */
function placeOf(row: InboxRow | undefined, seen: Seen | undefined, event: Envelope): Place | undefined {
  if (row === undefined || seen === undefined) return undefined;
  const decision = decide(row.state, seen);
  // An operator requested the replay, so an identity that seems lost does not stop it.
  if (decision.kind !== 'duplicate' || !decision.below || event.replayId !== undefined) return decision;
  const judged = evaluateBelowWindow(row, event);
  return judged === 'duplicate' ? decision : { kind: 'lost-identity', isCertain: judged === 'lost-identity' };
}

/** Whether the consumer reads the row of a key without versions: only parking uses it. */
export const parksKeys = ({ onFailure, onUnreadable }: ConsumerSettings): boolean =>
  onFailure === 'park-key' || onUnreadable === 'park-key';

/** The item size of a message to be parked, which is the first of its entries. */
export const parkedBytes = (parked: readonly TransactionAction[]): number => itemBytes(parked[0]?.Put?.Item ?? {});

const tooLargeToPark = (bytes: number, why: string): DeadLetterNote => ({
  reason: 'too-large-to-park',
  message: `The message takes ${bytes} bytes as an item, DynamoDB takes ${DYNAMODB_LIMITS.itemBytes}, so it cannot be parked. It would have been parked because: ${why}`,
});
