import { backoffMs } from '../timing/backoff';
import { wait } from '../timing/wait';
import { EventApplier } from './apply-once';
import { CONTENTION_BACKOFF, GAP_CHECK_MS, pause, type WhenBlocked } from './delays';
import { decodeRecord, envelopeIn, isCurable, isUnreadable, type EventEnvelope, type MessageContent } from './decode';
import {
  attemptInTurn,
  type InFlightEvent,
  type InFlightMessage,
  type Outcome,
  type Processing,
  type ProcessorPorts,
} from './in-flight';
import { inboxKeyText } from './inbox-keys';
import type { KeyQueue } from './key-queues';
import { readMessage, rereadContent } from './message-content';
import { KeyDelayed, TableUnavailable } from './service-error';
import { Progress, ServiceDelays } from './progress';
import { headerText } from './record';
import type { ConsumerSettings } from './settings';
import { UnappliedMessages } from './unapplied-messages';

/** How many left messages keep their progress for the next delivery. */
const MAX_LEFT = 1_000;

/** A message between its attempts. */
interface SettlingMessage extends InFlightEvent {
  readonly content: MessageContent;
  readonly progress: Progress;
}

/** Settles the messages of one key, one after the other. */
export class Processor {
  readonly #processing: Processing;
  readonly #delays: ServiceDelays;
  readonly #unapplied: UnappliedMessages;
  /** Progress of left messages by their place: each delivery may end before the next step. */
  readonly #left = new Map<string, Progress>();

  constructor(settings: ConsumerSettings, ports: ProcessorPorts, whenBlocked: WhenBlocked = 'wait') {
    this.#processing = { settings, ports, whenBlocked, applier: new EventApplier(settings, ports) };
    this.#delays = new ServiceDelays(settings);
    this.#unapplied = new UnappliedMessages(this.#processing);
  }

  /**
   * Settles the messages in their order. The messages behind an unsettled one are left with it, unless they were
   * delivered again: those have another signal. Never rejects.
   */
  async process(messages: readonly InFlightMessage[], queue: KeyQueue<InFlightMessage>): Promise<Outcome> {
    if (messages.length > 1 && (await this.#applyTogether(messages))) return 'applied';
    let outcome: Outcome = 'unsettled';
    // An event that is missing before one of them may be among those behind it.
    let rest = [...messages];
    const behind: KeyQueue<InFlightMessage> = {
      take: (matches, ms, signal) => {
        const at = rest.findIndex(matches);
        return at === -1 ? queue.take(matches, ms, signal) : Promise.resolve(rest.splice(at, 1)[0]);
      },
    };
    for (let message = rest.shift(); message !== undefined; message = rest.shift()) {
      outcome = await this.#settle(message, behind);
      if (outcome === 'unsettled') rest = rest.filter(({ signal }) => signal !== message.signal);
      else message.finished();
    }
    return outcome;
  }

  async #settle(message: InFlightMessage, queue: KeyQueue<InFlightMessage>): Promise<Outcome> {
    if (message.signal.aborted) return 'unsettled';
    const read = await readMessage(message.record, this.#processing.settings);
    if (read.kind === 'ignored') return 'ignored';
    if (read.kind === 'no-event') {
      return this.#unapplied.sendToDeadLetters(message, { reason: read.reason, message: read.message });
    }
    const { content } = read;
    const envelope = envelopeIn(content);
    const event = { ...message, envelope };
    if (isUnreadable(content) && !isCurable(content.reason)) {
      return this.#unapplied.sendToDeadLetters(event, { reason: content.reason, message: content.message });
    }
    const progress = this.#takeProgress(envelope);
    const outcome = await this.#untilSettled({ ...event, content, progress }, queue);
    if (outcome !== 'unsettled') this.#delays.end(progress);
    else {
      this.#delays.leave(progress);
      this.#keepProgress(envelope, progress);
    }
    return outcome;
  }

  #takeProgress({ receipt }: EventEnvelope): Progress {
    const progress = this.#left.get(receipt) ?? new Progress(this.#processing.settings);
    this.#left.delete(receipt);
    return progress;
  }

  #keepProgress({ receipt }: EventEnvelope, progress: Progress): void {
    if (this.#processing.whenBlocked === 'wait' || !progress.hasBegun) return;
    this.#left.set(receipt, progress);
    for (const oldest of [...this.#left.keys()].slice(0, -MAX_LEFT)) this.#left.delete(oldest);
  }

  /** Retries until the message is settled or no longer needed. */
  async #untilSettled(message: SettlingMessage, queue: KeyQueue<InFlightMessage>): Promise<Outcome> {
    const { settings, ports, applier } = this.#processing;
    const { record, signal, envelope, progress } = message;
    let { content } = message;
    let contentions = 0;
    while (!signal.aborted) {
      try {
        const isRepeated = progress.failures + progress.delays > 0;
        const attempt = { record, content, number: progress.failures + 1, signal, isRepeated };
        const result = await attemptInTurn(message, this.#processing, () =>
          applier.applyDelivered(attempt, progress.gap),
        );
        this.#delays.end(progress);
        switch (result.kind) {
          case 'settled':
            if (result.outcome === 'applied') this.#delays.succeeded(envelope.type);
            return result.outcome;
          case 'dead-letter':
            return await this.#unapplied.sendToDeadLetters(message, result.note);
          case 'unreadable':
            return await this.#unapplied.unreadable(message, result.event);
          case 'gap':
            if ((await this.#awaitMissing(message, queue)) === 'unsettled') return 'unsettled';
            break;
          case 'stale':
            ports.view.forget(envelope);
            await wait(backoffMs(CONTENTION_BACKOFF, ++contentions), signal);
        }
      } catch (error) {
        ports.view.forget(envelope);
        const next = await this.#afterFailure(message, error);
        if (next !== 'again') return next;
        content = await rereadContent(record, content, settings);
      }
    }
    return 'unsettled';
  }

  async #afterFailure(message: SettlingMessage, error: unknown): Promise<Outcome | 'again'> {
    const { settings, whenBlocked } = this.#processing;
    const { attempts, retry, telemetry, onFailure } = settings;
    const { signal, envelope, progress } = message;
    // The circuit breaker makes the pause between two attempts.
    if (error instanceof TableUnavailable) return pause(whenBlocked, 0, signal);
    if (signal.aborted) return 'unsettled';
    let cause = error;
    if (error instanceof KeyDelayed) {
      if (!this.#delays.isOwnFailure(error, envelope, progress)) {
        this.#delays.begin(envelope, error, progress);
        // The event may have shared its transaction with one that fails. Alone, it is committed at once.
        if (error.reason === 'not-committed' && progress.delays === 0) {
          progress.delays++;
          return 'again';
        }
        return pause(whenBlocked, backoffMs(retry, ++progress.delays), signal);
      }
      cause = error.cause;
    }
    const failures = ++progress.failures;
    telemetry.attemptFailed(envelope, failures, cause);
    if (failures >= attempts) {
      if (onFailure !== 'block') return this.#unapplied.handlerFailed(message, cause);
      if (whenBlocked === 'leave') {
        // The next delivery gets the same number of attempts.
        progress.failures = 0;
        return 'unsettled';
      }
    }
    await wait(backoffMs(retry, failures), signal);
    return 'again';
  }

  /** The missing event may come after this message, by a redrive, or be applied by another consumer. */
  async #awaitMissing(
    { signal, envelope: event, progress: { gap } }: SettlingMessage,
    queue: KeyQueue<InFlightMessage>,
  ): Promise<'unsettled' | undefined> {
    const { ports, whenBlocked } = this.#processing;
    const isEarlier = ({ record }: InFlightMessage): boolean =>
      headerText(record, 'ce_source') === event.source &&
      (headerText(record, 'ce_sequence') ?? '~') < (event.sequence ?? '');
    const earlier = await queue.take(isEarlier, Math.min(GAP_CHECK_MS, gap.restMs()), signal);
    ports.view.forget(event);
    if (earlier === undefined) return undefined;
    if ((await this.#settle(earlier, queue)) !== 'unsettled') earlier.finished();
    // A message that the next delivery brings again must not be overtaken in this one.
    else if ((await pause(whenBlocked, 0, signal)) === 'unsettled') return 'unsettled';
    return undefined;
  }

  /** Applies several new events of a key in one transaction. If it cannot, it returns `false` and writes nothing. */
  async #applyTogether(messages: readonly InFlightMessage[]): Promise<boolean> {
    const { settings, ports, applier } = this.#processing;
    const [first] = messages;
    if (first === undefined || messages.some(({ signal }) => signal.aborted)) return false;
    const decoded = await Promise.all(messages.map(({ record }) => decodeRecord(record, settings.events)));
    const attempts = messages.flatMap(({ record, signal }, at) => {
      const each = decoded[at];
      if (each?.kind !== 'content' || isUnreadable(each.content)) return [];
      const { content } = each;
      return content.replayId === undefined && content.sequence !== undefined
        ? [{ record, content, number: 1, signal }]
        : [];
    });
    const [head] = attempts;
    if (head === undefined || attempts.length < messages.length) return false;
    const key = inboxKeyText(head.content);
    if (attempts.some(({ content }) => inboxKeyText(content) !== key)) return false;
    try {
      if (!(await attemptInTurn(first, this.#processing, () => applier.applyTogether(attempts)))) return false;
    } catch {
      // Applying them one by one shows which event fails.
      ports.view.forget(head.content);
      return false;
    }
    for (const { content } of attempts) this.#delays.succeeded(content.type);
    for (const { finished } of messages) finished();
    return true;
  }
}
