import type { EventCatalogue, EventDefinitions } from '../event/catalogue';
import { isByteCount } from '../event/catalogue';
import { keeps, RULES, type TextRule } from '../event/item-rules';
import { isRecord, refuseOption, requireOptions } from '../event/options';

/** How a service writes to its outbox. */
export interface OutboxOptions<D extends EventDefinitions = EventDefinitions> {
  /** Name or ARN of the outbox table, in the account and region of the client. */
  readonly tableName: string;
  /** Names the service in `ce_source`. */
  readonly service: string;
  /** Made by {@link defineEvents}. */
  readonly events: EventCatalogue<D>;
  /**
   * The region that writes, stored on each item. In a table with several regions, its relay publishes the item.
   *
   * @default the environment variable AWS_REGION
   */
  readonly region?: string;
  /**
   * `ce_source` of all events: a URI reference.
   *
   * @default `/<service>/<aggregate>`
   */
  readonly source?: string;
  /**
   * `max.message.bytes` of the topics, for types without their own.
   *
   * @default 1048588
   */
  readonly maxMessageBytes?: number;
  /**
   * Source of commit times, in epoch milliseconds.
   *
   * @default the machine's clock
   */
  readonly clock?: {
    /** Epoch milliseconds. */
    now(): number;
  };
}

/** The options with all defaults applied. */
export type OutboxSettings = Readonly<Required<Omit<OutboxOptions, 'source'>>> & Pick<OutboxOptions, 'source'>;

export const OUTBOX_DEFAULTS = {
  /** Kafka's own default, and that of Amazon MSK. */
  maxMessageBytes: 1_048_588,
  clock: { now: () => Date.now() },
} as const satisfies Partial<OutboxOptions>;

const OPTIONS = ['tableName', 'service', 'events', 'region', 'source', 'maxMessageBytes', 'clock'] as const;

const TABLE = /^([A-Za-z0-9_.-]{3,255}|arn:[^\s]{1,1020})$/;
const SERVICE = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

export function settingsOf(options: OutboxOptions): OutboxSettings {
  const given = requireOptions(options, OPTIONS);
  const text = (
    name: (typeof OPTIONS)[number],
    value: unknown,
    rule: Pick<TextRule, 'pattern' | 'except'>,
    allowed: string,
  ): string => (keeps(rule, value) ? value : refuseOption(name, value, allowed));

  const { events, maxMessageBytes = OUTBOX_DEFAULTS.maxMessageBytes, clock = OUTBOX_DEFAULTS.clock, source } = options;
  if (!isRecord(given['events']) || typeof given['events']['definitionOf'] !== 'function') {
    refuseOption('events', given['events'], 'a catalogue made by defineEvents');
  }
  if (!isByteCount(maxMessageBytes)) {
    refuseOption('maxMessageBytes', maxMessageBytes, 'a positive integer, the topics\' "max.message.bytes"');
  }
  if (!isRecord(clock) || typeof clock.now !== 'function') {
    refuseOption('clock', clock, 'an object with now(), which gives epoch milliseconds');
  }
  return {
    tableName: text(
      'tableName',
      options.tableName,
      { pattern: TABLE, except: undefined },
      'the name or ARN of a DynamoDB table',
    ),
    service: text(
      'service',
      options.service,
      { pattern: SERVICE, except: undefined },
      'letters, digits, ".", "_" or "-", such as "shop"',
    ),
    events,
    region: text(
      'region',
      options.region ?? process.env['AWS_REGION'],
      RULES.region,
      `${RULES.region.allowed}; without the option it is the environment variable AWS_REGION`,
    ),
    ...(source === undefined ? {} : { source: text('source', source, RULES.source, RULES.source.allowed) }),
    maxMessageBytes,
    clock,
  };
}
