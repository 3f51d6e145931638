import { epochMsOfUuidV7 } from '../event/uuid';
import { type EventDefinitions, type EventInput, type EventOverrides, writtenType } from '../event/catalogue';
import { OutboxError } from '../event/errors';
import { DEFAULT_CONTENT_TYPE, isoTime, type OutboxEvent, type OutboxItem } from '../event/item';
import { LIMITS, isReservedHeader, keeps, RULES } from '../event/item-rules';
import { partitionKeyOf, type AggregateKey, type ChangedAggregate } from '../event/key';
import { messagesOf } from '../event/message';
import { isRecord, isPlainObject, shown } from '../event/options';
import { positionOfVersion } from '../event/position';
import { type Commit, commitTimeProblem } from './commit';
import { consistencyToken, type ConsistencyToken } from '../event/consistency-token';
import { encodeCheapest } from '../dynamodb/cheapest-item';
import { eventData } from './event-data';
import { checkItemSize, checkMessageSize, markBytes } from './limits';
import type { OutboxSettings } from './settings';
import type { OutboxAction } from '../dynamodb/transaction';

/** All events of one key in a transaction, in their order. */
export interface Change<D extends EventDefinitions = EventDefinitions> extends ChangedAggregate {
  readonly events: readonly EventInput<D>[];
}

/** A change of any catalogue. The types of its data are checked where the caller passes it. */
export interface UntypedChange extends ChangedAggregate {
  readonly events: readonly UntypedEvent[];
}

type UntypedEvent = EventOverrides & { readonly type: string; readonly data?: unknown };

export interface PreparedChange {
  readonly item: OutboxItem;
  readonly action: OutboxAction;
  readonly token: ConsistencyToken;
}

/** The origin of events, which all items of a transaction share. */
export type ItemContext = Pick<OutboxItem, 'traceparent' | 'tracestate' | 'causationId' | 'correlationId'>;

const EVENT_FIELDS: readonly string[] = ['type', 'data', 'topic', 'headers', 'time', 'id'];

export async function prepareChange(
  settings: OutboxSettings,
  { aggregate, key, version, events }: UntypedChange,
  commit: Commit,
  context: ItemContext,
): Promise<PreparedChange> {
  const pk = partitionKeyOf({ aggregate, key });
  checkEventCount({ aggregate, key }, events);
  // The first id is also the position of a key without versions. A repeated request must have the same position.
  const firstId = commit.idOf(pk, 0);
  const sk = version === undefined ? firstId : positionOfVersion(version);
  const written: OutboxEvent[] = [];
  for (const [index, event] of events.entries()) {
    written.push(await prepareEvent(settings, event, index, index === 0 ? firstId : commit.idOf(pk, index), commit));
  }
  const item: OutboxItem = {
    aggregate,
    key,
    pk,
    sk,
    id: written[0]?.id ?? firstId,
    events: written,
    source: settings.source ?? `/${settings.service}/${aggregate}`,
    region: settings.region,
    committedAt: commit.at,
    ...context,
  };
  const messages = messagesOf(item);
  messages.forEach((message, index) => {
    const type = events[index]?.type ?? '';
    const max = settings.events.definitionOf(type).maxMessageBytes ?? settings.maxMessageBytes;
    checkMessageSize(type, message, max);
  });
  const encoded = encodeCheapest(item, settings.compressDataAbove);
  checkItemSize(pk, encoded, markBytes(written));
  return { item, action: actionOf(settings.tableName, encoded), token: consistencyToken(item, messages) };
}

function checkEventCount({ aggregate, key }: AggregateKey, events: readonly unknown[]): void {
  if (!Array.isArray(events) || events.length === 0) {
    throw new OutboxError(
      'no-events',
      `There is no event for key "${key}" of aggregate "${aggregate}". Leave out a change that causes none.`,
      { aggregate, key },
    );
  }
  if (events.length > LIMITS.events) {
    throw new OutboxError(
      'too-many-events',
      `There are ${events.length} events for key "${key}" of aggregate "${aggregate}"; at most ${LIMITS.events} fit one transaction.`,
      { got: events.length, max: LIMITS.events },
    );
  }
}

async function prepareEvent(
  settings: OutboxSettings,
  event: UntypedEvent,
  index: number,
  defaultId: string,
  { at, now }: Commit,
): Promise<OutboxEvent> {
  checkFields(event, index);
  const definition = settings.events.definitionOf(event.type);
  const data = await eventData(event.type, definition, event.data);
  return {
    id: event.id === undefined ? defaultId : eventIdOf(index, event.id, now),
    type: writtenType(event.type, definition.version),
    topic: event.topic === undefined ? definition.topic : topicOf(index, event.topic),
    time: event.time === undefined ? isoTime(at) : eventTimeOf(index, event.time),
    contentType: definition.contentType ?? DEFAULT_CONTENT_TYPE,
    ...(definition.dataSchema === undefined ? {} : { dataSchema: definition.dataSchema }),
    ...(data === undefined ? {} : { data }),
    ...(event.headers === undefined ? {} : { headers: headersOf(index, event.headers) }),
  };
}

function checkFields(event: unknown, index: number): void {
  if (!isRecord(event)) return refuseField(index, 'event', event, `an object with ${EVENT_FIELDS.join(', ')}`);
  for (const field of Object.keys(event)) {
    if (!EVENT_FIELDS.includes(field)) {
      refuseField(index, field, event[field], `left out, because only ${EVENT_FIELDS.join(', ')} exist`);
    }
  }
}

const actionOf = (tableName: string, encoded: Record<string, unknown>): OutboxAction => ({
  Put: {
    TableName: tableName,
    Item: encoded,
    // Neither a second writer of the version nor a late retry may replace an item that the relay may have published.
    ConditionExpression: 'attribute_not_exists(pk)',
    // The stored id shows whether the item comes from an earlier attempt or from another writer.
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  },
});

/** Refuses a field of the event at `index` of its change. */
export function refuseField(index: number, field: string, got: unknown, allowed: string): never {
  throw new OutboxError('invalid-event', `Event ${index} has "${field}" ${shown(got)}; it must be ${allowed}.`, {
    index,
    field,
    got,
    allowed,
  });
}

export const topicOf = (index: number, topic: unknown): string =>
  keeps(RULES.topic, topic) ? topic : refuseField(index, 'topic', topic, RULES.topic.allowed);

/** @param now - the writer's clock: consumers take the time in a UUIDv7 as the time of the write */
export function eventIdOf(index: number, id: unknown, now: number): string {
  if (!keeps(RULES.eventId, id)) return refuseField(index, 'id', id, RULES.eventId.allowed);
  const ms = epochMsOfUuidV7(id);
  const problem = ms === undefined ? undefined : commitTimeProblem(ms, now);
  return problem === undefined ? id : refuseField(index, 'id', id, `a UUIDv7 whose time is ${problem}`);
}

export function eventTimeOf(index: number, time: unknown): string {
  const text = time instanceof Date && !Number.isNaN(time.getTime()) ? isoTime(time.getTime()) : time;
  return keeps(RULES.time, text) ? text : refuseField(index, 'time', time, `a valid Date or ${RULES.time.allowed}`);
}

export function headersOf(index: number, headers: unknown): Readonly<Record<string, string>> {
  // Neither entries of a Map nor properties named by symbols would be sent.
  if (!isPlainObject(headers) || Object.getOwnPropertySymbols(headers).length > 0) {
    const allowed = 'a plain object of texts by name; convert a Map or Headers by Object.fromEntries()';
    return refuseField(index, 'headers', headers, allowed);
  }
  for (const [name, value] of Object.entries(headers)) {
    if (isReservedHeader(name)) {
      refuseField(index, `headers.${name}`, value, 'left out, because the relay writes it itself');
    }
    if (!keeps(RULES.headerName, name)) {
      refuseField(index, `headers[${JSON.stringify(name)}]`, value, `named by ${RULES.headerName.allowed}`);
    }
    if (typeof value !== 'string' || !value.isWellFormed()) {
      refuseField(index, `headers.${name}`, value, 'a well-formed text');
    }
  }
  return { ...headers } as Record<string, string>;
}
