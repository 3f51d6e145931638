import { createHash } from 'node:crypto';
import { OutboxError } from '../event/errors';
import { shown } from '../event/options';
import { parseSequence } from '../event/sequence';
import type { TransactionAction } from '../event/transaction';
import type { DecodedEvent, Envelope } from './decode';
import type { EventContext } from './handler';
import type { ConsumedRecord } from './record';
import type { ConsumerSettings } from './settings';
import { withinTime } from './within-time';

/** A handler threw `cause`, or did not end in time. */
export class HandlerFailure extends Error {
  override readonly name = 'HandlerFailure';

  constructor(cause: unknown) {
    super('The handler failed.', { cause });
  }
}

/** One call of a handler. */
export interface HandlerCall {
  readonly record: ConsumedRecord;
  readonly event: DecodedEvent;
  /** Counts from 1. */
  readonly attempt: number;
  readonly late: boolean;
  /** Aborted when the consumer does not need the message any more. */
  readonly signal: AbortSignal;
}

/**
 * Runs the handler of the event's type and returns its actions; none for a type without a handler.
 *
 * @throws HandlerFailure with what the handler threw, or `handler-too-late`; OutboxError `invalid-effects` for a result
 * that is no list of actions.
 */
export async function callHandler(
  { name, handlers, handlerTimeoutMs }: Pick<ConsumerSettings, 'name' | 'handlers' | 'handlerTimeoutMs'>,
  { record, event, attempt, late, signal }: HandlerCall,
): Promise<readonly TransactionAction[]> {
  // The catalogue has checked that the data is what the type's handler takes.
  const handler = handlers[event.type];
  if (handler === undefined) return [];
  const { type, data, id, source, time, subject, contentType, dataSchema } = event;
  const { topic, key, headers, sequence, traceparent, tracestate, replayId, receipt } = event;
  const context: Omit<EventContext, 'signal'> = {
    topic,
    partition: record.partition,
    offset: record.offset,
    receipt,
    key,
    headers,
    sequence,
    version: sequence === undefined ? undefined : parseSequence(sequence)?.version,
    traceparent,
    tracestate,
    attempt,
    late,
    replayId,
    idempotencyKey: idempotencyKey(name, event),
  };
  let result: unknown;
  try {
    result = await withinTime(
      (ending): unknown =>
        handler({ type, data, id, source, time, subject, contentType, dataSchema }, { ...context, signal: ending }),
      { ms: handlerTimeoutMs, unwanted: signal, tooLate: () => handlerTooLate(type, handlerTimeoutMs) },
    );
  } catch (error) {
    throw new HandlerFailure(error);
  }
  return actionsOf(type, result);
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
    `The handler of "${type}" has returned nothing within ${timeoutMs} ms. A later result is dropped.`,
    { type, timeoutMs },
  );

/**
 * A UUIDv8 (RFC 9562) of consumer, source, id and replay: other systems take UUIDs and limit what is longer. A replay is
 * a new request, so the other system must not take it for a repetition.
 */
export function idempotencyKey(
  consumer: string,
  { source, id, replayId }: Pick<Envelope, 'source' | 'id' | 'replayId'>,
): string {
  const parts = replayId === undefined ? [consumer, source, id] : [consumer, source, id, replayId];
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
