import type { EventDefinitions, EventInput } from '../event/catalogue';
import { OutboxError } from '../event/errors';
import { keeps, RULES } from '../event/item-rules';
import { partitionKeyOf, type ChangedAggregate } from '../event/key';
import { isRecord, refuseOption, requireOptions } from '../event/options';
import { activeTraceContext, type TraceContext } from '../event/trace-context';
import type { TransactionAction } from '../event/transaction';
import { derivedUuidV8 } from '../event/uuid';
import { behind } from './committed-at';
import type { DecodedEvent } from './decode';

/** Where the events of handlers go: made by `createOutbox`, with the catalogue `E`. */
export interface EmittingOutbox<E extends EventDefinitions = EventDefinitions> {
  /** The entries of one key, as `Outbox.items` of the write helper makes them. */
  items(
    aggregate: ChangedAggregate,
    events: readonly EventInput<E>[],
    options?: EmitOptions,
  ): Promise<readonly TransactionAction[]>;
}

/** What the consumer says of the events that a handler emits. */
export interface EmitOptions {
  /** Epoch milliseconds. */
  readonly committedAt?: number;
  readonly traceContext?: TraceContext;
  readonly causationId?: string;
  readonly correlationId?: string;
}

/** What a handler can do with an outbox. */
export interface Emitting<E extends EventDefinitions = EventDefinitions> {
  /**
   * Has events published that follow from the consumed one: they are committed in one transaction with the effects and
   * the record that the event was applied. So consumed once is emitted once.
   *
   * It only collects. After the handler has returned, all events of one key become one outbox item, in the order of the
   * calls; it counts as one action of the handler. The events carry `ce_causationid`, `ce_correlationid` and the trace of
   * the consumed event, and ids that follow from its id.
   *
   * With a `version`, a second writer of that version is refused: the handler runs again and decides on fresh data.
   * Without one, the position is the clock's: let one consumer alone emit for such a key.
   *
   * @throws OutboxError `invalid-option` if the consumer has no `outbox`, `invalid-aggregate` or `invalid-key`;
   * `duplicate-change` for a second version of a key; `emitted-too-late` after the handler has returned or its time is
   * up. What else is wrong with the events fails the attempt, as if the handler had thrown it.
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
  /** The call that named the key first. */
  readonly call: number;
}

export interface EmissionOptions {
  readonly outbox: EmittingOutbox | undefined;
  readonly consumer: string;
  /** The event that causes the others. */
  readonly event: DecodedEvent;
  /** Epoch milliseconds by the clock of the consumer that applied the key last. */
  readonly appliedAt: number | undefined;
  readonly clock: { now(): number };
}

/** Collects the events that one run of a handler emits. */
export class Emission {
  readonly #options: EmissionOptions;
  readonly #changes = new Map<string, Change>();
  /** The span around the handler: it may belong to another batch. */
  readonly #around = activeTraceContext()?.traceparent;
  #calls = 0;
  #isClosed = false;

  constructor(options: EmissionOptions) {
    this.#options = options;
  }

  /** {@link Emitting.emit}, for a handler that takes it out of its context. */
  readonly emit = (aggregate: ChangedAggregate, events: readonly unknown[]): void => {
    const { outbox, event } = this.#options;
    if (outbox === undefined) {
      refuseOption('outbox', outbox, 'an outbox made by createOutbox, passed to createConsumer: emit() needs it');
    }
    if (this.#isClosed) {
      throw new OutboxError(
        'emitted-too-late',
        `The handler of "${event.type}" emits after it has returned, or after its time is up: these events are not published. Call emit() before, and await what it waits for.`,
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
    // One after the other: the first wrong event is the one reported, each time.
    for (const [pk, { aggregate, events, trace }] of this.#changes) {
      const committedAt = this.#committedAt();
      const named = events.map((event, index) => this.#withId(event, pk, index));
      entries.push(
        ...(await outbox.items(aggregate, named as readonly EventInput[], {
          ...(committedAt === undefined ? {} : { committedAt }),
          ...(trace === undefined ? {} : { traceContext: trace }),
          ...causeOf(this.#options.event),
        })),
      );
    }
    return entries;
  }

  /**
   * The same id each time the consumed event causes this one. If the inbox has lost that it was applied, as after a
   * restore, consumers take the repetition for one. The type is part of it: a handler that decides otherwise on other
   * data emits another event.
   */
  #withId(event: unknown, pk: string, index: number): unknown {
    if (!isRecord(event) || event['id'] !== undefined) return event;
    const { consumer, event: cause } = this.#options;
    const seed = [consumer, cause.source, cause.id, cause.replayId ?? '', pk, index, event['type']];
    return { ...event, id: derivedUuidV8(JSON.stringify(seed)) };
  }

  /**
   * Behind what was emitted when the key was applied last, although the clock of that consumer was ahead: the position
   * of a key without versions is a time. Left to the outbox's clock otherwise.
   */
  #committedAt(): number | undefined {
    const { appliedAt, clock } = this.#options;
    const now = clock.now();
    const at = behind(appliedAt, now);
    return at === now ? undefined : at;
  }

  /** A span that the handler has started tells more than the trace that its event came with. */
  #trace(): TraceContext | undefined {
    const active = activeTraceContext();
    const isOfHandler = active !== undefined && active.traceparent !== this.#around;
    return isOfHandler ? active : (consumedTrace(this.#options.event) ?? active);
  }
}

/** Other producers may put anything there; a text that is no trace context must not fail the handler. */
function consumedTrace({ traceparent, tracestate }: DecodedEvent): TraceContext | undefined {
  if (!keeps(RULES.traceparent, traceparent)) return undefined;
  return keeps(RULES.tracestate, tracestate) ? { traceparent, tracestate } : { traceparent };
}

/** An id may have any length; a longer one would fill the item of what it causes. */
const MAX_CAUSE_CHARACTERS = 1024;

const isCause = (id: string | undefined): id is string => keeps(RULES.eventId, id) && id.length <= MAX_CAUSE_CHARACTERS;

/** The attributes of CloudEvents' Correlation extension. Of what they cannot hold nothing is said. */
function causeOf({ id, correlationId }: DecodedEvent): Pick<EmitOptions, 'causationId' | 'correlationId'> {
  const correlation = [correlationId, id].find(isCause);
  return {
    ...(isCause(id) ? { causationId: id } : {}),
    ...(correlation === undefined ? {} : { correlationId: correlation }),
  };
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
