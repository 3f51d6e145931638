import type { ConsumedRecord } from '../consume/record';
import type { EventCatalogue, EventDefinitions, EventOverrides } from '../event/catalogue';
import { OutboxError } from '../event/errors';
import { refuseOption, requireOptions } from '../event/options';
import { messagesOf } from '../event/message';
import type { SchemaInput } from '../event/standard-schema';
import { prepareChange } from '../write/change';
import { commitOf } from '../write/commit';
import { settingsOf } from '../write/settings';
import { asConsumed } from './memory-kafka';

/** The origin of the messages. */
export interface EventFactoryOptions {
  /** @default 'test' */
  readonly service?: string;
  /** `ce_source` of all events. @default `/<service>/<aggregate>` */
  readonly source?: string;
}

/** One event of type `T`, alone in its transaction. */
export interface FactoryEvent<D extends EventDefinitions, T extends keyof D & string> extends EventOverrides {
  readonly key: string;
  readonly data: SchemaInput<D[T]['schema']>;
  /** The aggregate's version. Leave it out for a key without versions. */
  readonly version?: number;
  /** The kind of the aggregate. @default the type up to its first dot */
  readonly aggregate?: string;
  /** The id of the event that caused it. */
  readonly causationId?: string;
  /** Groups the events of one business flow. */
  readonly correlationId?: string;
  /** @default now */
  readonly committedAt?: Date | number;
  /** The partition of the message. @default 0 */
  readonly partition?: number;
  /** @default 0 */
  readonly offset?: number;
}

/** Creates messages of the catalogue `D`. */
export type EventFactory<D extends EventDefinitions> = <T extends keyof D & string>(
  type: T,
  event: FactoryEvent<D, T>,
) => Promise<ConsumedRecord>;

const OPTIONS = ['service', 'source'];
const EVENT_OPTIONS = [
  ...['key', 'data', 'version', 'aggregate', 'causationId', 'correlationId', 'committedAt', 'partition', 'offset'],
  ...['topic', 'headers', 'time', 'id'],
];

/**
 * Creates messages as a consumer reads them: the same bytes that the write helper and the relay put on the topic. Use
 * it to test code that reads messages without `createConsumer`, such as with `readEvent`, and for messages of another
 * service's catalogue.
 *
 * @throws OutboxError as the write helper does, such as `unknown-event-type` or `invalid-event-data`.
 * @example
 * ```ts
 * const anEvent = eventFactory(events, { service: 'shop' });
 * const record = await anEvent('order.placed', { key: '42', version: 1, data: { total: 5 } });
 * ```
 */
export function eventFactory<D extends EventDefinitions>(
  events: EventCatalogue<D>,
  options: EventFactoryOptions = {},
): EventFactory<D> {
  requireOptions(options, OPTIONS);
  const { service = 'test', source } = options;
  const settings = settingsOf({
    tableName: 'outbox',
    region: 'in-memory',
    events,
    service,
    ...(source === undefined ? {} : { source }),
  });
  return async (type, event) => {
    requireOptions(event, EVENT_OPTIONS, 'event');
    const { key, version, aggregate = type.replace(/\..*$/s, ''), committedAt, partition = 0, offset = 0 } = event;
    const { topic, headers, time, id, data, causationId, correlationId } = event;
    const commit = commitOf({ committedAt }, () => settings.clock.now());
    const change = { aggregate, key, version, events: [{ type, data, topic, headers, time, id }] };
    const { item } = await prepareChange(settings, change, commit, { causationId, correlationId });
    const [message] = messagesOf(item);
    if (message === undefined) throw new OutboxError('no-events', 'The item has no event.', { aggregate, key });
    if (!Number.isSafeInteger(offset) || offset < 0) refuseOption('event.offset', offset, 'an integer, at least 0');
    return { ...asConsumed(message), partition, offset: BigInt(offset), timestamp: commit.at };
  };
}
