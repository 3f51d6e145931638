import type { ConsistencyToken } from '../event/consistency-token';
import type { EventDefinitions } from '../event/catalogue';
import { AppliedReader, type ConsumerLag } from './applied';
import { dynamodbInbox, dynamodbInboxActions, dynamodbUnreadableCount, dynamodbTransactions } from './dynamodb/inbox';
import { TABLE_BACKOFF, type WhenBlocked } from './delays';
import { timeLimited } from './client';
import { serviceFailureOf } from './service-error';
import { dynamodbRequests } from './dynamodb/requests';
import { CircuitBreaker } from './circuit-breaker';
import { GroupCommit } from './group-commit';
import { OperatorRequests } from './operator-requests';
import type { ConsumerTelemetry, DeadLetters } from './ports';
import type { InboxKey } from './inbox-keys';
import { InboxView } from './inbox-view';
import { InboxWriter } from './inbox-writer';
import type { ProcessorPorts } from './in-flight';
import { Processor } from './processor';
import { redriveKey, type RedriveResult } from './redrive';
import { channelTracer, reportedTelemetry } from './telemetry-channels';
import { UnreadableLimit } from './unreadable-limit';
import { consumerSettings, type ConsumerOptions, type ConsumerSettings } from './settings';

/** Applies events once. Made by {@link createConsumer}; run by `runConsumer` or `handleKafkaEvent`. */
export interface Consumer {
  readonly name: string;

  /**
   * Whether the consumer has applied the write that the token names: as a rule one strongly consistent read per topic.
   *
   * For a key with versions it is `true` only if that very event is among the newest 16 that were applied.
   * Dead-lettered, discarded and parked events were not applied, nor those of a type that `onUnknownType: 'skip'`
   * skips. For a key without versions, an event that an operator discarded counts as applied.
   *
   * @param topics - the token's topics that the consumer reads, if it does not read all of them
   */
  isApplied(token: ConsistencyToken, topics?: readonly string[]): Promise<boolean>;

  /**
   * Resolves when the consumer has applied the write that the token names.
   *
   * @throws OutboxError `not-applied-in-time` after `timeoutMs`; `no-longer-known` if the consumer has applied more
   * than 16 later events of the key.
   * @example
   * ```ts
   * const { tokens } = await outbox.transact(client, transaction);
   * for (const token of tokens) await shipping.waitUntilApplied(token, { timeoutMs: 2_000 });
   * ```
   */
  waitUntilApplied(
    token: ConsistencyToken,
    options: { timeoutMs: number; topics?: readonly string[]; signal?: AbortSignal },
  ): Promise<void>;

  /** The progress of the consumer on the token's key, for each of its topics. */
  lag(token: ConsistencyToken, topics?: readonly string[]): Promise<ConsumerLag[]>;

  /** The keys that have parked events. */
  parkedKeys(): AsyncIterable<InboxKey>;

  /**
   * Applies the parked events of a key in their order, and then unparks the key. If an event fails again, it and the
   * later ones stay parked. May run next to the consumer, and several times at once. See `outbox consumer redrive`.
   */
  redriveParked(key: InboxKey): Promise<RedriveResult>;

  /** @internal */
  readonly settings: ConsumerSettings;
  /** @internal */
  processor(deadLetters: DeadLetters, whenBlocked?: WhenBlocked, telemetry?: ConsumerTelemetry): Processor;
  /** @internal */
  readonly requests: OperatorRequests;
  /** @internal */
  readonly circuitBreaker: CircuitBreaker;
  /** @internal Aborts every call to DynamoDB that is in flight. */
  abandonCalls(): void;
}

/**
 * Creates a consumer of events, on a table of its own. Create one per process: it caches the rows that it has read.
 *
 * @throws OutboxError `invalid-option`, naming the option, the value and what is allowed; `unknown-event-type` for a
 * handler of a type that is not in the catalogue.
 * @example
 * ```ts
 * const shipping = createConsumer({
 *   name: 'shipping',
 *   tableName: 'shipping-inbox',
 *   client: DynamoDBDocument.from(new DynamoDBClient({})),
 *   events,
 *   handlers: {
 *     'order.placed': ({ data }) => [{ Put: { TableName: 'shipments', Item: { pk: data.orderId, status: 'open' } } }],
 *   },
 * });
 * ```
 */
export function createConsumer<D extends EventDefinitions, E extends EventDefinitions = never>(
  options: ConsumerOptions<D, E>,
): Consumer {
  // Internally, a handler is looked up by type name and takes any data. Decoding ensures that the data fits the
  // handler; the type of a map cannot express that.
  const given = consumerSettings(options as unknown as Parameters<typeof consumerSettings>[0]);
  const settings = { ...given, telemetry: reportedTelemetry(given.name, given.telemetry) };
  const { name, tableName, clock, markerRetentionMs, callTimeoutMs, transactions: concurrency } = settings;
  const client = timeLimited(settings.client, callTimeoutMs);
  const table = { client, tableName, consumer: name, markerRetentionMs, clock };
  const inbox = dynamodbInbox(table);
  const circuitBreaker = new CircuitBreaker(TABLE_BACKOFF, () => clock.now());
  const group = { units: settings.eventsPerTransaction, concurrency, isOutage: concernsAllUnits };
  const transactions = new GroupCommit(dynamodbTransactions(client), group);
  const view = new InboxView(inbox, tableName);
  const ports: Omit<ProcessorPorts, 'deadLetters'> = {
    view,
    writer: new InboxWriter(dynamodbInboxActions(table), transactions, view, tableName),
    transactions,
    tracer: channelTracer(name),
    circuitBreaker,
    unreadableLimit: new UnreadableLimit(dynamodbUnreadableCount(table), settings),
  };
  const applied = new AppliedReader(inbox, clock, name);
  return {
    name,
    isApplied: (token, topics) => applied.isApplied(token, topics),
    waitUntilApplied: (token, waiting) => applied.waitUntilApplied(token, waiting),
    lag: (token, topics) => applied.lag(token, topics),
    parkedKeys: () => inbox.parkedKeys(),
    redriveParked: (key) => redriveKey(key, { settings, ports, signal: new AbortController().signal }),
    settings,
    requests: new OperatorRequests(settings, ports, dynamodbRequests(table)),
    processor: (deadLetters, whenBlocked, telemetry = settings.telemetry) =>
      new Processor({ ...settings, telemetry }, { ...ports, deadLetters }, whenBlocked),
    circuitBreaker,
    abandonCalls: () => client.abandon(),
  };
}

/** A transaction that was throttled as a whole, or got no response, shows no fault of a single unit. */
const concernsAllUnits = (error: unknown): boolean => {
  const failure = serviceFailureOf(error);
  return failure === 'throttled' || failure === 'unavailable';
};
