import type { TransactionAction } from '../dynamodb/transaction';
import { OutboxError } from '../event/errors';
import { activeTraceContext } from '../event/trace-context';
import { DUPLICATE, type ApplyPorts, type Attempt, type AttemptResult, type StoredOutcome } from './attempt';
import { Committer } from './commit';
import { checkUnit, outcomeOf } from './commit-outcome';
import { appliedAfter, bornAtOf, committedAtOf } from './committed-at';
import { envelopeIn, isUnreadable, type DecodedEvent, type EventEnvelope } from './decode';
import { gapBefore } from './gap';
import { callHandler } from './handler-call';
import {
  decide,
  mayBeInOldRow,
  mayBeUnapplied,
  sequencedOf,
  statusInRow,
  withApplied,
  type InboxRow,
  type InboxState,
} from './inbox';
import type { InboxKey } from './inbox-keys';
import { unreadableEvent } from './message-content';
import type { DeadLetterNote, ParkedMessage, StoredMessageOptions } from './ports';
import type { GapWait } from './progress';
import type { ConsumedRecord } from './record';
import type { ConsumerSettings } from './settings';
import { twoItemsOfOneKey } from './written-items';

const LOST_IDENTITY =
  'The inbox remembers newer events of the key only, and this one does not look like an old duplicate of theirs: something else writes events with this source, aggregate, key and topic, or the versions of the key restarted.';

/**
 * Applies a message once: decides by the inbox, runs the handler, and commits the handler's actions together with the
 * record that the event was applied. It never waits, retries or sends a dead letter.
 *
 * @throws TableUnavailable, KeyDelayed if the attempt must not count; any other error is a failure of this event.
 */
export class EventApplier {
  readonly #settings: ConsumerSettings;
  readonly #ports: ApplyPorts;
  readonly #committer: Committer;
  /** Types of events that would put two outbox items of one key into one transaction. They are applied alone. */
  readonly #appliedAlone = new Set<string>();

  constructor(settings: ConsumerSettings, ports: ApplyPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#committer = new Committer(settings, ports);
  }

  /** Applies a message from its topic. If the key is parked, the message is parked too. */
  async applyDelivered(attempt: Attempt, gap: GapWait): Promise<AttemptResult> {
    const { record, content } = attempt;
    const { onLate, telemetry, onGap, events } = this.#settings;
    const { view } = this.#ports;
    const envelope = envelopeIn(content);
    const sequenced = sequencedOf(envelope);
    const isCached = view.cachedRow(envelope) !== undefined;
    const row = sequenced !== undefined || parksKeys(this.#settings) ? await view.row(envelope) : undefined;
    const { status, applied } = await view.find(envelope, row);
    if (applied !== undefined) {
      telemetry.duplicateIgnored(envelope, applied);
      return DUPLICATE;
    }
    // Checked before parking: once the marker has expired, the inbox cannot know whether the event was applied.
    if (status === undefined || status.kind === 'duplicate' || status.kind === 'lost-identity') {
      const note = this.#tooOld(envelope, record);
      if (note !== undefined) return { kind: 'dead-letter', note };
    }
    if (status?.kind === 'lost-identity') {
      const unapplied = await this.#lostIdentity(envelope, status.isCertain);
      if (unapplied !== undefined) return unapplied;
    }
    if (row?.state.parked === true) return this.park(record, envelope, row, 'An earlier event of the key is parked.');
    if (status?.kind === 'late') {
      if (onLate === 'dead-letter' && row !== undefined) return this.#late(envelope, row);
      telemetry.late(envelope);
    }
    if (status?.kind === 'new' && row !== undefined && sequenced !== undefined) {
      const missing = view.gapBefore(envelope, row.state, sequenced, events);
      if (missing !== undefined) {
        // After a rebalance, another consumer may have applied the events that seem to be missing.
        if (isCached && onGap !== 'ignore' && (await view.isOutdated(envelope, row))) return { kind: 'stale' };
        if (gap.mustWait(envelope, missing)) return { kind: 'gap' };
      }
    }
    if (isUnreadable(content)) return { kind: 'unreadable', event: content };
    return this.#committer.commit({ ...attempt, content }, row, status);
  }

  /** Applies a parked message, and unparks it in the same transaction. It throws as {@link applyStored} does. */
  async applyParked(
    attempt: Attempt,
    { position, resend, isLostIdentity }: ParkedMessage,
    key: InboxKey,
  ): Promise<StoredOutcome> {
    const { writer } = this.#ports;
    // The key by which the message was parked: an earlier version knew neither aggregates nor partitions.
    const unparking = [writer.actions.unpark(key, position)];
    const result = await this.applyStored(attempt, { alongside: unparking, resend, isLostIdentity });
    if (result === 'duplicate') await writer.write(unparking);
    return result;
  }

  /**
   * Applies a message from the consumer's table, late or not, whether the key is parked or not. A dead letter that was
   * sent again is applied below the window too: only a proved duplicate, in the window or with a marker, is ignored.
   *
   * @throws OutboxError `unreadable-event` if the catalogue cannot read it; `lost-identity` if it may or may not be an
   * old duplicate.
   */
  async applyStored(attempt: Attempt, stored: StoredMessageOptions): Promise<StoredOutcome> {
    const { content } = attempt;
    const { telemetry } = this.#settings;
    const { view } = this.#ports;
    const envelope = envelopeIn(content);
    // The operator who sends a dead letter again has decided, and so has the consumer when it parked a lost identity.
    const isDecided = stored.resend !== undefined || stored.isLostIdentity === true;
    const row = await view.row(envelope);
    const { status, applied } = await view.find(envelope, row, isDecided);
    if (applied !== undefined) {
      telemetry.duplicateIgnored(envelope, applied);
      return 'duplicate';
    }
    if (isUnreadable(content)) throw unreadableEvent(content);
    if (status?.kind === 'lost-identity' && !status.isCertain && !isDecided) {
      const { id, sequence } = envelope;
      throw new OutboxError('lost-identity', LOST_IDENTITY, sequence === undefined ? { id } : { id, sequence });
    }
    if (status !== undefined && status.kind !== 'new') telemetry.late(envelope);
    const { kind } = await this.#committer.commit({ ...attempt, content }, row, status, stored);
    return kind === 'stale' ? 'stale' : 'applied';
  }

  /** Applies several new events of one key in one transaction. If it cannot, it returns `false` and writes nothing. */
  async applyTogether(attempts: readonly Attempt<DecodedEvent>[]): Promise<boolean> {
    const { view, writer, transactions } = this.#ports;
    const first = attempts[0]?.content;
    const last = attempts.at(-1)?.content;
    if (first === undefined || last === undefined) return false;
    if (attempts.some(({ content: { type } }) => this.#appliedAlone.has(type))) return false;
    const row = await view.row(first);
    const state = this.#stateWith(attempts, row);
    if (state === undefined) return false;
    const around = activeTraceContext()?.traceparent;
    return this.#ports.tracer.process(attempts, async () => {
      const actions: TransactionAction[] = [];
      for (const attempt of attempts) {
        const call = { late: false, appliedAt: row.appliedAt, around };
        actions.push(...(await callHandler(this.#settings, attempt, call)));
        if (twoItemsOfOneKey(actions) === undefined) continue;
        attempts.forEach(({ content: { type } }) => this.#appliedAlone.add(type));
        return false;
      }
      const own = [writer.actions.row(first, row, state, last)];
      checkUnit(actions, own, this.#settings.tableName);
      if (outcomeOf(await transactions.write([...actions, ...own]), actions) === 'stale') {
        view.forget(first);
        return false;
      }
      view.written(first, row, state, appliedAfter(row.appliedAt, this.#settings.clock.now()));
      for (const { content } of attempts) this.#committer.reportApplied(content);
      return true;
    });
  }

  /** The state of the key with all events applied; `undefined` if one of them is not simply the next. */
  #stateWith(attempts: readonly Attempt<DecodedEvent>[], row: InboxRow): InboxState | undefined {
    let { state } = row;
    const [first] = attempts;
    if (first === undefined || state.parked || mayBeInOldRow(first.content, state)) return undefined;
    for (const { content: event } of attempts) {
      const sequenced = sequencedOf(event);
      if (sequenced === undefined || decide(state, sequenced).kind !== 'new' || mayBeUnapplied(state, sequenced))
        return undefined;
      if (this.#settings.onGap !== 'ignore' && gapBefore(state, sequenced) !== undefined) return undefined;
      state = withApplied(state, sequenced, event.txEvents, committedAtOf(event));
    }
    return state;
  }

  /** Parks the message behind the parked messages of its key, if the conditions of `guards` hold. */
  async park(
    record: ConsumedRecord,
    envelope: EventEnvelope,
    row: InboxRow,
    why: string,
    guards: readonly TransactionAction[] = [],
  ): Promise<AttemptResult> {
    const { writer } = this.#ports;
    const status = statusInRow(row, envelope);
    const isLostIdentity = status?.kind === 'lost-identity' && status.isCertain;
    const parking = writer.parking(record, envelope, row, why, isLostIdentity ? { isLostIdentity } : {});
    if (typeof parking === 'string') {
      const message = `${parking} It would have been parked because: ${why}`;
      return { kind: 'dead-letter', note: { reason: 'too-large-to-park', message } };
    }
    const state = { ...row.state, parked: true };
    if ((await writer.writeState(envelope, row, state, { first: parking, last: guards })) === 'stale') {
      return { kind: 'stale' };
    }
    this.#settings.telemetry.parked(envelope, why);
    return { kind: 'settled', outcome: 'parked' };
  }

  /** Returns a dead letter if a marker of the event may have expired already. */
  #tooOld(event: EventEnvelope, record: ConsumedRecord): DeadLetterNote | undefined {
    const { markerRetentionMs, clock } = this.#settings;
    const bornAt = bornAtOf(event, record);
    if (clock.now() - bornAt <= markerRetentionMs) return undefined;
    const message = `The event is of ${new Date(bornAt).toISOString()}, and only a marker shows whether it was applied; markers live ${markerRetentionMs} ms (markerRetentionMs).`;
    return { reason: 'older-than-markers', message };
  }

  /** Returns `undefined` if the event must be applied nevertheless. */
  async #lostIdentity(event: EventEnvelope, isCertain: boolean): Promise<AttemptResult | undefined> {
    const { onLate, telemetry } = this.#settings;
    const isApplied = isCertain && onLate === 'apply';
    if (await this.#ports.view.isOutdated(event)) return { kind: 'stale' };
    telemetry.lostIdentity?.(event, { applied: isApplied });
    return isApplied ? undefined : { kind: 'dead-letter', note: { reason: 'lost-identity', message: LOST_IDENTITY } };
  }

  /** The event is late by the cached row, but another consumer may have applied it since. */
  async #late(event: EventEnvelope, known: InboxRow): Promise<AttemptResult> {
    if (await this.#ports.view.isOutdated(event, known)) return { kind: 'stale' };
    this.#settings.telemetry.late(event);
    const top = known.state.window.at(-1)?.sequence ?? '';
    const message = `Event ${top} of the key was applied before it.`;
    return { kind: 'dead-letter', note: { reason: 'late', message } };
  }
}

/** Whether the consumer reads the row of a key without versions: only parking uses it. */
export const parksKeys = ({ onFailure, onUnreadable }: ConsumerSettings): boolean =>
  onFailure === 'park-key' || onUnreadable === 'park-key';
