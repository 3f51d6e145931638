import { Duration, Token } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { TOPIC_PATTERN } from '../../event/item';
import {
  COMPRESSIONS,
  ORDERS,
  RELAY_DEFAULTS,
  shortestFunctionTimeoutMs,
  type Compression,
  type Order,
} from '../../relay/environment';
import { SWEEPER_DEFAULTS } from '../../sweep/environment';
import { BROKER_OPTIONS, checkReach, type BrokerProps, type ResolvedBrokers } from '../cluster/broker-props';
import { OutboxTopics, resolveBrokersOf } from '../cluster/outbox-topics';
import { checkBatchLimit, checkTopicNames } from '../cluster/topic-rules';
import { memorySize, FUNCTION_OPTIONS, type OutboxFunctionProps } from '../functions/outbox-function';
import type { OutboxMonitoringOptions } from '../monitoring/options';
import { requireLeftOut, requireOption, requireUnique } from '../options/invalid-option';
import {
  defaultsOf,
  duration,
  integer,
  list,
  oneOf,
  requireAllowed,
  resolveOptions,
  text,
  unchecked,
  type OptionTable,
  type Resolved,
} from '../options/option-table';
import { NEW_TABLE_OPTIONS, type NewTableProps } from './new-table';

export const PUBLISHERS = ['kafkajs', 'platformatic'] as const;
/** The Kafka client with which the relay publishes. */
export type RelayPublisher = (typeof PUBLISHERS)[number];

/** Options of an `Outbox`. */
export interface OutboxProps extends BrokerProps, NewTableProps, OutboxFunctionProps {
  /**
   * The Kafka topics of the events: their names, or the construct that makes them. With MSK IAM the relay may write to
   * these topics and no others. Topics given by name must exist.
   */
  readonly topics: string[] | OutboxTopics;

  /**
   * Compression of batches: `zstd`, `gzip` or `none`.
   *
   * @default 'zstd'
   */
  readonly compression?: Compression;

  /**
   * The Kafka client with which the relay publishes: `kafkajs`, or `platformatic` for `@platformatic/kafka`.
   * `platformatic` is experimental: it has passed the same tests on Apache Kafka, but has never logged in at MSK. It
   * changes the bundle of the function only, and has no effect with `relayCode`.
   *
   * @default 'kafkajs'
   */
  readonly publisher?: RelayPublisher;

  /**
   * How long a processed item stays readable, in whole seconds. With zero the relay deletes the item once it is
   * acknowledged: no receipts and no replay. DynamoDB may take some days longer to remove an expired item.
   *
   * @default Duration.days(1)
   */
  readonly retention?: Duration;

  /**
   * How far back a replay must reach; synthesis refuses a shorter `retention`.
   *
   * @default - none: any `retention` is accepted
   */
  readonly replayWindow?: Duration;

  /**
   * With `strict` an item waits for the previous version. Order then holds even if a writer overtakes another one in
   * the milliseconds between the two phases of a transaction. Every item must have a version, without gaps from 1. It
   * costs a read unit for each key in a batch.
   *
   * @default 'relaxed'
   */
  readonly order?: Order;

  /**
   * Maximum bytes of a partition's batch before compression. Lower it if a topic's `max.message.bytes` is lower.
   *
   * @default 1_000_000
   */
  readonly maxBatchBytes?: number;

  /**
   * Timeout of one request to a broker. The slowest round takes twelve times this (four to look up topics, eight to
   * publish) plus 15 seconds for its marks. `relayTimeout` must cover that, plus 15 seconds to read the holds.
   *
   * @default Duration.seconds(4)
   */
  readonly requestTimeout?: Duration;

  /**
   * How long a topic partition that accepts no writes, while others do, blocks its shard. Then the relay holds its keys
   * until it accepts writes again, and the shard continues.
   *
   * @default Duration.seconds(30)
   */
  readonly partitionPatience?: Duration;

  /**
   * Maximum number of keys held for such partitions. Beyond it the shard waits. Every invocation reads these holds,
   * some 300 bytes each. With 0 the relay holds none.
   *
   * @default 2_000
   */
  readonly maxPartitionHolds?: number;

  /**
   * Value of the metrics dimension `Outbox`.
   *
   * @default - the stack's name and the construct's path in it, joined by `-`; each disallowed character becomes `-`
   */
  readonly outboxName?: string;

  /**
   * An existing table, with its `tableStreamArn`: by `TableV2.fromTableAttributes`, or made elsewhere in the app.
   * `OutboxTable` shows the required shape.
   *
   * @default - a new table
   */
  readonly table?: ITable;

  /**
   * Other regions with a replica of the table; the stack must then have a region. Each of them has its own outbox, on
   * an `OutboxReplica`, and publishes the events written there. Decide this when you make the table: adding replicas
   * later replaces its stream.
   *
   * @default - none
   */
  readonly replicas?: string[];

  /**
   * Regions whose events this outbox publishes: the stack's own region, and those that it has taken over. With an empty
   * list it publishes nothing, because another region has taken over. Read `docs/regions.md` first.
   *
   * @default - with `replicas` the stack's own region, otherwise everything that the stream delivers
   */
  readonly publishesFor?: string[];

  /**
   * Memory of the relay in MB. Its share of CPU grows with it.
   *
   * @default 640
   */
  readonly relayMemorySize?: number;

  /**
   * Timeout of one invocation of the relay: at most 15 minutes, and at least twelve times `requestTimeout` plus 30
   * seconds.
   *
   * @default Duration.seconds(90)
   */
  readonly relayTimeout?: Duration;

  /**
   * Expected number of shards of the table's stream: one for about every 1,000 write units a second. One relay runs for
   * each shard, and synthesis refuses more relays than the brokers' limits allow.
   *
   * @default 4
   */
  readonly expectedShards?: number;

  /**
   * Concurrent invocations that Lambda reserves for the relay and never exceeds: at least `expectedShards`.
   *
   * @default - the account's unreserved concurrency
   */
  readonly relayConcurrency?: number;

  /**
   * How often the sweeper runs, in whole minutes. A run reads the whole table for items that the stream has lost if
   * there is a cause: keys are held, a gap of the stream is suspected, the event source mapping was changed, the relay
   * does not act on new records, or the previous run found something. Together with `overdueAfter` at most 12 hours.
   *
   * @default Duration.hours(1)
   */
  readonly sweepInterval?: Duration;

  /**
   * How often the sweeper reads the whole table without a cause, in whole minutes: from `sweepInterval` to 12 hours. A
   * scan costs half a read unit for every 4 KB in the table. On a table with replicas every run reads it.
   *
   * @default Duration.hours(12)
   */
  readonly fullSweepInterval?: Duration;

  /**
   * Age from which an unpublished item is overdue, in whole seconds: the sweeper asks the relay for it. If it is
   * shorter than an outage that you expect, the sweeper also asks for items that are still in flight.
   *
   * @default Duration.hours(1)
   */
  readonly overdueAfter?: Duration;

  /**
   * Maximum read units of the sweeper in one second; at least 25. A thousand units read 8 MB, and some 6 GB in one run:
   * the next run resumes the sweep of a larger table.
   *
   * @default 1_000
   */
  readonly sweepReadUnitsPerSecond?: number;

  /**
   * The sweeper's code, with `index.handler`; for tests of stacks and for your own builds.
   *
   * @default - the bundle that this package contains
   */
  readonly sweeperCode?: Code;

  /**
   * The relay's code, with `index.handler`; for tests of stacks and for your own builds.
   *
   * @default - the bundle that this package contains
   */
  readonly relayCode?: Code;

  /**
   * The objective, the notification topics and the dashboard; `false` for no alarms and no dashboard.
   *
   * @default - every alarm and the dashboard, without notifications
   */
  readonly monitoring?: OutboxMonitoringOptions | false;
}

/** Every invocation reads the holds, so more of them would slow each one down. */
const MAX_PARTITION_HOLDS = 5_000;
/** At a lower rate, the pause after the pages of one parallel read could outlast the sweeper's remaining time. */
const MIN_SWEEP_READ_UNITS = 25;
/** Half of the stream's retention: the sweeper must find a lost record before the stream drops it. */
const MAX_SWEEP_SECONDS = 12 * 3_600;

const ONE_FOR_EACH_SHARD = { min: 1, advice: 'One relay runs for each shard.' };

const OPTIONS = {
  ...BROKER_OPTIONS,
  ...NEW_TABLE_OPTIONS,
  ...FUNCTION_OPTIONS,
  ...unchecked('topics', 'table', 'sweeperCode', 'relayCode', 'monitoring'),
  compression: oneOf(COMPRESSIONS, {
    default: RELAY_DEFAULTS.compression,
    advice: 'Consumers must support it too.',
  }),
  publisher: oneOf(PUBLISHERS, { default: 'kafkajs', advice: 'Leave it out for kafkajs.' }),
  retention: duration('seconds', {
    default: Duration.seconds(RELAY_DEFAULTS.retentionSeconds),
    advice: 'The TTL of DynamoDB knows no fractions.',
  }),
  replayWindow: duration('seconds', { advice: 'The retention is in whole seconds too.' }),
  order: oneOf(ORDERS, { default: RELAY_DEFAULTS.order, advice: 'Leave it out for the usual order.' }),
  maxBatchBytes: integer({
    min: 1,
    default: RELAY_DEFAULTS.maxBatchBytes,
    advice: "Stay under the smallest max.message.bytes of the topics; Kafka's own default is 1,048,588.",
  }),
  requestTimeout: duration('milliseconds', {
    min: 1,
    default: Duration.millis(RELAY_DEFAULTS.requestTimeoutMs),
    advice: 'Use some seconds.',
  }),
  partitionPatience: duration('seconds', {
    min: 15,
    default: Duration.seconds(RELAY_DEFAULTS.partitionPatienceSeconds),
    advice: 'Leaders of partitions move within seconds; that is no outage.',
  }),
  maxPartitionHolds: integer({
    min: 0,
    max: MAX_PARTITION_HOLDS,
    default: RELAY_DEFAULTS.maxPartitionHolds,
    advice: 'Use the default of 2,000, or 0 to let the shard wait instead.',
  }),
  // A metrics dimension, and a part of Kafka client ids and of descriptions.
  outboxName: text({
    pattern: /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/,
    allowed: '1 to 128 letters, digits, ".", "_", "/" or "-", the first a letter or digit',
    advice: 'It becomes a metrics dimension and a part of Kafka client ids.',
  }),
  replicas: list(),
  publishesFor: list(),
  // Node.js gives a twentieth of the memory to each half of V8's young generation, rounded up to a power of two: 32 MB.
  relayMemorySize: memorySize(640),
  relayTimeout: duration('seconds', {
    min: 1,
    max: 900,
    default: Duration.seconds(90),
    advice: 'Lambda allows at most 15 minutes.',
  }),
  // A new on-demand table accepts 4,000 write units a second.
  expectedShards: integer({ ...ONE_FOR_EACH_SHARD, default: 4 }),
  relayConcurrency: integer(ONE_FOR_EACH_SHARD),
  sweepInterval: duration('minutes', {
    min: 1,
    default: Duration.seconds(SWEEPER_DEFAULTS.sweepIntervalSeconds),
    advice: 'EventBridge schedules by the minute.',
  }),
  fullSweepInterval: duration('minutes', {
    min: 1,
    default: Duration.seconds(SWEEPER_DEFAULTS.fullSweepIntervalSeconds),
    advice: 'Runs of the sweeper are scheduled by the minute.',
  }),
  overdueAfter: duration('seconds', {
    min: 60,
    default: Duration.seconds(SWEEPER_DEFAULTS.overdueAfterSeconds),
    advice: 'A healthy relay takes a few seconds, and the scan may be some seconds behind.',
  }),
  sweepReadUnitsPerSecond: integer({
    min: MIN_SWEEP_READ_UNITS,
    default: SWEEPER_DEFAULTS.readUnitsPerSecond,
    advice: 'A thousand reads 8 MB of the table in a second. One page of a scan takes up to 128.',
  }),
} satisfies OptionTable<OutboxProps>;

export const OUTBOX_DEFAULTS = defaultsOf(OPTIONS);

export type ResolvedOutboxProps = Omit<Resolved<OutboxProps, typeof OPTIONS>, 'topics'> &
  ResolvedBrokers & { readonly topics: readonly string[] };

export function resolveOutboxProps(props: OutboxProps): ResolvedOutboxProps {
  const own = resolveOptions('Outbox', props, OPTIONS);
  const topics = own.topics instanceof OutboxTopics ? own.topics.names : own.topics;
  checkTopics(topics);
  const resolved: ResolvedOutboxProps = { ...own, ...resolveBrokersOf(own), topics };
  checkReach(resolved);
  if (own.topics instanceof OutboxTopics) checkBatchLimit(own.topics.topics, resolved.maxBatchBytes);
  checkTable(resolved);
  checkTimes(resolved);
  checkConnections({
    authentication: resolved.authentication.settings.kind,
    clusterKind: resolved.cluster?.kind,
    instanceType: resolved.cluster?.instanceType,
    expectedShards: resolved.expectedShards,
    relayConcurrency: resolved.relayConcurrency,
  });
  return resolved;
}

/** @throws OutboxError `invalid-option` for a generated name that is too long. */
export const checkOutboxName = (name: string): void => requireAllowed(OPTIONS.outboxName, 'outboxName', name);

function checkTopics(topics: unknown): void {
  requireOption(
    Array.isArray(topics) && topics.length > 0 && !Token.isUnresolved(topics),
    'topics',
    topics,
    'a list of at least one topic name, its length known at synthesis',
    'The relay is allowed to write to each topic by name: list every topic that an event may go to.',
  );
  const names = topics.filter((topic) => !Token.isUnresolved(topic)) as unknown[];
  const malformed = names.find((topic) => typeof topic !== 'string' || !TOPIC_PATTERN.test(topic));
  requireOption(
    malformed === undefined,
    'topics',
    malformed,
    'Kafka topic names of 1 to 249 letters, digits, ".", "_" or "-"',
    'Wildcards are not possible: list each topic.',
  );
  requireUnique('topics', names);
  checkTopicNames(names as string[]);
}

function checkTable({ table, tableName, encryptionKey, replicas }: ResolvedOutboxProps): void {
  requireOption(
    replicas === undefined || encryptionKey === undefined,
    'encryptionKey',
    'a key',
    'left out with replicas',
    'Each replica needs a key of its own region. Make the table with TableEncryptionV2.customerManagedKey(key, replicaKeyArns), and pass it as table.',
  );
  if (table === undefined) return;
  requireLeftOut({ tableName, encryptionKey, replicas }, 'left out with table', 'It describes a new table only.');
  requireOption(
    table.tableStreamArn !== undefined,
    'table',
    'a table without tableStreamArn',
    'a table with a stream whose ARN is known',
    'Import it with TableV2.fromTableAttributes(scope, id, { tableArn, tableStreamArn }).',
  );
}

function checkTimes(props: ResolvedOutboxProps): void {
  const { retention, replayWindow, order, requestTimeout, relayTimeout } = props;
  const { sweepInterval, fullSweepInterval, overdueAfter } = props;
  checkReplayWindow(retention, replayWindow);
  requireOption(
    order !== 'strict' || retention.toSeconds() > 0,
    'order',
    order,
    'relaxed with a retention of zero',
    'With strict order the relay reads the item before each item, which a retention of zero has deleted.',
  );
  const shortestMs = shortestFunctionTimeoutMs({ requestTimeoutMs: requestTimeout.toMilliseconds() });
  requireOption(
    relayTimeout.toMilliseconds() >= shortestMs,
    'relayTimeout',
    relayTimeout,
    `at least ${Math.ceil(shortestMs / 1000)} seconds with a requestTimeout of ${requestTimeout.toString()}`,
    'The relay starts a round only when the slowest one still fits into the invocation: it would never start any. Raise relayTimeout or lower requestTimeout.',
  );
  requireOption(
    sweepInterval.toSeconds() + overdueAfter.toSeconds() <= MAX_SWEEP_SECONDS,
    'sweepInterval',
    sweepInterval,
    `with overdueAfter (${overdueAfter.toString()}) not more than 12 hours`,
    'A stream drops its records after 24 hours: the sweeper must find a lost record long before.',
  );
  requireOption(
    fullSweepInterval.toSeconds() >= sweepInterval.toSeconds() && fullSweepInterval.toSeconds() <= MAX_SWEEP_SECONDS,
    'fullSweepInterval',
    fullSweepInterval,
    `from sweepInterval (${sweepInterval.toHumanString()}) to 12 hours`,
    'A stream drops its records after 24 hours: the sweeper must find a lost record long before.',
  );
}

/** @throws OutboxError `invalid-option` if items expire before the replay window ends. */
export const checkReplayWindow = (retention: Duration, replayWindow: Duration | undefined): void =>
  requireOption(
    replayWindow === undefined || retention.toSeconds() >= replayWindow.toSeconds(),
    'retention',
    retention,
    `at least the replayWindow of ${String(replayWindow)}`,
    'A replay publishes processed items, and DynamoDB deletes them after the retention. Raise it, or lower replayWindow.',
  );

/** The limits of Amazon MSK for clients that authenticate by IAM. AWS does not raise the second one. */
const IAM_CONNECTIONS = 3_000;
const NEW_IAM_CONNECTIONS_PER_SECOND = { t3: 4, other: 100 } as const;

/** A relay has one connection, and briefly a second one while it replaces a producer whose send failed. */
const CONNECTIONS_OF_A_RELAY = 2;

interface RelayConnections {
  readonly authentication: string;
  readonly clusterKind?: string;
  readonly instanceType?: string;
  readonly expectedShards: number;
  readonly relayConcurrency?: number;
}

/** @throws OutboxError `invalid-option` if the relays of all shards exceed the limits of the brokers or Lambda. */
export function checkConnections(relays: RelayConnections): void {
  const { authentication, clusterKind, instanceType, expectedShards, relayConcurrency = Infinity } = relays;
  requireOption(
    relayConcurrency >= expectedShards,
    'relayConcurrency',
    relayConcurrency,
    `at least expectedShards (${expectedShards})`,
    'One relay runs for each shard: with fewer, some shards wait. Raise relayConcurrency, or leave it out.',
  );
  if (authentication !== 'iam') return;
  const isT3 = clusterKind !== 'serverless' && instanceType?.startsWith('kafka.t3.') === true;
  const of = clusterKind === 'serverless' ? 'A serverless cluster' : `Each broker${isT3 ? ' of type t3' : ''}`;
  const newPerSecond = NEW_IAM_CONNECTIONS_PER_SECOND[isT3 ? 't3' : 'other'];
  const most = Math.floor(IAM_CONNECTIONS / CONNECTIONS_OF_A_RELAY);
  requireOption(
    expectedShards <= most,
    'expectedShards',
    expectedShards,
    `at most ${most} with authentication by IAM`,
    `${of} takes ${IAM_CONNECTIONS} connections, and a relay has up to ${CONNECTIONS_OF_A_RELAY}. Use SCRAM, or several outboxes on several clusters.`,
  );
  requireOption(
    expectedShards <= newPerSecond,
    'expectedShards',
    expectedShards,
    `at most ${newPerSecond} with authentication by IAM`,
    `${of} takes ${newPerSecond} new connections a second, and after a deployment or an outage the relays of all shards connect at once. Use SCRAM, or larger brokers where they are t3.`,
  );
}
