import type { EventDefinitions, EventInput, EventOverrides } from '../event/catalogue';
import { OutboxError } from '../event/errors';
import { writtenType } from '../event/event-version';
import { DEFAULT_CONTENT_TYPE, encodeItem, isoTime, type OutboxEvent, type OutboxItem } from '../event/item';
import { LIMITS } from '../event/item-rules';
import { partitionKeyOf, type AggregateKey, type ChangedAggregate } from '../event/key';
import { messagesOf } from '../event/message';
import { isRecord } from '../event/options';
import { positionOfVersion } from '../event/position';
import type { Commit } from './commit';
import { consistencyToken, type ConsistencyToken } from '../event/consistency-token';
import { eventData } from './event-data';
import { eventIdOf, eventTimeOf, headersOf, refuseField, topicOf } from './event-fields';
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

/** A change as it will be written. */
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
  const encoded = encodeItem(item);
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
