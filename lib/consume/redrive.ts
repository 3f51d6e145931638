import { OutboxError } from '../event/errors';
import { backoffMs } from '../timing/backoff';
import { wait } from '../timing/wait';
import { EventApplier } from './apply-once';
import type { ApplyPorts, Attempt, StoredOutcome } from './attempt';
import type { CircuitBreaker } from './circuit-breaker';
import { envelopeIn, isUnreadable } from './decode';
import { CONTENTION_BACKOFF } from './delays';
import { inboxKeyOf, type InboxKey } from './inbox-keys';
import { readMessage, rereadContent } from './message-content';
import { KeyDelayed, TableUnavailable } from './service-error';
import type { ParkedMessage } from './ports';
import { redactedMessage } from './redaction';
import type { ConsumerSettings } from './settings';

/** The result of a redrive. */
export interface RedriveResult {
  /** How many events were unparked, duplicates included. */
  readonly released: number;
  /** Whether the key is still parked: an event failed again, DynamoDB or a service was unavailable, or time ran out. */
  readonly isParked: boolean;
  /** Why an event failed again. */
  readonly failure?: string;
}

export interface Redriving {
  readonly settings: ConsumerSettings;
  readonly ports: ApplyPorts & { readonly circuitBreaker: CircuitBreaker };
  /** Ends the redrive after the current step. */
  readonly signal: AbortSignal;
}

/** Why an event failed again, or cannot be applied at all. */
export interface FailedAgain {
  readonly failure: string;
}

/** After this many conflicts the next redrive continues: other work of the key must not be delayed forever. */
const MAX_CONTENTIONS = 30;

/** Applies the parked messages of a key one by one, and unparks each in the same transaction. */
export async function redriveKey(parkedKey: InboxKey, redriving: Redriving): Promise<RedriveResult> {
  const { settings, signal } = redriving;
  const { view, writer } = redriving.ports;
  const key = inboxKeyOf(parkedKey);
  let released = 0;
  let contentions = 0;
  for (;;) {
    // The cached row may be old: another process may be parking or redriving the key.
    view.forget(key);
    const next = await view.nextParked(key);
    if (next === undefined) {
      const row = await view.readRow(key);
      if (!row.state.parked) return { released, isParked: false };
      const state = { ...row.state, parked: false };
      // If another message was parked meanwhile, the revision is higher, and that message is redriven too.
      const unit = [writer.actions.row(key, row, state), writer.actions.unlist(key)];
      if ((await writer.write(unit)) === 'stale') continue;
      settings.telemetry.released(key);
      return { released, isParked: false };
    }
    const result = await applyParked(next, key, redriving);
    if (result === 'stale' && (signal.aborted || contentions >= MAX_CONTENTIONS)) return { released, isParked: true };
    if (result === 'unparked') released++;
    else if (result === 'waits') return { released, isParked: true };
    else if (result === 'stale') await wait(backoffMs(CONTENTION_BACKOFF, ++contentions), signal);
    else return { released, isParked: true, failure: result.failure };
  }
}

async function applyParked(
  parked: ParkedMessage,
  key: InboxKey,
  redriving: Redriving,
): Promise<'unparked' | 'stale' | 'waits' | FailedAgain> {
  const { writer } = redriving.ports;
  const { record, position } = parked;
  const read = await readMessage(record, redriving.settings);
  if (read.kind === 'ignored') {
    await writer.write([writer.actions.unpark(key, position)]);
    return 'unparked';
  }
  if (read.kind === 'no-event') return { failure: `${read.reason}: ${read.message}` };
  const { content } = read;
  const result = await attemptStored({ record, content }, redriving, (applier, attempt) =>
    applier.applyParked(attempt, parked, key),
  );
  return result === 'applied' || result === 'duplicate' ? 'unparked' : result;
}

/** Attempts to apply a message from the consumer's table, as often as a handler may fail. */
export async function attemptStored(
  { record, content: read }: Pick<Attempt, 'record' | 'content'>,
  { settings, ports, signal }: Redriving,
  apply: (applier: EventApplier, attempt: Attempt) => Promise<StoredOutcome>,
): Promise<StoredOutcome | 'waits' | FailedAgain> {
  const { attempts, retry, telemetry } = settings;
  const applier = new EventApplier(settings, ports);
  const caller = { whenBlocked: 'leave', signal, telemetry } as const;
  const hasEnded = (): boolean => signal.aborted;
  let content = read;
  for (let number = 1; !hasEnded(); number++) {
    try {
      return await ports.circuitBreaker.run(caller, () => apply(applier, { record, content, number, signal }));
    } catch (error) {
      ports.view.forget(envelopeIn(read));
      if (error instanceof TableUnavailable || error instanceof KeyDelayed) return 'waits';
      // A handler that has used up its own time has failed, whether its result is still needed or not.
      const isTooLate = error instanceof OutboxError && error.is('handler-too-late');
      if (hasEnded() && !isTooLate) return 'waits';
      telemetry.attemptFailed(envelopeIn(read), number, error);
      if (number >= attempts || isUnreadable(content) || hasEnded()) return { failure: redactedMessage(error) };
      await wait(backoffMs(retry, number), signal);
      content = await rereadContent(record, content, settings);
    }
  }
  return 'waits';
}
