import type { EventCatalogue, EventDefinitions } from '../event/catalogue';
import { CONSUMER_NAME_PATTERN } from '../event/consumer-name';
import {
  anyValue,
  CATALOGUE,
  CLOCK,
  defaultsOf,
  documentClient,
  integer,
  oneOf,
  optional,
  readOptions,
  required,
  TABLE_NAME_OR_ARN,
  text,
  type OptionTable,
  type Resolved,
} from '../event/option-rules';
import { isRecord, refuseOption } from '../event/options';
import type { ConsumerClient } from './client';
import { MAX_HANDLER_ACTIONS } from './commit-outcome';
import type { EmittingOutbox } from './emit';
import type { EventHandlers, HandlerContext } from './handler';
import type { ConsumerClock, ConsumerTelemetry } from './ports';
import { consoleTelemetry, harmless } from './telemetry';
import type { RetryBackoff } from '../timing/backoff';

/** How a consumer applies events of the catalogue `D`, and with an `outbox` emits events of the catalogue `E`. */
export interface ConsumerOptions<D extends EventDefinitions = EventDefinitions, E extends EventDefinitions = never> {
  /** The consumer's permanent name: of its Kafka group, its inbox, and its dead-letter topics `<topic>.<name>.dlt`. */
  readonly name: string;
  /**
   * The consumer's own table, or one that several share, with the string keys `pk` and `sk` and TTL on `expiresAt`. In
   * the account and region of the tables that handlers write to.
   */
  readonly tableName: string;
  /** A `DynamoDBDocument` of `@aws-sdk/lib-dynamodb`. */
  readonly client: ConsumerClient;
  /** Made by {@link defineEvents}: the events on the topics, with their schemas. */
  readonly events: EventCatalogue<D>;
  readonly handlers: EventHandlers<D, HandlerContext<E>>;
  /**
   * The outbox for events that handlers emit: made by `createOutbox`, on a table in the account and region of the
   * client. Handlers then have `emit` in their context ({@link EmittingContext}).
   *
   * @default none: handlers emit nothing
   */
  readonly outbox?: [E] extends [never] ? undefined : EmittingOutbox<E>;
  /**
   * The reaction to a handler that failed `attempts` times. `park-key`: the event and the later ones of its key wait in
   * the table until {@link Consumer.redriveParked}. `dead-letter`: the event goes to the dead-letter topic, and the
   * later ones are applied without it. `block`: the event is retried forever; its key and the partition's offset wait.
   *
   * @default 'park-key'
   */
  readonly onFailure?: 'park-key' | 'dead-letter' | 'block';
  /**
   * The reaction to an event that a newer version of this consumer could read: its version is newer than the
   * catalogue's, no upcaster leads from its version, an upcaster failed, or the schema refuses its data. The values are
   * as in `onFailure`: a redrive after the deployment applies parked events in order, see `maxUnreadableKeys`.
   *
   * @default 'park-key'
   */
  readonly onUnreadable?: 'park-key' | 'block' | 'dead-letter';
  /**
   * How many keys may be parked within five minutes because this version cannot read their events, over all instances.
   * More such keys mean one wrong deployment: no more are parked, and their messages wait in Kafka.
   *
   * @default 100
   */
  readonly maxUnreadableKeys?: number;
  /**
   * The reaction to a first delivery after a later event of its key was applied, or below the newest 16 of its key if
   * it cannot be an old duplicate. If clock skew could explain such an event, it is dead-lettered as `lost-identity`.
   *
   * @default 'apply'
   */
  readonly onLate?: 'apply' | 'dead-letter';
  /** The reaction to a message of a replay. `apply`: its effect happens once more for each replay. @default 'ignore' */
  readonly onReplay?: 'ignore' | 'apply';
  /** The reaction to a type that is not in the catalogue. @default 'dead-letter' */
  readonly onUnknownType?: 'dead-letter' | 'skip';
  /**
   * The reaction to missing events between the newest known one of a key and the received one. It assumes dense
   * versions. Events that the same process has applied from another topic are not missing; others that went to another
   * topic are reported as `gap.otherTopics` says. `block`: the key waits up to `gapTimeoutMs`.
   *
   * @default 'report'
   */
  readonly onGap?: 'report' | 'ignore' | 'block';
  /** How long `onGap: 'block'` waits for missing events. @default 60000 */
  readonly gapTimeoutMs?: number;
  /** How often a handler may fail on one event. Failures while DynamoDB is unavailable do not count. @default 5 */
  readonly attempts?: number;
  /**
   * The time limit of a handler. After that it has failed: its signal is aborted and a later result is dropped. On
   * Lambda, it must be shorter than the function's timeout.
   *
   * @default 30000
   */
  readonly handlerTimeoutMs?: number;
  /**
   * The pause after a failed attempt: it doubles, and half of it is random.
   *
   * @default { initialDelayMs: 100, maxDelayMs: 30000 }
   */
  readonly retry?: RetryBackoff;
  /** How many keys of a partition are processed at the same time. @default 16 */
  readonly concurrency?: number;
  /** How many events of several keys share a transaction, at most, if they are ready at the same time. @default 25 */
  readonly eventsPerTransaction?: number;
  /**
   * How many events of one key may share a transaction. With more than 1, the handler of the second runs before the
   * effect of the first is committed and does not see it: allow it only for handlers that read nothing that they write.
   *
   * @default 1
   */
  readonly eventsOfKeyPerTransaction?: number;
  /** How many transactions are in flight at the same time. @default 8 */
  readonly transactions?: number;
  /**
   * How long the inbox remembers that an event without a version was applied. An older one is dead-lettered, because
   * the inbox can no longer know. Must be at least as long as the topics keep messages.
   *
   * @default 604800000 (7 days)
   */
  readonly markerRetentionMs?: number;
  /**
   * How often each instance polls for requests of operators, with a Query of half a read unit. 0: never.
   *
   * @default 10000
   */
  readonly redriveIntervalMs?: number;
  /**
   * Whether an error of a handler means that a service is unavailable: the key then waits, and the attempt does not
   * count. `false`: the attempt counts. `undefined`: the default decides.
   *
   * @default throttling, server errors (5xx) and networks are; a missing table, a permission or a quota is not
   */
  readonly isOutage?: (error: unknown) => boolean | undefined;
  /**
   * The time limit of a call to DynamoDB, and of the send of a dead letter. A call that exceeds it is aborted and
   * retried. The AWS SDK's own retries count towards the limit.
   *
   * @default 10000
   */
  readonly callTimeoutMs?: number;
  /** Made by {@link consumerTelemetry}, or your own. @default warnings and errors are logged to stderr */
  readonly telemetry?: ConsumerTelemetry;
  /** @default the machine's clock */
  readonly clock?: ConsumerClock;
}

const DAY_MS = 24 * 3600_000;

const OPTIONS = {
  name: required(
    text({ pattern: CONSUMER_NAME_PATTERN, allowed: '1 to 100 letters, digits, ".", "_" or "-", such as "shipping"' }),
  ),
  tableName: required(TABLE_NAME_OR_ARN),
  client: required(documentClient('transactWrite', 'get', 'query')),
  events: required(CATALOGUE),
  handlers: required(optional(isRecord, 'an object with a function per type of event')),
  outbox: optional(
    (given) => isRecord(given) && typeof given['items'] === 'function',
    'an outbox made by createOutbox, or left out',
  ),
  onFailure: oneOf(['park-key', 'dead-letter', 'block'], { default: 'park-key' }),
  onUnreadable: oneOf(['park-key', 'block', 'dead-letter'], { default: 'park-key' }),
  maxUnreadableKeys: integer({ min: 1, max: 1_000_000, default: 100 }),
  onLate: oneOf(['apply', 'dead-letter'], { default: 'apply' }),
  onReplay: oneOf(['ignore', 'apply'], { default: 'ignore' }),
  onUnknownType: oneOf(['dead-letter', 'skip'], { default: 'dead-letter' }),
  onGap: oneOf(['report', 'ignore', 'block'], { default: 'report' }),
  gapTimeoutMs: integer({ min: 1, max: DAY_MS, default: 60_000 }),
  attempts: integer({ min: 1, max: 1_000_000, default: 5 }),
  handlerTimeoutMs: integer({ min: 1, max: DAY_MS, default: 30_000 }),
  retry: anyValue<RetryBackoff>({ initialDelayMs: 100, maxDelayMs: 30_000 }),
  concurrency: integer({ min: 1, max: 10_000, default: 16 }),
  eventsPerTransaction: integer({ min: 1, max: MAX_HANDLER_ACTIONS, default: 25 }),
  eventsOfKeyPerTransaction: integer({ min: 1, max: 16, default: 1 }),
  transactions: integer({ min: 1, max: 1_000, default: 8 }),
  markerRetentionMs: integer({ min: 1, max: 3_650 * DAY_MS, default: 7 * DAY_MS }),
  callTimeoutMs: integer({ min: 1, max: 3600_000, default: 10_000 }),
  // 0 stands for never.
  redriveIntervalMs: integer({ max: DAY_MS, default: 10_000 }),
  isOutage: {
    default: () => undefined,
    allows: (given: unknown) => typeof given === 'function',
    allowed: 'a function from an error to true, false or undefined',
  },
  telemetry: anyValue(),
  clock: { ...CLOCK, default: { now: () => Date.now() } },
} satisfies OptionTable<AnyOptions>;

export const CONSUMER_DEFAULTS = defaultsOf(OPTIONS);

/** Options of any catalogues. */
type AnyOptions = ConsumerOptions<EventDefinitions, EventDefinitions>;

export type ConsumerSettings = Resolved<AnyOptions, typeof OPTIONS> & Required<Pick<AnyOptions, 'telemetry'>>;

export function consumerSettings(options: AnyOptions): ConsumerSettings {
  const settings = readOptions(options, OPTIONS);
  const { name, handlers, events, onGap, onUnknownType, retry, telemetry = consoleTelemetry(name) } = settings;
  for (const [type, handler] of Object.entries<unknown>(handlers)) {
    events.definitionOf(type);
    if (typeof handler !== 'function') refuseOption(`handlers[${JSON.stringify(type)}]`, handler, 'a function');
  }
  if (onGap === 'block' && onUnknownType === 'skip') {
    refuseOption('onGap', onGap, '"report" or "ignore" with onUnknownType "skip": each skipped event is a gap');
  }
  const { initialDelayMs, maxDelayMs } = readOptions(retry, RETRY_OPTIONS, 'retry');
  if (maxDelayMs < initialDelayMs) {
    refuseOption('retry.maxDelayMs', maxDelayMs, 'at least "retry.initialDelayMs"');
  }
  return { ...settings, telemetry: harmless(telemetry) };
}

const DELAY_MS = required(integer({ min: 1, max: DAY_MS }));

const RETRY_OPTIONS = { initialDelayMs: DELAY_MS, maxDelayMs: DELAY_MS } satisfies OptionTable<RetryBackoff>;
