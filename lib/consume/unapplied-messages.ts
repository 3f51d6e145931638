import { deadLetterTopic } from '../event/consumer-name';
import { OutboxError } from '../event/errors';
import { backoffMs } from '../timing/backoff';
import { wait } from '../timing/wait';
import { withinTime } from '../timing/within-time';
import { DUPLICATE, type AttemptResult } from './attempt';
import type { EventEnvelope, UnreadableEvent } from './decode';
import { BLOCKED_BACKOFF, CONTENTION_BACKOFF, pause } from './delays';
import { attemptInTurn, type InFlightEvent, type InFlightMessage, type Outcome, type Processing } from './in-flight';
import { decide, sequencedOf, withUnapplied, type InboxRow } from './inbox';
import { unreadableEvent } from './message-content';
import { KeyDelayed, TableUnavailable } from './service-error';
import type { DeadLetterNote } from './ports';
import { redactedMessage, redactedStack } from './redaction';
import { TooManyUnreadableKeys } from './unreadable-limit';

/** Writes the inbox by the current row of the key. */
type InboxWrite = (row: InboxRow) => Promise<AttemptResult>;

/** Parks, blocks or dead-letters the messages that cannot be applied, and retries until that is recorded. */
export class UnappliedMessages {
  readonly #processing: Processing;

  constructor(processing: Processing) {
    this.#processing = processing;
  }

  /** The handler has used all its attempts. */
  async handlerFailed(message: InFlightEvent, error: unknown): Promise<Outcome> {
    const { settings, applier } = this.#processing;
    const { record, envelope } = message;
    const why = redactedMessage(error);
    const isParking = settings.onFailure === 'park-key';
    return this.#keep(message, async (row) => {
      if (isParking) return applier.park(record, envelope, row, why);
      return { kind: 'dead-letter', note: { reason: 'handler-failed', message: why, stack: redactedStack(error) } };
    });
  }

  /** A newer version of the consumer may be able to read the event. */
  async unreadable(message: InFlightEvent, event: UnreadableEvent): Promise<Outcome> {
    const { settings, ports, applier, whenBlocked } = this.#processing;
    const { onUnreadable, telemetry } = settings;
    const { reason, message: text } = event;
    const { record, envelope, signal } = message;
    if (onUnreadable === 'dead-letter') return this.sendToDeadLetters(message, { reason, message: text });
    for (let attempt = 1; onUnreadable === 'block'; attempt++) {
      telemetry.attemptFailed(envelope, attempt, unreadableEvent(event));
      if ((await pause(whenBlocked, backoffMs(BLOCKED_BACKOFF, attempt), signal)) === 'unsettled') return 'unsettled';
      if (signal.aborted) return 'unsettled';
    }
    return this.#keep(message, (row) => {
      const why = `${reason}: ${text}`;
      // The limit has counted the key already.
      if (row.state.parked) return applier.park(record, envelope, row, why);
      return ports.unreadableLimit.admit((counting) => applier.park(record, envelope, row, why, [counting]));
    });
  }

  /** Retries until Kafka has acknowledged the dead letter and the inbox records that the event was not applied. */
  async sendToDeadLetters(message: InFlightMessage | InFlightEvent, note: DeadLetterNote): Promise<Outcome> {
    const { settings, ports, whenBlocked } = this.#processing;
    const { name, retry, telemetry, callTimeoutMs } = settings;
    const { record, signal } = message;
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) return 'unsettled';
      try {
        await withinTime(() => ports.deadLetters.send(record, note), {
          ms: callTimeoutMs,
          onTimeout: () => notAcknowledged(deadLetterTopic(record.topic, name), callTimeoutMs),
          signal,
          unref: true,
        });
        break;
      } catch (error) {
        telemetry.deadLetterFailed(record, error, note);
        if ((await pause(whenBlocked, backoffMs(retry, attempt), signal)) === 'unsettled') return 'unsettled';
      }
    }
    telemetry.deadLettered(record, note);
    if (!('envelope' in message)) return 'dead-lettered';
    const { envelope } = message;
    const sequenced = sequencedOf(envelope);
    if (sequenced === undefined) return 'dead-lettered';
    // An event that may have been applied must not count as unapplied: a repeated delivery would apply it again.
    if (note.reason === 'lost-identity' || note.reason === 'older-than-markers') return 'dead-lettered';
    if (envelope.replayId !== undefined) return 'dead-lettered';
    // Any result but `unsettled` means that the row records the dead letter, or the effect.
    const noted = await this.#persist(message, async (row) => {
      const state = withUnapplied(row.state, sequenced);
      if (state === row.state || decide(row.state, sequenced).kind === 'duplicate') return DUPLICATE;
      return (await ports.writer.writeState(envelope, row, state)) === 'stale' ? { kind: 'stale' } : DUPLICATE;
    });
    return noted === 'unsettled' ? 'unsettled' : 'dead-lettered';
  }

  async #keep(message: InFlightEvent, write: InboxWrite): Promise<Outcome> {
    const kept = await this.#persist(message, write);
    return typeof kept === 'string' ? kept : this.sendToDeadLetters(message, kept);
  }

  /** Decides on the current row and writes the inbox, until that succeeds. */
  async #persist(message: InFlightEvent, write: InboxWrite): Promise<Outcome | DeadLetterNote> {
    const { ports, whenBlocked } = this.#processing;
    const { view } = ports;
    const { envelope, signal } = message;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const result = await attemptInTurn(message, this.#processing, async () => {
          const row = await view.row(envelope);
          return (await view.find(envelope, row)).applied === undefined ? write(row) : DUPLICATE;
        });
        if (result.kind === 'settled') return result.outcome;
        if (result.kind === 'dead-letter') return result.note;
        view.forget(envelope);
        await wait(backoffMs(CONTENTION_BACKOFF, attempt), signal);
      } catch (error) {
        view.forget(envelope);
        const pauseMs = this.#pauseAfter(error, envelope, attempt);
        if ((await pause(whenBlocked, pauseMs, signal)) === 'unsettled') return 'unsettled';
      }
    }
    return 'unsettled';
  }

  /** Reports a failed write of the inbox, which no handler can cause, and returns the pause. */
  #pauseAfter(error: unknown, envelope: EventEnvelope, attempt: number): number {
    const { retry, telemetry } = this.#processing.settings;
    if (error instanceof TableUnavailable) return 0;
    if (error instanceof TooManyUnreadableKeys) return backoffMs(BLOCKED_BACKOFF, attempt);
    if (error instanceof KeyDelayed) telemetry.keyDelayed?.(envelope, error);
    else telemetry.attemptFailed(envelope, attempt, error);
    return backoffMs(retry, attempt);
  }
}

const notAcknowledged = (topic: string, ms: number): OutboxError =>
  new OutboxError(
    'service-unavailable',
    `Kafka did not acknowledge the dead letter on topic "${topic}" within ${ms} ms (callTimeoutMs). The consumer sends it again.`,
    { service: 'Kafka', place: topic, action: 'send a dead letter', why: `no response within ${ms} ms` },
  );
