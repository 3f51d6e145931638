import { envelopeIn, EventApplier, isUnreadable, type AppliedApart, type ApplyPorts, type Attempt } from './apply-once';
import { OutboxError } from '../event/errors';
import { outcomeOf } from './commit-outcome';
import type { CircuitBreaker } from './circuit-breaker';
import { Guard } from './guard';
import { inboxKeyOf, type InboxKey } from './inbox-keys';
import { ONE_DELIVERY } from './patience';
import type { ParkedMessage } from './ports';
import { redactedMessage } from './redaction';
import type { ConsumerSettings } from './settings';
import { KeyDelayed, TableUnavailable } from './outage-errors';
import { backoffMs } from '../timing/backoff';
import { wait } from '../timing/wait';
import { rereadContent, readMessage } from './message-content';

/** The result of a redrive. */
export interface RedriveResult {
  /** How many events left the parking, duplicates included. */
  readonly released: number;
  /** Whether the key is still parked: an event failed again, DynamoDB or a service was unavailable, or time ran out. */
  readonly isParked: boolean;
  /** Why an event failed again. */
  readonly failure?: string;
}

export interface RedrivePorts extends ApplyPorts {
  readonly circuitBreaker: CircuitBreaker;
}

type Result = 'released' | 'stale' | 'waits' | FailedAgain;

/** Why an event failed again, or cannot be applied at all. */
export interface FailedAgain {
  readonly failure: string;
}

const CONTENTION = { initialDelayMs: 10, maxDelayMs: 1_000 };
/** After this many conflicts the next redrive continues: other work of the key must not be delayed forever. */
const MAX_CONTENTIONS = 30;
const NEVER = new AbortController().signal;

/** Applies the parked messages of a key one by one, and removes each from the parking in the same transaction. */
export async function redriveKey(
  parkedKey: InboxKey,
  settings: ConsumerSettings,
  ports: RedrivePorts,
  signal: AbortSignal = NEVER,
): Promise<RedriveResult> {
  const { inbox, entries, ownWrites, rows } = ports;
  const key = inboxKeyOf(parkedKey);
  let released = 0;
  let contentions = 0;
  for (;;) {
    // The cached row may be old: another process may be parking or redriving the key.
    rows.forget(key);
    const next = await inbox.nextParked(key);
    if (next === undefined) {
      const row = await inbox.read(key);
      if (!row.state.parked) return { released, isParked: false };
      const state = { ...row.state, parked: false };
      // If another message was parked meanwhile, the revision is higher, and that message is redriven too.
      const unit = [entries.row(key, row, state), entries.release(key)];
      if (outcomeOf(await ownWrites.write(unit), []) === 'stale') continue;
      settings.telemetry.released(key);
      return { released, isParked: false };
    }
    const result = await applyParked(next, key, settings, ports, signal);
    if (result === 'stale' && (signal.aborted || contentions >= MAX_CONTENTIONS)) return { released, isParked: true };
    if (result === 'released') released++;
    else if (result === 'waits') return { released, isParked: true };
    else if (result === 'stale') await wait(backoffMs(CONTENTION, ++contentions), signal);
    else return { released, isParked: true, failure: result.failure };
  }
}

async function applyParked(
  parked: ParkedMessage,
  key: InboxKey,
  settings: ConsumerSettings,
  ports: RedrivePorts,
  signal: AbortSignal,
): Promise<Result> {
  const { entries, ownWrites } = ports;
  const { record, position } = parked;
  const wanted = await readMessage(record, settings);
  if (wanted.kind === 'unwanted') {
    outcomeOf(await ownWrites.write([entries.unpark(key, position)]), []);
    return 'released';
  }
  if (wanted.kind === 'no-event') return { failure: `${wanted.reason}: ${wanted.message}` };
  const { content } = wanted;
  const result = await attemptApart({ record, content }, settings, ports, signal, (applier, attempt) =>
    applier.applyParked(attempt, parked, key),
  );
  return result === 'applied' || result === 'duplicate' ? 'released' : result;
}

/** Attempts to apply a message that does not come from its topic, as often as a handler may fail. */
export async function attemptApart(
  { record, content: read }: Pick<Attempt, 'record' | 'content'>,
  settings: ConsumerSettings,
  ports: RedrivePorts,
  signal: AbortSignal,
  apply: (applier: EventApplier, attempt: Attempt) => Promise<AppliedApart>,
): Promise<AppliedApart | 'waits' | FailedAgain> {
  const { attempts, retry, telemetry } = settings;
  const envelope = envelopeIn(read);
  let content = read;
  const applier = new EventApplier(settings, ports);
  const guard = new Guard(ports.circuitBreaker, telemetry);
  const isUnwanted = (): boolean => signal.aborted;
  for (let number = 1; !isUnwanted(); number++) {
    try {
      return await guard.run(ONE_DELIVERY, signal, () => apply(applier, { record, content, number, signal }));
    } catch (error) {
      ports.rows.forget(envelope);
      if (error instanceof TableUnavailable || error instanceof KeyDelayed) return 'waits';
      // A handler that has used up its own time has failed, whether its result is still needed or not.
      const isTooLate = error instanceof OutboxError && error.is('handler-too-late');
      if (isUnwanted() && !isTooLate) return 'waits';
      telemetry.attemptFailed(envelope, number, error);
      if (number >= attempts || isUnreadable(content) || isUnwanted()) return { failure: redactedMessage(error) };
      await wait(backoffMs(retry, number), signal);
      content = await rereadContent(record, content, settings);
    }
  }
  return 'waits';
}
