import { createHash } from 'node:crypto';
import { formatReceipt } from '../event/receipt';
import { parseSequence } from '../event/sequence';
import type { TransactionAction } from '../event/transaction';
import { epochMsOfUuidV7 } from '../event/uuid';
import { checkUnit, ConsumerOutage, effectsOf, handlerTooLate, outcomeOf } from './attempt';
import { decodeRecord, type DecodedEvent, type Envelope } from './decode';
import { gapBefore } from './gap';
import type { Gate } from './gate';
import type { EventContext } from './handler';
import { decide, isAside, seenOf, withApplied, withAside, type InboxState } from './inbox';
import type { Lane } from './lanes';
import type { Aside, DeadLetters, InboxEntries, InboxRow, InboxStore, Transactions } from './ports';
import type { InboxKey } from './inbox-keys';
import { headerText, type ConsumedRecord } from './record';
import { redactedMessage, redactedStack } from './redaction';
import type { RowCache } from './row-cache';
import type { ConsumerSettings } from './settings';
import type { Slots } from './slots';
import { backoffMs, wait, type Backoff } from './waiting';
import { withinTime } from './within-time';

/** A message at work. */
export interface Delivery {
  readonly record: ConsumedRecord;
  /** Room for keys at work, of the partition. */
  readonly slots: Slots;
  /** Aborted when the message is not wanted any more. */
  readonly signal: AbortSignal;
  /** Nothing is owed any more: the message's offset may be committed. */
  readonly finished: () => void;
}

/**
 * What became of a message. `given-up`: it is not finished, and nothing that comes after it of its key may be applied.
 * `stale`, of a parked message alone: something has changed, and perhaps the message is parked no more.
 */
export type Outcome = 'applied' | 'duplicate' | 'ignored' | 'dead-lettered' | 'parked' | 'given-up' | 'stale';

export interface ProcessorPorts {
  readonly inbox: InboxStore;
  readonly entries: InboxEntries;
  readonly transactions: Transactions;
  readonly deadLetters: DeadLetters;
  readonly rows: RowCache;
  readonly gate: Gate;
  /** Whether DynamoDB, or what the handler calls, is away. */
  readonly isOutage: (error: unknown) => boolean;
}

export interface ProcessorMode {
  /** Gives up instead of waiting for an end of an outage or a block: somebody else delivers again. */
  readonly givesUp?: boolean;
  /** Takes a message out of the table's parking: it is applied although its key is parked, late or not. */
  readonly parkedPosition?: string;
  /** Told why a parked message failed again, as often as it may. */
  readonly onRefusal?: (error: unknown) => void;
}

/** What an attempt came to, when it was not an error. */
type Step =
  | { readonly kind: 'settled'; readonly outcome: Outcome }
  | { readonly kind: 'aside'; readonly aside: Aside }
  | { readonly kind: 'stale' }
  | { readonly kind: 'gap' };

const CONTENTION: Backoff = { firstMs: 10, longestMs: 1_000 };
/** How often a blocked key looks whether what it misses was applied elsewhere. */
const GAP_CHECK_MS = 1_000;
/** Of how many given up messages it is remembered how far they were. */
const MAX_GIVEN_UP = 1_000;

/** Applies messages of one key, one after the other. */
export class Processor {
  readonly #settings: ConsumerSettings;
  readonly #ports: ProcessorPorts;
  readonly #mode: ProcessorMode;
  /** How far given up messages were, by their place: each delivery may end before the next step. */
  readonly #givenUp = new Map<string, Progress>();

  constructor(settings: ConsumerSettings, ports: ProcessorPorts, mode: ProcessorMode = {}) {
    this.#settings = settings;
    this.#ports = ports;
    this.#mode = mode;
  }

  /**
   * Settles the messages in their order. Those behind one that is given up are given up with it, unless they were
   * delivered anew: they have a signal of their own. Never rejects.
   */
  async process(deliveries: readonly Delivery[], lane: Lane<Delivery>): Promise<Outcome> {
    if (deliveries.length > 1 && (await this.#applyTogether(deliveries))) return 'applied';
    let outcome: Outcome = 'given-up';
    // What is missing before one of them may be among those behind it.
    let rest = [...deliveries];
    const behind: Lane<Delivery> = {
      take: (isWanted, ms, signal) => {
        const at = rest.findIndex(isWanted);
        return at === -1 ? lane.take(isWanted, ms, signal) : Promise.resolve(rest.splice(at, 1)[0]);
      },
    };
    for (let delivery = rest.shift(); delivery !== undefined; delivery = rest.shift()) {
      outcome = await this.#settle(delivery, behind);
      if (outcome === 'stale') return outcome;
      if (outcome === 'given-up') rest = rest.filter(({ signal }) => signal !== delivery.signal);
      else delivery.finished();
    }
    return outcome;
  }

  async #settle(delivery: Delivery, lane: Lane<Delivery>): Promise<Outcome> {
    const { record, signal } = delivery;
    if (signal.aborted) return 'given-up';
    const { events, onUnknownType, onReplay, telemetry } = this.#settings;
    const decoded = await decodeRecord(record, events);
    if (decoded.kind === 'undecodable') {
      const { reason, message, envelope } = decoded;
      if (reason === 'unknown-type' && onUnknownType === 'skip' && envelope !== undefined) {
        telemetry.unknownTypeSkipped(envelope);
        return 'ignored';
      }
      return this.#setAside(delivery, { reason, message: redactedMessage(message) }, envelope);
    }
    if (decoded.event.replayId !== undefined && onReplay === 'ignore') {
      telemetry.replayIgnored(decoded.event);
      return 'ignored';
    }
    return this.#apply(delivery, decoded.event, lane);
  }

  async #apply(delivery: Delivery, event: DecodedEvent, lane: Lane<Delivery>): Promise<Outcome> {
    const place = formatReceipt(delivery.record);
    const progress = this.#givenUp.get(place) ?? { gap: new GapWait(this.#settings), failures: 0 };
    this.#givenUp.delete(place);
    const outcome = await this.#tryToApply(delivery, event, lane, progress);
    if (outcome === 'given-up' && this.#mode.givesUp === true && (progress.gap.hasBegun || progress.failures > 0)) {
      this.#givenUp.set(place, progress);
      for (const oldest of [...this.#givenUp.keys()].slice(0, -MAX_GIVEN_UP)) this.#givenUp.delete(oldest);
    }
    return outcome;
  }

  /** Tries until the event is settled or not wanted any more. */
  async #tryToApply(
    delivery: Delivery,
    event: DecodedEvent,
    lane: Lane<Delivery>,
    progress: Progress,
  ): Promise<Outcome> {
    const { signal } = delivery;
    const { attempts, retry, telemetry, onFailure } = this.#settings;
    const { gap } = progress;
    let contentions = 0;
    const isUnwanted = (): boolean => signal.aborted;
    while (!isUnwanted()) {
      try {
        const step = await this.#guarded(delivery, () => this.#attempt(delivery, event, progress.failures + 1, gap));
        switch (step.kind) {
          case 'settled':
            return step.outcome;
          case 'aside':
            return await this.#setAside(delivery, step.aside, event);
          case 'gap':
            if ((await this.#awaitMissing(delivery, event, lane, gap)) === 'given-up') return 'given-up';
            break;
          case 'stale':
            this.#ports.rows.forget(event);
            await wait(backoffMs(CONTENTION, ++contentions), signal);
            if (this.#mode.parkedPosition !== undefined) return 'stale';
        }
      } catch (error) {
        this.#ports.rows.forget(event);
        if (error instanceof ConsumerOutage) {
          if (this.#mode.givesUp === true) return 'given-up';
          continue;
        }
        if (isUnwanted()) return 'given-up';
        const failures = ++progress.failures;
        telemetry.attemptFailed(event, failures, error);
        const isLast = failures >= attempts;
        if (isLast && this.#mode.parkedPosition !== undefined) {
          this.#mode.onRefusal?.(error);
          return 'given-up';
        }
        if (isLast && onFailure !== 'block') return await this.#resign(delivery, event, error);
        if (isLast && this.#mode.givesUp === true) {
          // The next delivery tries as often.
          progress.failures = 0;
          return 'given-up';
        }
        await wait(backoffMs(retry, failures), signal);
      }
    }
    return 'given-up';
  }

  /** Runs one attempt when DynamoDB can be expected to answer and the partition has room. */
  async #guarded<T>({ slots, signal }: Delivery, attempt: () => Promise<T>): Promise<T> {
    const { gate, isOutage } = this.#ports;
    const { telemetry } = this.#settings;
    return slots.use(async () => {
      if (this.#mode.givesUp !== true) await gate.pass(signal);
      else if (!gate.tryPass()) throw new ConsumerOutage('Away.');
      if (signal.aborted) {
        gate.left();
        throw new ConsumerOutage('Not wanted any more.');
      }
      try {
        const result = await attempt();
        this.#reopen();
        return result;
      } catch (error) {
        if (error instanceof ConsumerOutage || isOutage(error)) {
          if (gate.closed()) telemetry.outage(error);
          throw error instanceof ConsumerOutage ? error : new ConsumerOutage('Away.', { cause: error });
        }
        this.#reopen();
        throw error;
      }
    });
  }

  #reopen(): void {
    const { gate } = this.#ports;
    if (gate.isClosed) this.#settings.telemetry.outageOver();
    gate.opened();
  }

  async #attempt(delivery: Delivery, event: DecodedEvent, attempt: number, gap: GapWait): Promise<Step> {
    const { onFailure, telemetry } = this.#settings;
    const isRedrive = this.#mode.parkedPosition !== undefined;
    const seen = seenOf(event);
    const row = seen !== undefined || onFailure === 'park-key' ? await this.#row(event) : undefined;
    // Before it is parked: once its marker has expired, nobody could tell any more that it was applied.
    const applied = await this.#appliedAs(event, row);
    if (applied !== undefined) {
      telemetry.duplicateIgnored(event, applied);
      return this.#duplicate(event);
    }
    const decision = seen === undefined || row === undefined ? undefined : decide(row.state, seen);
    const isByMarker = decision === undefined || decision.kind === 'duplicate';
    if (isByMarker && !isRedrive) {
      const aside = this.#tooOld(event, delivery.record);
      if (aside !== undefined) return { kind: 'aside', aside };
    }
    if (row?.state.parked === true && !isRedrive) {
      return this.#park(delivery.record, event, row, 'An earlier event of the key is parked.');
    }
    if (seen === undefined || row === undefined || isByMarker) {
      return this.#applyByMarker(delivery, event, attempt, row);
    }
    if (decision.kind === 'late') {
      if (this.#settings.onLate === 'dead-letter' && !isRedrive) return this.#late(event, row);
      telemetry.late(event);
    } else if (!isRedrive) {
      const found = gapBefore(row.state, seen);
      if (found !== undefined && gap.mustWait(event, found)) return { kind: 'gap' };
    }
    const state = withApplied(row.state, seen, event.txEvents);
    const late = decision.kind === 'late';
    const { entries } = this.#ports;
    const record = [entries.row(event, row, state, event)];
    // The first delivery of an event can be a replay: another one of that replay must find it.
    const marker = markerIdOf(event);
    if (marker !== undefined) record.push(entries.marker(event, marker));
    return this.#commit(delivery, event, { attempt, late }, record, () =>
      this.#known(event, row, state, this.#settings.clock.now()),
    );
  }

  /**
   * How it is known that the event had its effect or was discarded, if it is. A replay is a new request of somebody, so
   * what was discarded can come back by it.
   */
  async #appliedAs(event: DecodedEvent, row: InboxRow | undefined): Promise<{ readonly below: boolean } | undefined> {
    const marker = markerIdOf(event);
    if (marker !== undefined) return (await this.#ports.inbox.isMarked(event, marker)) ? { below: false } : undefined;
    const seen = seenOf(event);
    const decision = seen === undefined || row === undefined ? undefined : decide(row.state, seen);
    if (decision?.kind === 'duplicate') return decision;
    if (seen === undefined || row === undefined) return undefined;
    const mayBeDiscarded = decision?.kind === 'late' || isAside(row.state, seen);
    return mayBeDiscarded && (await this.#ports.inbox.isMarked(event, event.id)) ? { below: false } : undefined;
  }

  /** Whether a marker of the event could have expired already. */
  #tooOld(event: DecodedEvent, record: ConsumedRecord): Aside | undefined {
    const { markerLifeMs, clock } = this.#settings;
    const bornAt = bornAtOf(event, record);
    if (clock.now() - bornAt <= markerLifeMs) return undefined;
    const message = `It is of ${new Date(bornAt).toISOString()} and only a marker tells whether it was applied; markers live ${markerLifeMs} ms.`;
    return { reason: 'older-than-markers', message };
  }

  /** What this process knows of a row that it has written. */
  #known(key: InboxKey, before: InboxRow, state: InboxState, appliedAt = before.appliedAt): void {
    this.#ports.rows.set(key, { state, revision: before.revision + 1, appliedAt });
  }

  /** For keys without versions and for replays of what was applied before. */
  async #applyByMarker(
    delivery: Delivery,
    event: DecodedEvent,
    attempt: number,
    row: InboxRow | undefined,
  ): Promise<Step> {
    const { entries } = this.#ports;
    const record = [entries.marker(event, markerIdOf(event) ?? event.id)];
    // Another consumer may have parked the key since its row was read.
    if (row !== undefined && this.#mode.parkedPosition === undefined) record.push(entries.notParked(event));
    return this.#commit(delivery, event, { attempt, late: false }, record);
  }

  async #commit(
    delivery: Delivery,
    event: DecodedEvent,
    how: Pick<EventContext, 'attempt' | 'late'>,
    record: readonly TransactionAction[],
    written: () => void = () => undefined,
  ): Promise<Step> {
    const { transactions } = this.#ports;
    const effects = await this.#effects(delivery, event, how);
    const unit = [...effects, ...record, ...this.#unparking(event)];
    checkUnit(unit, this.#settings.tableName);
    if (outcomeOf(await transactions.write(unit), effects.length) === 'stale') return { kind: 'stale' };
    written();
    this.#settings.telemetry.applied(event, latencyOf(event, this.#settings.clock.now()));
    return { kind: 'settled', outcome: 'applied' };
  }

  async #effects(
    { record, signal }: Delivery,
    event: DecodedEvent,
    how: Pick<EventContext, 'attempt' | 'late'>,
  ): Promise<readonly TransactionAction[]> {
    // The catalogue has checked that the data is what the type's handler takes.
    const handler = this.#settings.handlers[event.type];
    if (handler === undefined) return [];
    const { type, data, id, source, time, subject, contentType, dataSchema } = event;
    const { topic, key, headers, sequence, traceparent, tracestate, replayId } = event;
    const { partition, offset } = record;
    const context = {
      topic,
      partition,
      offset,
      receipt: formatReceipt({ topic, partition, offset }),
      key,
      headers,
      sequence,
      version: sequence === undefined ? undefined : parseSequence(sequence)?.version,
      traceparent,
      tracestate,
      ...how,
      replayId,
      idempotencyKey: idempotencyKey(this.#settings.name, event),
    };
    const { handlerTimeoutMs } = this.#settings;
    const given: unknown = await withinTime(
      (ending): unknown =>
        handler({ type, data, id, source, time, subject, contentType, dataSchema }, { ...context, signal: ending }),
      { ms: handlerTimeoutMs, unwanted: signal, tooLate: () => handlerTooLate(type, handlerTimeoutMs) },
    );
    return effectsOf(type, given);
  }

  #unparking(key: InboxKey): readonly TransactionAction[] {
    const { parkedPosition } = this.#mode;
    return parkedPosition === undefined ? [] : [this.#ports.entries.unpark(key, parkedPosition)];
  }

  async #duplicate(key: InboxKey): Promise<Step> {
    const unparking = this.#unparking(key);
    if (unparking.length > 0) outcomeOf(await this.#ports.transactions.write(unparking), 0);
    return { kind: 'settled', outcome: 'duplicate' };
  }

  /** Late by what this process knows; another consumer may have applied it since. */
  async #late(event: DecodedEvent, known: InboxRow): Promise<Step> {
    const { inbox, rows } = this.#ports;
    const row = await inbox.read(event);
    rows.set(event, row);
    if (row.revision !== known.revision) return { kind: 'stale' };
    this.#settings.telemetry.late(event);
    const top = row.state.window.at(-1)?.sequence ?? '';
    return { kind: 'aside', aside: { reason: 'late', message: `Event ${top} of the key was applied before it.` } };
  }

  async #row(key: InboxKey): Promise<InboxRow> {
    const { inbox, rows } = this.#ports;
    const known = rows.get(key);
    if (known !== undefined) return known;
    const row = await inbox.read(key);
    rows.set(key, row);
    return row;
  }

  /** The handler has failed as often as it may. */
  async #resign(delivery: Delivery, event: DecodedEvent, error: unknown): Promise<Outcome> {
    const message = redactedMessage(error);
    const isParking = this.#settings.onFailure === 'park-key';
    const outcome = await this.#persist(delivery, event, async () => {
      const row = await this.#row(event);
      // By another consumer, meanwhile: nothing need wait or go aside then.
      if ((await this.#appliedAs(event, row)) !== undefined) return { kind: 'settled', outcome: 'duplicate' };
      if (isParking) return this.#park(delivery.record, event, row, message);
      return { kind: 'settled', outcome: 'dead-lettered' };
    });
    if (outcome !== 'dead-lettered') return outcome;
    return this.#setAside(delivery, { reason: 'handler-failed', message, stack: redactedStack(error) }, event);
  }

  async #park(record: ConsumedRecord, event: DecodedEvent, row: InboxRow, why: string): Promise<Step> {
    const { entries, transactions } = this.#ports;
    const state = { ...row.state, parked: true };
    const unit = [...entries.park(event, row, record, why), entries.row(event, row, state)];
    if (outcomeOf(await transactions.write(unit), 0) === 'stale') return { kind: 'stale' };
    this.#known(event, row, state);
    this.#settings.telemetry.parked(event, why);
    return { kind: 'settled', outcome: 'parked' };
  }

  /** Until the dead-letter is acknowledged, and the inbox knows that the event was not applied. */
  async #setAside(delivery: Delivery, aside: Aside, envelope: Envelope | undefined): Promise<Outcome> {
    const { record, signal } = delivery;
    const { retry, telemetry } = this.#settings;
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) return 'given-up';
      try {
        await this.#ports.deadLetters.send(record, aside);
        break;
      } catch (error) {
        telemetry.deadLetterFailed(record, error);
        if (this.#mode.givesUp === true) return 'given-up';
        await wait(backoffMs(retry, attempt), signal);
      }
    }
    telemetry.deadLettered(record, aside);
    const seen = envelope === undefined ? undefined : seenOf(envelope);
    if (envelope === undefined || seen === undefined) return 'dead-lettered';
    const noted = await this.#persist(delivery, envelope, async (): Promise<Step> => {
      const row = await this.#row(envelope);
      const known = decide(row.state, seen).kind === 'duplicate';
      const state = withAside(row.state, seen);
      if (known || state === row.state) return { kind: 'settled', outcome: 'dead-lettered' };
      const result = await this.#ports.transactions.write([this.#ports.entries.row(envelope, row, state)]);
      if (outcomeOf(result, 0) === 'stale') return { kind: 'stale' };
      this.#known(envelope, row, state);
      return { kind: 'settled', outcome: 'dead-lettered' };
    });
    return noted;
  }

  /** Repeats a write of the inbox alone until it is done: nothing of it can be the handler's fault. */
  async #persist(delivery: Delivery, key: Envelope, write: () => Promise<Step>): Promise<Outcome> {
    const { signal } = delivery;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const step = await this.#guarded(delivery, write);
        if (step.kind === 'settled') return step.outcome;
        this.#ports.rows.forget(key);
        await wait(backoffMs(CONTENTION, attempt), signal);
      } catch (error) {
        this.#ports.rows.forget(key);
        if (this.#mode.givesUp === true) return 'given-up';
        if (error instanceof ConsumerOutage) continue;
        // Such as a message that is too large for an item: the key is blocked, visibly, and nothing is lost.
        this.#settings.telemetry.attemptFailed(key, attempt, error);
        await wait(backoffMs(this.#settings.retry, attempt), signal);
      }
    }
    return 'given-up';
  }

  /** What is missing may come behind this message, by a redrive, or be applied by another consumer. */
  async #awaitMissing(
    delivery: Delivery,
    event: DecodedEvent,
    lane: Lane<Delivery>,
    gap: GapWait,
  ): Promise<'given-up' | undefined> {
    const isEarlier = ({ record }: Delivery): boolean =>
      headerText(record, 'ce_source') === event.source &&
      (headerText(record, 'ce_sequence') ?? '~') < (event.sequence ?? '');
    const ms = Math.min(GAP_CHECK_MS, gap.restMs());
    const earlier = await lane.take(isEarlier, ms, delivery.signal);
    this.#ports.rows.forget(event);
    if (earlier === undefined) return undefined;
    if ((await this.#settle(earlier, lane)) !== 'given-up') earlier.finished();
    // What comes again with the next delivery must not be overtaken in this one.
    else if (this.#mode.givesUp === true) return 'given-up';
    return undefined;
  }

  /** Several new events of a key in one transaction. Answers `false` when that does not work out; nothing is done then. */
  async #applyTogether(deliveries: readonly Delivery[]): Promise<boolean> {
    const [first] = deliveries;
    if (first === undefined || deliveries.some(({ signal }) => signal.aborted)) return false;
    const decoded = await Promise.all(deliveries.map(({ record }) => decodeRecord(record, this.#settings.events)));
    const events = decoded.flatMap((each) =>
      each.kind === 'event' && each.event.replayId === undefined ? [each.event] : [],
    );
    const [head] = events;
    if (head === undefined || events.length < deliveries.length) return false;
    if (events.some(({ source, sequence }) => source !== head.source || sequence === undefined)) return false;
    try {
      if (!(await this.#guarded(first, () => this.#attemptTogether(deliveries, events, head)))) return false;
    } catch {
      // One by one shows whose fault it is.
      this.#ports.rows.forget(head);
      return false;
    }
    const { telemetry, clock } = this.#settings;
    for (const event of events) telemetry.applied(event, latencyOf(event, clock.now()));
    for (const { finished } of deliveries) finished();
    return true;
  }

  async #attemptTogether(
    deliveries: readonly Delivery[],
    events: readonly DecodedEvent[],
    head: DecodedEvent,
  ): Promise<boolean> {
    const { entries, transactions, rows } = this.#ports;
    const row = await this.#row(head);
    let { state } = row;
    if (state.parked) return false;
    const effects: TransactionAction[] = [];
    for (const [at, event] of events.entries()) {
      const seen = seenOf(event);
      const delivery = deliveries[at];
      if (seen === undefined || delivery === undefined) return false;
      if (decide(state, seen).kind !== 'new' || isAside(state, seen)) return false;
      if (this.#settings.gaps !== 'ignore' && gapBefore(state, seen) !== undefined) return false;
      state = withApplied(state, seen, event.txEvents);
      effects.push(...(await this.#effects(delivery, event, { attempt: 1, late: false })));
    }
    const unit = [...effects, entries.row(head, row, state, events.at(-1))];
    checkUnit(unit, this.#settings.tableName);
    if (outcomeOf(await transactions.write(unit), effects.length) === 'stale') {
      rows.forget(head);
      return false;
    }
    this.#known(head, row, state, this.#settings.clock.now());
    return true;
  }
}

/** How far a message is that is not settled. */
interface Progress {
  readonly gap: GapWait;
  failures: number;
}

/** Reports a gap once, and knows how long it may block. */
class GapWait {
  readonly #settings: ConsumerSettings;
  #until: number | undefined;
  #isReported = false;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
  }

  mustWait(event: Envelope, gap: NonNullable<ReturnType<typeof gapBefore>>): boolean {
    const { gaps, gapTimeoutMs, clock, telemetry } = this.#settings;
    if (gaps === 'ignore') return false;
    const waits = gaps === 'block';
    if (!this.#isReported) telemetry.gap(event, gap, { waits });
    this.#isReported = true;
    if (!waits) return false;
    this.#until ??= clock.now() + gapTimeoutMs;
    return this.restMs() > 0;
  }

  get hasBegun(): boolean {
    return this.#until !== undefined;
  }

  restMs(): number {
    return (this.#until ?? 0) - this.#settings.clock.now();
  }
}

/** What marks the event as applied; `undefined` when its place in the order of its key does. Each replay counts for itself. */
const markerIdOf = ({ id, sequence, replayId }: Envelope): string | undefined =>
  replayId !== undefined ? `${id}@${replayId}` : sequence === undefined ? id : undefined;

/**
 * The earliest moment at which the event, or that replay of it, can have been applied for the first time. A message that
 * was published again has a new timestamp; the time in a UUIDv7 is that of the commit, and `ce_time` stands in for it.
 */
const bornAtOf = (event: Envelope, { timestamp }: ConsumedRecord): number =>
  event.replayId === undefined ? Math.min(timestamp, committedAtOf(event) ?? timestamp) : timestamp;

function committedAtOf({ id, time }: Envelope): number | undefined {
  const at = epochMsOfUuidV7(id) ?? Date.parse(time ?? '');
  return Number.isNaN(at) ? undefined : at;
}

function latencyOf(event: Envelope, now: number): number | undefined {
  const committedAt = committedAtOf(event);
  return committedAt === undefined ? undefined : Math.max(0, now - committedAt);
}

/** A UUIDv8 (RFC 9562) of consumer, source and id: other systems take UUIDs and limit what is longer. */
export function idempotencyKey(consumer: string, { source, id }: Pick<Envelope, 'source' | 'id'>): string {
  const hex = createHash('sha256')
    .update(JSON.stringify([consumer, source, id]))
    .digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
