import type { EventDefinition, EventDefinitions } from '../event/catalogue';
import type { SchemaOutput } from '../event/standard-schema';
import type { TransactionAction } from '../event/transaction';
import type { Emitting } from './emit';

/** An event as a handler gets it: `data` is what the schema of its type gave. */
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

/** Where an event comes from and how often it was tried. */
export interface EventContext {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Kafka's notation, `topic-partition@offset`. */
  readonly receipt: string;
  readonly key: string;
  /** The event's own headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** `ce_sequence`; left out for keys without versions. */
  readonly sequence?: string;
  /** The aggregate's version in it. */
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
  /** The replay that this message belongs to; left out for an ordinary delivery. */
  readonly replayId?: string;
  /**
   * The same UUID each time this consumer handles this event, also after a crash: what a call to another system has to
   * carry, because a handler may run again after it has succeeded.
   */
  readonly idempotencyKey: string;
  /**
   * Aborted when the message is not wanted any more, because its partition went to another consumer or this one ends, and
   * when the handler takes longer than `handlerTimeoutMs`.
   */
  readonly signal: AbortSignal;
}

/** The context of a handler whose consumer has an outbox with the catalogue `E`; without an outbox, that of any handler. */
export type HandlerContext<E extends EventDefinitions = never> = [E] extends [never]
  ? EventContext
  : EventContext & Emitting<E>;

/** The entries of a DynamoDB transaction, as `@aws-sdk/lib-dynamodb` takes them. Nothing stands for an effect of none. */
export type Effects = readonly TransactionAction[] | undefined;

/**
 * Answers what an event changes. The entries are committed together with the record that the event was applied, or not
 * at all. It may run several times for one event, so it must do nothing else; see {@link atLeastOnce} for what has to.
 */
export type EventHandler<T extends string = string, Data = unknown, C extends EventContext = EventContext> = (
  event: ConsumedEvent<T, Data>,
  context: C,
) => Effects | Promise<Effects>;

/** What a handler gets as data: what the schema of the type gives. */
export type DataOf<D extends EventDefinition> = SchemaOutput<D['schema']>;

/** Handlers by type. An event of a type without one is applied without an effect. */
export type EventHandlers<D extends EventDefinitions = EventDefinitions, C extends EventContext = EventContext> = {
  readonly [T in keyof D & string]?: EventHandler<T, DataOf<D[T]>, C>;
};

/**
 * A handler for effects outside DynamoDB: an API call, a mail. `effect` runs at least once: again when the process dies
 * after it has succeeded and before that is recorded, or when the record cannot be written. Give
 * `context.idempotencyKey` to the other system, which then tells a repetition from a new request; without such a
 * key on the other side the effect can happen twice.
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
