import type { ConsistencyToken } from '../event/consistency-token';
import type { EventDefinitions } from '../event/catalogue';
import { AppliedReader, type ConsumerLag } from './applied';
import { dynamodbInbox, dynamodbInboxEntries } from './dynamodb/inbox';
import { dynamodbBreaker } from './dynamodb/breaker';
import { ownInbox, ownWrites, timeLimited } from './own-table';
import { serviceFailureOf } from './service-error';
import { dynamodbRequests } from './dynamodb/requests';
import { dynamodbTransactions } from './dynamodb/transactions';
import { UnreadableBreaker } from './breaker';
import { Gate } from './gate';
import { GroupCommit } from './group-commit';
import { OperatorRequests } from './operator-requests';
import type { ConsumerTelemetry, DeadLetters } from './ports';
import type { InboxKey } from './inbox-keys';
import type { Patience } from './patience';
import { Processor, type ProcessorPorts } from './processor';
import { redriveKey, type Redriven } from './redrive';
import { RowCache } from './row-cache';
import { consumerSettings, type ConsumerOptions, type ConsumerSettings } from './settings';

/** Applies events once. Made by {@link createConsumer}; run by `runConsumer` or `handleKafkaEvent`. */
export interface Consumer {
  readonly name: string;

  /**
   * Whether the consumer has applied what the token names: one strongly consistent read per topic.
   *
   * For a key with versions it is `true` only if that very event is among the newest 16 that were applied. Set-aside,
   * discarded and parked events were not applied, nor those of a type that `onUnknownType: 'skip'` skips. Of a key without
   * versions, an event that an operator discarded counts as applied.
   *
   * @param topics - those of the token that the consumer reads, when it does not read all of them
   */
  isApplied(token: ConsistencyToken, topics?: readonly string[]): Promise<boolean>;

  /**
   * Resolves when the consumer has applied what the token names.
   *
   * @throws OutboxError `not-applied-in-time` after `timeoutMs`; `no-longer-known` when the consumer has applied more than
   * 16 later events of the key.
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

  /** How far the consumer is with the token's key, on each of its topics. */
  lag(token: ConsistencyToken, topics?: readonly string[]): Promise<ConsumerLag[]>;

  /** The keys that have parked events. */
  parkedKeys(): AsyncIterable<InboxKey>;

  /**
   * Applies the parked events of a key in their order and lets its later ones pass again. Ends at the first that fails
   * again: it and the later ones stay parked. May run beside the consumer, and several times at once.
   *
   * An operator asks a running consumer for it by `outbox consumer redrive`.
   */
  redriveParked(key: InboxKey): Promise<Redriven>;

  /** @internal */
  readonly settings: ConsumerSettings;
  /** @internal */
  processor(deadLetters: DeadLetters, patience?: Patience, telemetry?: ConsumerTelemetry): Processor;
  /** @internal */
  readonly requests: OperatorRequests;
  /** @internal */
  readonly gate: Gate;
  /** @internal Ends every call to DynamoDB that is in flight. */
  abandonCalls(): void;
}

/**
 * A consumer of events, on a table of its own.
 *
 * Holds no connection but the client's, and a cache of what it has read: make one per process.
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
  // Inside, a handler is found by the name of a type and takes any data. That the data is what the schema of that type
  // gave is kept by the reading of the event, and cannot be said in the type of a map by name.
  const settings = consumerSettings(options as unknown as Parameters<typeof consumerSettings>[0]);
  const { name, tableName, clock, markerLifeMs, callTimeoutMs, transactions: concurrency } = settings;
  const client = timeLimited(settings.client, callTimeoutMs);
  const table = { client, tableName, consumer: name, markerLifeMs, clock };
  const inbox = dynamodbInbox(table);
  const gate = new Gate({ firstMs: 200, longestMs: 10_000 }, () => clock.now());
  const group = { units: settings.eventsPerTransaction, concurrency, isOutage: concernsEverybody };
  const transactions = new GroupCommit(dynamodbTransactions(client), group);
  const ports: Omit<ProcessorPorts, 'deadLetters'> = {
    inbox: ownInbox(inbox, tableName),
    entries: dynamodbInboxEntries(table),
    transactions,
    ownWrites: ownWrites(transactions, tableName),
    rows: new RowCache(),
    gate,
    breaker: new UnreadableBreaker(dynamodbBreaker(table), settings),
  };
  const applied = new AppliedReader(inbox, clock, name);
  return {
    name,
    isApplied: (token, topics) => applied.isApplied(token, topics),
    waitUntilApplied: (token, waiting) => applied.waitUntilApplied(token, waiting),
    lag: (token, topics) => applied.lag(token, topics),
    parkedKeys: () => inbox.parkedKeys(),
    redriveParked: (key) => redriveKey(key, settings, ports),
    settings,
    requests: new OperatorRequests(settings, ports, dynamodbRequests(table)),
    processor: (deadLetters, patience, telemetry = settings.telemetry) =>
      new Processor({ ...settings, telemetry }, { ...ports, deadLetters }, patience),
    gate,
    abandonCalls: () => client.abandon(),
  };
}

/** A transaction that was throttled as a whole, or not answered, says nothing about its units. */
const concernsEverybody = (error: unknown): boolean => {
  const failure = serviceFailureOf(error);
  return failure === 'throttled' || failure === 'unavailable';
};
