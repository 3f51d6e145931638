import { deadLetterTopic } from '../event/consumer-name';
import { OutboxError } from '../event/errors';
import {
  DUPLICATE,
  envelopeIn,
  EventApplier,
  isUnreadable,
  unreadableEvent,
  type ApplyPorts,
  type AttemptResult,
  type UnreadableEvent,
} from './apply-once';
import { TooManyUnreadableKeys, type UnreadableLimit } from './unreadable-limit';
import { decodeRecord, isCurable, type DecodedEvent, type Envelope } from './decode';
import { GapWait } from './gap-wait';
import { Guard } from './guard';
import type { CircuitBreaker } from './circuit-breaker';
import { decide, seenOf, withUnapplied } from './inbox';
import { inboxKeyText } from './inbox-keys';
import type { KeyQueue } from './key-queues';
import { UNTIL_SETTLED, type Patience } from './patience';
import type { DeadLetterNote, DeadLetters, InboxRow } from './ports';
import { headerText, type ConsumedRecord } from './record';
import { redactedMessage, redactedStack } from './redaction';
import type { ConsumerSettings } from './settings';
import type { Semaphore } from './semaphore';
import { KeyDelayed, TableUnavailable } from './outage-errors';
import { backoffMs, type Backoff } from '../timing/backoff';
import { wait } from '../timing/wait';
import { rereadContent, readMessage } from './message-content';
import { withinTime } from '../timing/within-time';

/** A message in flight. */
export interface InFlightMessage {
  readonly record: ConsumedRecord;
  /** Limits how many keys of the partition are in flight. */
  readonly semaphore: Semaphore;
  /** Aborted when the consumer does not need the message any more. */
  readonly signal: AbortSignal;
  /** The message is settled, so its offset may be committed. */
  readonly finished: () => void;
}

/** The end of a delivery. `released`: it is not finished, and no later message of its key may be applied before it. */
export type Outcome = 'applied' | 'duplicate' | 'ignored' | 'dead-lettered' | 'parked' | 'released';

export interface ProcessorPorts extends ApplyPorts {
  readonly deadLetters: DeadLetters;
  readonly circuitBreaker: CircuitBreaker;
  readonly unreadableLimit: UnreadableLimit;
}

const CONTENTION: Backoff = { initialDelayMs: 10, maxDelayMs: 1_000 };
/** Backoff of an open breaker, and of an event that this process cannot read. */
const BLOCKED: Backoff = { initialDelayMs: 1_000, maxDelayMs: 30_000 };
/** How often a blocked key checks whether a missing event was applied elsewhere. */
const GAP_CHECK_MS = 1_000;
/** How many released messages keep their progress for the next delivery. */
const MAX_RELEASED = 1_000;
/**
 * If a service has failed one key for this long, while the handler of the type succeeded for others, the failure is
 * that key's own, and its attempts count.
 */
const DELAY_MS = 60_000;
const SUCCESSES = 10;

/** Settles the messages of one key, one after the other. */
export class Processor {
  readonly #settings: ConsumerSettings;
  readonly #ports: ProcessorPorts;
  readonly #patience: Patience;
  readonly #applier: EventApplier;
  readonly #guard: Guard;
  /** Progress of released messages by their place: each delivery may end before the next step. */
  readonly #released = new Map<string, Progress>();
  /** How often the handler of each type succeeded. */
  readonly #successes = new Map<string, number>();
  /** Messages in flight that wait for a service that their handler calls. */
  readonly #waitsForService = new Set<Progress>();

  constructor(settings: ConsumerSettings, ports: ProcessorPorts, patience: Patience = UNTIL_SETTLED) {
    this.#settings = settings;
    this.#ports = ports;
    this.#patience = patience;
    this.#applier = new EventApplier(settings, ports);
    this.#guard = new Guard(ports.circuitBreaker, settings.telemetry);
  }

  /**
   * Settles the messages in their order. The messages behind a released one are released with it, unless they were
   * delivered again: those have another signal. Never rejects.
   */
  async process(deliveries: readonly InFlightMessage[], queue: KeyQueue<InFlightMessage>): Promise<Outcome> {
    if (deliveries.length > 1 && (await this.#applyTogether(deliveries))) return 'applied';
    let outcome: Outcome = 'released';
    // An event that is missing before one of them may be among those behind it.
    let rest = [...deliveries];
    const behind: KeyQueue<InFlightMessage> = {
      take: (isWanted, ms, signal) => {
        const at = rest.findIndex(isWanted);
        return at === -1 ? queue.take(isWanted, ms, signal) : Promise.resolve(rest.splice(at, 1)[0]);
      },
    };
    for (let delivery = rest.shift(); delivery !== undefined; delivery = rest.shift()) {
      outcome = await this.#settle(delivery, behind);
      if (outcome === 'released') rest = rest.filter(({ signal }) => signal !== delivery.signal);
      else delivery.finished();
    }
    return outcome;
  }

  async #settle(delivery: InFlightMessage, queue: KeyQueue<InFlightMessage>): Promise<Outcome> {
    const { record, signal } = delivery;
    if (signal.aborted) return 'released';
    const wanted = await readMessage(record, this.#settings);
    if (wanted.kind === 'unwanted') return 'ignored';
    if (wanted.kind === 'no-event') {
      const { reason, message } = wanted;
      return this.#sendToDeadLetters(delivery, { reason, message }, undefined);
    }
    const { content } = wanted;
    const envelope = envelopeIn(content);
    if (isUnreadable(content) && !isCurable(content.reason)) {
      const { reason, message } = content;
      return this.#sendToDeadLetters(delivery, { reason, message }, envelope);
    }
    const progress = this.#takeProgress(envelope);
    const outcome = await this.#untilSettled(delivery, content, queue, progress);
    if (outcome !== 'released') this.#endDelay(progress);
    else {
      // A released message does not show whether the service is available again.
      this.#waitsForService.delete(progress);
      this.#keepProgress(envelope, progress);
    }
    return outcome;
  }

  #takeProgress({ receipt }: Envelope): Progress {
    const progress = this.#released.get(receipt) ?? new Progress(new GapWait(this.#settings));
    this.#released.delete(receipt);
    return progress;
  }

  #keepProgress({ receipt }: Envelope, progress: Progress): void {
    if (this.#patience === UNTIL_SETTLED || !progress.hasBegun) return;
    this.#released.set(receipt, progress);
    for (const oldest of [...this.#released.keys()].slice(0, -MAX_RELEASED)) this.#released.delete(oldest);
  }

  /** Retries until the message is settled or no longer needed. */
  async #untilSettled(
    delivery: InFlightMessage,
    read: DecodedEvent | UnreadableEvent,
    queue: KeyQueue<InFlightMessage>,
    progress: Progress,
  ): Promise<Outcome> {
    const { record, signal } = delivery;
    const envelope = envelopeIn(read);
    let content = read;
    let contentions = 0;
    while (!signal.aborted) {
      try {
        const result = await this.#attempt(delivery, () =>
          this.#applier.applyDelivered(
            {
              record,
              content,
              number: progress.failures + 1,
              signal,
              isRepeated: progress.failures + progress.delays > 0,
            },
            progress.gap,
          ),
        );
        this.#endDelay(progress);
        switch (result.kind) {
          case 'settled':
            if (result.outcome === 'applied') this.#succeeded(envelope.type);
            return result.outcome;
          case 'dead-letter':
            return await this.#sendToDeadLetters(delivery, result.aside, envelope);
          case 'unreadable':
            return await this.#keepUnreadable(delivery, result.event);
          case 'gap':
            if ((await this.#awaitMissing(delivery, envelope, queue, progress.gap)) === 'released') return 'released';
            break;
          case 'stale':
            this.#ports.rows.forget(envelope);
            await wait(backoffMs(CONTENTION, ++contentions), signal);
        }
      } catch (error) {
        this.#ports.rows.forget(envelope);
        const next = await this.#afterFailure(delivery, envelope, error, progress);
        if (next !== 'again') return next;
        content = await rereadContent(record, content, this.#settings);
      }
    }
    return 'released';
  }

  async #afterFailure(
    delivery: InFlightMessage,
    envelope: Envelope,
    error: unknown,
    progress: Progress,
  ): Promise<Outcome | 'again'> {
    const { signal } = delivery;
    const { attempts, retry, telemetry, onFailure } = this.#settings;
    // The gate makes the pause between two attempts.
    if (error instanceof TableUnavailable) return (await this.#patience.pause(0, signal)) ? 'again' : 'released';
    if (signal.aborted) return 'released';
    let cause = error;
    if (error instanceof KeyDelayed) {
      if (!this.#isOwnFailure(error, envelope, progress)) {
        this.#delayed(envelope, error, progress);
        // The event may have shared its transaction with one that fails. Alone, it is committed at once.
        if (error.reason === 'not-committed' && progress.delays === 0) {
          progress.delays++;
          return 'again';
        }
        return (await this.#patience.pause(backoffMs(retry, ++progress.delays), signal)) ? 'again' : 'released';
      }
      cause = error.cause;
    }
    const failures = ++progress.failures;
    telemetry.attemptFailed(envelope, failures, cause);
    if (failures >= attempts) {
      if (onFailure !== 'block') return this.#giveUp(delivery, envelope, cause);
      if (!(await this.#patience.pause(0, signal))) {
        // The next delivery gets the same number of attempts.
        progress.failures = 0;
        return 'released';
      }
    }
    await wait(backoffMs(retry, failures), signal);
    return 'again';
  }

  /** A throttled item concerns only its key; an unavailable service is reported once for all keys. */
  #delayed(envelope: Envelope, error: KeyDelayed, progress: Progress): void {
    const { telemetry } = this.#settings;
    telemetry.keyDelayed?.(envelope, error);
    if (error.reason === 'throttled' || this.#waitsForService.has(progress)) return;
    if (this.#waitsForService.size === 0) telemetry.outage(error);
    this.#waitsForService.add(progress);
  }

  #endDelay(progress: Progress): void {
    progress.delayedSince = undefined;
    if (this.#waitsForService.delete(progress) && this.#waitsForService.size === 0) {
      this.#settings.telemetry.outageOver();
    }
  }

  /** Whether a service is unavailable for this key alone, and has been for a while. */
  #isOwnFailure({ reason }: KeyDelayed, { type }: Envelope, progress: Progress): boolean {
    if (reason === 'throttled') return false;
    const now = this.#settings.clock.now();
    const successes = this.#successes.get(type) ?? 0;
    progress.delayedSince ??= { at: now, successes };
    return now - progress.delayedSince.at >= DELAY_MS && successes - progress.delayedSince.successes >= SUCCESSES;
  }

  #succeeded(type: string): void {
    this.#successes.set(type, (this.#successes.get(type) ?? 0) + 1);
  }

  #attempt<T>({ semaphore, signal }: InFlightMessage, attempt: () => Promise<T>): Promise<T> {
    return semaphore.use(() => this.#guard.run(this.#patience, signal, attempt));
  }

  /** The handler has used all its attempts. */
  async #giveUp(delivery: InFlightMessage, envelope: Envelope, error: unknown): Promise<Outcome> {
    const message = redactedMessage(error);
    const isParking = this.#settings.onFailure === 'park-key';
    const kept = await this.#persist(delivery, envelope, async (row): Promise<AttemptResult> => {
      if (isParking) return this.#applier.park(delivery.record, envelope, row, message);
      return { kind: 'dead-letter', aside: { reason: 'handler-failed', message, stack: redactedStack(error) } };
    });
    return typeof kept === 'string' ? kept : this.#sendToDeadLetters(delivery, kept, envelope);
  }

  /** An event that a newer version of the consumer may read. */
  async #keepUnreadable(delivery: InFlightMessage, event: UnreadableEvent): Promise<Outcome> {
    const { envelope, reason, message } = event;
    const { onUnreadable, telemetry } = this.#settings;
    if (onUnreadable === 'dead-letter') return this.#sendToDeadLetters(delivery, { reason, message }, envelope);
    for (let attempt = 1; onUnreadable === 'block'; attempt++) {
      telemetry.attemptFailed(envelope, attempt, unreadableEvent(event));
      if (!(await this.#patience.pause(backoffMs(BLOCKED, attempt), delivery.signal))) return 'released';
      if (delivery.signal.aborted) return 'released';
    }
    const kept = await this.#persist(delivery, envelope, (row) => {
      const why = `${reason}: ${message}`;
      // The breaker has counted the key already.
      if (row.state.parked) return this.#applier.park(delivery.record, envelope, row, why);
      return this.#ports.unreadableLimit.admit((counting) =>
        this.#applier.park(delivery.record, envelope, row, why, [counting]),
      );
    });
    return typeof kept === 'string' ? kept : this.#sendToDeadLetters(delivery, kept, envelope);
  }

  /**
   * Decides on the current row and writes the inbox, until that succeeds. An event that another consumer has applied
   * meanwhile is a duplicate.
   */
  async #persist(
    delivery: InFlightMessage,
    envelope: Envelope,
    write: (row: InboxRow) => Promise<AttemptResult>,
  ): Promise<Outcome | DeadLetterNote> {
    const { signal } = delivery;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const result = await this.#attempt(delivery, async () => {
          const row = await this.#applier.row(envelope);
          if (await this.#applier.isApplied(envelope, row)) return DUPLICATE;
          return write(row);
        });
        if (result.kind === 'settled') return result.outcome;
        if (result.kind === 'dead-letter') return result.aside;
        this.#ports.rows.forget(envelope);
        await wait(backoffMs(CONTENTION, attempt), signal);
      } catch (error) {
        this.#ports.rows.forget(envelope);
        const pauseMs = this.#pauseAfter(error, envelope, attempt);
        if (!(await this.#patience.pause(pauseMs, signal))) return 'released';
      }
    }
    return 'released';
  }

  /** Reports a failed write of the inbox, which no handler can cause, and returns the pause. */
  #pauseAfter(error: unknown, envelope: Envelope, attempt: number): number {
    const { retry, telemetry } = this.#settings;
    if (error instanceof TableUnavailable) return 0;
    if (error instanceof TooManyUnreadableKeys) return backoffMs(BLOCKED, attempt);
    if (error instanceof KeyDelayed) telemetry.keyDelayed?.(envelope, error);
    else telemetry.attemptFailed(envelope, attempt, error);
    return backoffMs(retry, attempt);
  }

  /** Retries until Kafka has acknowledged the dead letter and the inbox records that the event was not applied. */
  async #sendToDeadLetters(
    delivery: InFlightMessage,
    aside: DeadLetterNote,
    envelope: Envelope | undefined,
  ): Promise<Outcome> {
    const { record, signal } = delivery;
    const { name, retry, telemetry, callTimeoutMs } = this.#settings;
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) return 'released';
      try {
        await withinTime(() => this.#ports.deadLetters.send(record, aside), {
          ms: callTimeoutMs,
          onTimeout: () => notAcknowledged(deadLetterTopic(record.topic, name), callTimeoutMs),
          signal,
          unref: true,
        });
        break;
      } catch (error) {
        telemetry.deadLetterFailed(record, error, aside);
        if (!(await this.#patience.pause(backoffMs(retry, attempt), signal))) return 'released';
      }
    }
    telemetry.deadLettered(record, aside);
    const seen = envelope === undefined ? undefined : seenOf(envelope);
    if (envelope === undefined || seen === undefined) return 'dead-lettered';
    // An event that may have been applied must not enter `aside`, because a repeated delivery would apply it again.
    if (aside.reason === 'lost-identity' || aside.reason === 'older-than-markers') return 'dead-lettered';
    if (envelope.replayId !== undefined) return 'dead-lettered';
    // Any result but `released` means that the row records the dead letter, or the effect.
    const noted = await this.#persist(delivery, envelope, async (row): Promise<AttemptResult> => {
      const state = withUnapplied(row.state, seen);
      if (state === row.state || decide(row.state, seen).kind === 'duplicate') return DUPLICATE;
      return (await this.#applier.writeState(envelope, row, state)) === 'stale' ? { kind: 'stale' } : DUPLICATE;
    });
    return noted === 'released' ? 'released' : 'dead-lettered';
  }

  /** The missing event may come after this message, by a redrive, or be applied by another consumer. */
  async #awaitMissing(
    delivery: InFlightMessage,
    event: Envelope,
    queue: KeyQueue<InFlightMessage>,
    gap: GapWait,
  ): Promise<'released' | undefined> {
    const isEarlier = ({ record }: InFlightMessage): boolean =>
      headerText(record, 'ce_source') === event.source &&
      (headerText(record, 'ce_sequence') ?? '~') < (event.sequence ?? '');
    const ms = Math.min(GAP_CHECK_MS, gap.restMs());
    const earlier = await queue.take(isEarlier, ms, delivery.signal);
    this.#ports.rows.forget(event);
    if (earlier === undefined) return undefined;
    if ((await this.#settle(earlier, queue)) !== 'released') earlier.finished();
    // A message that the next delivery brings again must not be overtaken in this one.
    else if (!(await this.#patience.pause(0, delivery.signal))) return 'released';
    return undefined;
  }

  /** Applies several new events of a key in one transaction. If it cannot, it returns `false` and writes nothing. */
  async #applyTogether(deliveries: readonly InFlightMessage[]): Promise<boolean> {
    const [first] = deliveries;
    if (first === undefined || deliveries.some(({ signal }) => signal.aborted)) return false;
    const decoded = await Promise.all(deliveries.map(({ record }) => decodeRecord(record, this.#settings.events)));
    const attempts = deliveries.flatMap(({ record, signal }, at) => {
      const each = decoded[at];
      if (each?.kind !== 'event' || each.event.replayId !== undefined || each.event.sequence === undefined) return [];
      return [{ record, signal, event: each.event }];
    });
    const [head] = attempts;
    if (head === undefined || attempts.length < deliveries.length) return false;
    const key = inboxKeyText(head.event);
    if (attempts.some(({ event }) => inboxKeyText(event) !== key)) return false;
    try {
      if (!(await this.#attempt(first, () => this.#applier.applyTogether(attempts)))) return false;
    } catch {
      // Applying them one by one shows which event fails.
      this.#ports.rows.forget(head.event);
      return false;
    }
    for (const { event } of attempts) this.#succeeded(event.type);
    for (const { finished } of deliveries) finished();
    return true;
  }
}

/** The progress of a message that is not settled. */
class Progress {
  readonly gap: GapWait;
  failures = 0;
  /** Attempts that did not count. */
  delays = 0;
  /** Since when a service has been unavailable for the key, and how often the handler had succeeded by then. */
  delayedSince: { readonly at: number; readonly successes: number } | undefined;

  constructor(gap: GapWait) {
    this.gap = gap;
  }

  get hasBegun(): boolean {
    return this.gap.hasBegun || this.failures > 0 || this.delays > 0;
  }
}

const notAcknowledged = (topic: string, ms: number): OutboxError =>
  new OutboxError(
    'service-unavailable',
    `Kafka did not acknowledge the dead letter on topic "${topic}" within ${ms} ms (callTimeoutMs). The consumer sends it again.`,
    { service: 'Kafka', place: topic, action: 'send a dead letter', why: `no answer within ${ms} ms` },
  );
