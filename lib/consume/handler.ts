import type { EventDefinition, EventDefinitions } from '../event/catalogue';
import type { SchemaOutput } from '../event/standard-schema';
import type { TransactionAction } from '../dynamodb/transaction';
import type { EventEnvelope } from './decode';
import type { EmittingContext } from './emit';

/** An event as a handler receives it: `data` is the output of the schema of its type. */
export interface ConsumedEvent<T extends string = string, Data = unknown> {
  readonly type: T;
  readonly data: Data;
  /** `ce_id`: the same each time it is delivered. */
  readonly id: string;
  readonly source: string;
  /** When it happened, RFC 3339. */
  readonly time?: string;
  readonly subject?: string;
  readonly contentType: string;
  readonly dataSchema?: string;
}

/** The origin of an event and the state of its processing. */
export interface EventContext extends Pick<EventEnvelope, 'topic' | 'receipt' | 'key' | 'sequence' | 'replayId'> {
  readonly partition: number;
  readonly offset: bigint;
  /** The event's own headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** The aggregate's version in `sequence`. */
  readonly version?: number;
  /** W3C trace context of the writer: link to it, do not continue it. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** `ce_causationid`: the id of the event that caused it. */
  readonly causationId?: string;
  /** `ce_correlationid`: the same for all events of one business flow. */
  readonly correlationId?: string;
  /** 1 for the first attempt of this process. */
  readonly attempt: number;
  /** A later event of the key was applied before. */
  readonly late: boolean;
  /** The same UUID each time this consumer handles this event, or this replay of it. Pass it to other systems. */
  readonly idempotencyKey: string;
  /** Aborted if the message is no longer needed, as in a rebalance, or if the handler exceeds `handlerTimeoutMs`. */
  readonly signal: AbortSignal;
}

/** The context of a handler. If its consumer has an outbox with the catalogue `E`, it includes {@link EmittingContext}. */
export type HandlerContext<E extends EventDefinitions = never> = [E] extends [never]
  ? EventContext
  : EventContext & EmittingContext<E>;

/** The entries of a DynamoDB transaction, as `@aws-sdk/lib-dynamodb` takes them. `undefined` stands for no effect. */
export type HandlerEffects = readonly TransactionAction[] | undefined;

/**
 * Returns the changes that an event causes. They are committed with the record that the event was applied, or not at
 * all. A handler may run several times for one event, so it must do nothing else; see {@link atLeastOnce}.
 */
export type EventHandler<T extends string = string, Data = unknown, C extends EventContext = EventContext> = (
  event: ConsumedEvent<T, Data>,
  context: C,
) => HandlerEffects | Promise<HandlerEffects>;

/** The data that a handler receives: the output of the type's schema. */
export type DataOf<D extends EventDefinition> = SchemaOutput<D['schema']>;

/** Handlers by type. An event of a type without one is applied without an effect. */
export type EventHandlers<D extends EventDefinitions = EventDefinitions, C extends EventContext = EventContext> = {
  readonly [T in keyof D & string]?: EventHandler<T, DataOf<D[T]>, C>;
};

/**
 * A handler for effects outside DynamoDB, such as an API call or a mail. `effect` runs at least once: again if the
 * process dies before the success is recorded, or if the record cannot be written. Pass `context.idempotencyKey` to the
 * other system, which can then distinguish a repetition from a new request. If it does not support such a key, the
 * effect can happen twice.
 *
 * @example
 * ```ts
 * handlers: {
 *   'order.placed': atLeastOnce(async ({ data }, { idempotencyKey }) => {
 *     await payments.charge(data.total, { idempotencyKey });
 *   }),
 * }
 * ```
 */
export const atLeastOnce =
  <T extends string, Data, C extends EventContext = EventContext>(
    effect: (event: ConsumedEvent<T, Data>, context: C) => Promise<void>,
  ): EventHandler<T, Data, C> =>
  async (event, context) => {
    await effect(event, context);
    return undefined;
  };
