import type { EventCatalogue, EventDefinitions } from '../event/catalogue';
import { LIMITS, RULES } from '../event/item-rules';
import {
  CATALOGUE,
  CLOCK,
  integer,
  MESSAGE_BYTES,
  readOptions,
  required,
  TABLE_NAME_OR_ARN,
  text,
  type OptionTable,
  type Resolved,
} from '../event/option-rules';

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
  /** `ce_source` of all events: a URI reference. @default `/<service>/<aggregate>` */
  readonly source?: string;
  /** `max.message.bytes` of the topics, for types without their own. @default 1048588 */
  readonly maxMessageBytes?: number;
  /**
   * Store data of more than this many bytes compressed (gzip), if that saves at least one write unit of the item. The
   * relay decompresses it: messages and consumers do not change. Turn it on only when every relay and every writer of
   * the table has a version that reads it; an earlier relay parks such an item as `undecodable-item`.
   *
   * @default data is never compressed
   */
  readonly compressDataAbove?: number;
  /** Source of commit times, in epoch milliseconds. @default the machine's clock */
  readonly clock?: {
    /** Epoch milliseconds. */
    now(): number;
  };
}

const OPTIONS = {
  tableName: required(TABLE_NAME_OR_ARN),
  service: required(
    text({ pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/, allowed: 'letters, digits, ".", "_" or "-", such as "shop"' }),
  ),
  events: required(CATALOGUE),
  region: required({
    ...text(RULES.region),
    allowed: `${RULES.region.allowed}; without the option it is the environment variable AWS_REGION`,
  }),
  source: text(RULES.source),
  // Kafka's own default, and that of Amazon MSK.
  maxMessageBytes: { ...MESSAGE_BYTES, default: 1_048_588 },
  compressDataAbove: integer({ min: 0, max: LIMITS.gunzippedBytes }),
  clock: { ...CLOCK, default: { now: () => Date.now() } },
} satisfies OptionTable<OutboxOptions>;

export type OutboxSettings = Resolved<OutboxOptions, typeof OPTIONS> & Required<Pick<OutboxOptions, 'region'>>;

export function settingsOf(options: OutboxOptions): OutboxSettings {
  const region = { ...OPTIONS.region, default: process.env['AWS_REGION'] };
  return readOptions(options as OutboxSettings, { ...OPTIONS, region });
}
