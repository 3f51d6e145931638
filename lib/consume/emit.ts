import type { EventDefinitions, EventInput } from '../event/catalogue';
import { OutboxError } from '../event/errors';
import { keeps, RULES } from '../event/item-rules';
import { partitionKeyOf, type ChangedAggregate } from '../event/key';
import { isRecord, refuseOption, requireOptions, withoutUndefined } from '../event/options';
import { activeTraceContext, type TraceContext } from '../event/trace-context';
import type { TransactionAction } from '../dynamodb/transaction';
import { derivedUuidV8 } from '../event/uuid';
import { timeAfter } from './committed-at';
import type { DecodedEvent } from './decode';

/** The outbox for events of handlers, made by `createOutbox` with the catalogue `E`. */
export interface EmittingOutbox<E extends EventDefinitions = EventDefinitions> {
  /** The entries of one key, as `Outbox.items` of the write helper makes them. */
  items(
    aggregate: ChangedAggregate,
    events: readonly EventInput<E>[],
    options?: EmitOptions,
  ): Promise<readonly TransactionAction[]>;
}

/** The attributes that the consumer gives to emitted events. */
export interface EmitOptions {
  /** Epoch milliseconds. */
  readonly committedAt?: number;
  readonly traceContext?: TraceContext;
  readonly causationId?: string;
  readonly correlationId?: string;
}

/** The functions of a handler's context that need an outbox. */
export interface EmittingContext<E extends EventDefinitions = EventDefinitions> {
  /**
   * Emits events that follow from the consumed one. They are committed in one transaction with the effects and the
   * record that the event was applied, so an event that is applied once emits once.
   *
   * After the handler has returned, all events of one key become one outbox item, in the order of the calls; the item
   * counts as one action of the handler. The events carry `ce_causationid`, `ce_correlationid` and the trace of the
   * consumed event, and ids that derive from its id.
   *
   * If a second writer uses the same `version`, it is refused: the handler runs again and decides on fresh data.
   * Without a version, the position comes from the clock: let only one consumer emit for such a key.
   *
   * @throws OutboxError `invalid-option` if the consumer has no `outbox`, `invalid-aggregate` or `invalid-key`;
   * `duplicate-change` for a second version of a key; `emitted-too-late` after the handler has returned or its time is
   * up. Any other mistake in the events fails the attempt, as if the handler had thrown it.
   * @example
   * ```ts
   * handlers: {
   *   'order.placed': ({ data }, { key, emit }) => {
   *     emit({ aggregate: 'shipment', key, version: 1 }, [{ type: 'shipment.requested', data: { orderId: key } }]);
   *     return [{ Put: { TableName: 'shipments', Item: { id: key, total: data.total } } }];
   *   },
   * }
   * ```
   */
  readonly emit: (aggregate: ChangedAggregate, events: readonly EventInput<E>[]) => void;
}

interface Change {
  readonly aggregate: ChangedAggregate;
  readonly events: unknown[];
  readonly trace: TraceContext | undefined;
  /** Index of the first call for the key. */
  readonly call: number;
}

export interface EmissionOptions {
  readonly outbox: EmittingOutbox | undefined;
  readonly consumer: string;
  /** The event that causes the others. */
  readonly event: DecodedEvent;
  /** Epoch milliseconds by the clock of the consumer that applied the key last. */
  readonly appliedAt: number | undefined;
  /** The span that was active before the attempt: it may belong to another batch, such as that of an invocation. */
  readonly around: string | undefined;
  readonly clock: { now(): number };
}

/** Collects the events that one run of a handler emits. */
export class Emission {
  readonly #options: EmissionOptions;
  readonly #changes = new Map<string, Change>();
  #calls = 0;
  #isClosed = false;

  constructor(options: EmissionOptions) {
    this.#options = options;
  }

  /** {@link EmittingContext.emit}, bound, so that a handler may take it out of its context. */
  readonly emit = (aggregate: ChangedAggregate, events: readonly unknown[]): void => {
    const { outbox, event } = this.#options;
    if (outbox === undefined) {
      refuseOption('outbox', outbox, 'an outbox made by createOutbox, passed to createConsumer: emit() needs it');
    }
    if (this.#isClosed) {
      throw new OutboxError(
        'emitted-too-late',
        `The handler of "${event.type}" called emit() after it had returned, or after its time was up: these events are not published. Await everything before the handler returns.`,
        { type: event.type },
      );
    }
    requireOptions(aggregate, ['aggregate', 'key', 'version'], 'aggregate');
    const given: unknown = events;
    if (!Array.isArray(given)) refuseOption('events', given, 'an array of events');
    const pk = partitionKeyOf(aggregate);
    const call = this.#calls++;
    const known = this.#changes.get(pk);
    if (known === undefined) {
      this.#changes.set(pk, { aggregate: { ...aggregate }, events: [...events], trace: this.#trace(), call });
    } else if (known.aggregate.version === aggregate.version) {
      for (const each of events) known.events.push(each);
    } else {
      refuseSecondItem(aggregate, [known.call, call], 'Calls of emit()');
    }
  };

  /** Refuses further calls: the handler has returned, or its time is up. */
  close(): void {
    this.#isClosed = true;
  }

  /** One entry for each key, in the order of the first calls. */
  async entries(): Promise<readonly TransactionAction[]> {
    const { outbox } = this.#options;
    if (outbox === undefined) return [];
    const entries: TransactionAction[] = [];
    // In sequence, so that the reported error is always that of the first invalid event.
    for (const [pk, { aggregate, events, trace }] of this.#changes) {
      const named = events.map((event, index) => this.#withId(event, pk, index)) as readonly EventInput[];
      const times = { committedAt: this.#committedAt(), traceContext: trace };
      const options = withoutUndefined({ ...times, ...causeOf(this.#options.event) });
      entries.push(...(await outbox.items(aggregate, named, options)));
    }
    return entries;
  }

  /**
   * Adds an id that is the same each time the consumed event causes this one: after a restore of the inbox, consumers
   * recognise the duplicate. The type is part of the seed, because a handler may decide differently on other data.
   */
  #withId(event: unknown, pk: string, index: number): unknown {
    if (!isRecord(event) || event['id'] !== undefined) return event;
    const { consumer, event: cause } = this.#options;
    const seed = [consumer, cause.source, cause.id, cause.replayId ?? '', pk, index, event['type']];
    return { ...event, id: derivedUuidV8(JSON.stringify(seed)) };
  }

  /** A time after the last effect of the key: a position without versions is a time. `undefined`: the outbox's clock. */
  #committedAt(): number | undefined {
    const { appliedAt, clock } = this.#options;
    const now = clock.now();
    const at = timeAfter(appliedAt, now);
    return at === now ? undefined : at;
  }

  /** A span of this attempt, or one that the handler has started, is more specific than the trace of its event. */
  #trace(): TraceContext | undefined {
    const { around, event } = this.#options;
    const active = activeTraceContext();
    const isOfAttempt = active !== undefined && active.traceparent !== around;
    return isOfAttempt ? active : (consumedTrace(event) ?? active);
  }
}

/** Other producers may send any text, and an invalid trace context must not fail the handler. */
function consumedTrace({ traceparent, tracestate }: DecodedEvent): TraceContext | undefined {
  if (!keeps(RULES.traceparent, traceparent)) return undefined;
  return keeps(RULES.tracestate, tracestate) ? { traceparent, tracestate } : { traceparent };
}

/** An id may have any length. A longer one would fill the item of the emitted event. */
const MAX_CAUSE_CHARACTERS = 1024;

const isCause = (id: string | undefined): id is string => keeps(RULES.eventId, id) && id.length <= MAX_CAUSE_CHARACTERS;

/** The attributes of CloudEvents' Correlation extension. Ids that they cannot hold are left out. */
function causeOf({ id, correlationId }: DecodedEvent): Pick<EmitOptions, 'causationId' | 'correlationId'> {
  return { causationId: isCause(id) ? id : undefined, correlationId: [correlationId, id].find(isCause) };
}

export function refuseSecondItem(
  { aggregate, key }: ChangedAggregate,
  indexes: readonly [number, number],
  what: string,
): never {
  throw new OutboxError(
    'duplicate-change',
    `${what} ${indexes.join(' and ')} make two outbox items of one key, "${key}" of aggregate "${aggregate}". DynamoDB's streams keep no order between items of a transaction: emit all events of a key with one version, and return none of them as entries.`,
    { aggregate, key, indexes },
  );
}
