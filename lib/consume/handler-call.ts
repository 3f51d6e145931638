import { OutboxError } from '../event/errors';
import { errorText, shown } from '../event/options';
import { parseSequence } from '../event/position';
import type { TransactionAction } from '../dynamodb/transaction';
import { derivedUuidV8 } from '../event/uuid';
import type { Attempt } from './attempt';
import type { DecodedEvent, EventEnvelope } from './decode';
import { Emission, type EmissionOptions } from './emit';
import type { EventContext } from './handler';
import type { ConsumerSettings } from './settings';
import { withinTime } from '../timing/within-time';

type HandlerSettings = Pick<ConsumerSettings, 'name' | 'handlers' | 'handlerTimeoutMs' | 'outbox' | 'clock'>;

/** Facts about a call of a handler, next to its event. */
export interface HandlerCall extends Pick<EmissionOptions, 'appliedAt' | 'around'> {
  readonly late: boolean;
}

/**
 * Runs the handler of the event's type and returns its actions, followed by those of the events that it emits. A type
 * without a handler has no actions.
 *
 * @throws the error of the handler or the outbox; OutboxError `handler-too-late`, or `invalid-effects` for a result that
 * is not a list of actions.
 */
export async function callHandler(
  { name, handlers, handlerTimeoutMs, outbox, clock }: HandlerSettings,
  { record, content: event, number: attempt, signal }: Attempt<DecodedEvent>,
  { late, appliedAt, around }: HandlerCall,
): Promise<readonly TransactionAction[]> {
  // The catalogue has checked that the data is what the type's handler takes.
  const handler = handlers[event.type];
  if (handler === undefined) return [];
  const { type, data, id, source, time, subject, contentType, dataSchema } = event;
  const { topic, key, headers, sequence, replayId, receipt } = event;
  const { traceparent, tracestate, causationId, correlationId } = event;
  const { partition, offset } = record;
  const given = { type, data, id, source, time, subject, contentType, dataSchema };
  const context: Omit<EventContext, 'signal'> = {
    ...{ topic, partition, offset, receipt, key, headers, sequence, replayId, attempt, late },
    ...{ traceparent, tracestate, causationId, correlationId },
    version: sequence === undefined ? undefined : parseSequence(sequence)?.version,
    idempotencyKey: idempotencyKey(name, event),
  };
  const emission = new Emission({ outbox, consumer: name, event, appliedAt, around, clock });
  try {
    return await withinTime(
      async (ending) => {
        const actions = actionsOf(type, await handler(given, { ...context, emit: emission.emit, signal: ending }));
        emission.close();
        return [...actions, ...(await emission.entries())];
      },
      { ms: handlerTimeoutMs, onTimeout: () => handlerTooLate(type, handlerTimeoutMs), signal, unref: true },
    );
  } catch (error) {
    throw readableError(error);
  } finally {
    emission.close();
  }
}

/** Returns a thrown value, which may be of any kind, as one whose name, message and stack can be read. */
function readableError(thrown: unknown): unknown {
  try {
    if (typeof thrown !== 'object' || thrown === null) return thrown;
    if (thrown instanceof Error) {
      const { name, message, stack }: Readonly<Record<'name' | 'message' | 'stack', unknown>> = thrown as never;
      const isReadable = typeof name === 'string' && typeof message === 'string';
      if (isReadable && (stack === undefined || typeof stack === 'string')) return thrown;
    }
  } catch {
    // Reading a property throws as well.
  }
  return new Error(errorText(thrown));
}

function actionsOf(type: string, result: unknown): readonly TransactionAction[] {
  if (result === undefined) return [];
  if (Array.isArray(result)) return result as readonly TransactionAction[];
  throw new OutboxError(
    'invalid-effects',
    `The handler of "${type}" returned ${shown(result)}; it must return an array of transaction actions, or nothing.`,
    { type, got: result },
  );
}

const handlerTooLate = (type: string, timeoutMs: number): OutboxError =>
  new OutboxError(
    'handler-too-late',
    `The handler of "${type}" did not return within ${timeoutMs} ms (handlerTimeoutMs). A later result is dropped.`,
    { type, timeoutMs },
  );

/**
 * A UUIDv8 (RFC 9562) of consumer, source, id and replay: other systems accept UUIDs and limit longer keys. A replay is
 * a new request, so the other system must not take it for a repetition.
 */
export function idempotencyKey(
  consumer: string,
  { source, id, replayId }: Pick<EventEnvelope, 'source' | 'id' | 'replayId'>,
): string {
  const parts = replayId === undefined ? [consumer, source, id] : [consumer, source, id, replayId];
  return derivedUuidV8(JSON.stringify(parts));
}
