import { Duration, Token, type RemovalPolicy } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { TOPIC_PATTERN } from '../event/item';
import { withoutUndefined } from '../event/options';
import {
  COMPRESSIONS,
  ORDERS,
  RELAY_DEFAULTS,
  shortestFunctionTimeoutMs,
  type Compression,
  type Order,
} from '../relay/environment';
import { SWEEPER_DEFAULTS } from '../sweep/environment';
import {
  BROKER_OPTIONS,
  checkReach,
  resolveBrokers,
  type BrokerProps,
  type ResolvedBrokers,
} from './cluster/broker-props';
import { checkConnections } from './guards/connections';
import { checkMemory } from './guards/lambda-limits';
import { checkBatchLimit } from './guards/message-size';
import { checkNames } from './guards/names';
import { checkTopicNames } from './guards/topic-names';
import { checkReplayWindow } from './guards/replay-window';
import { invalidOption, checkOptions, type OptionKind } from './invalid-option';
import type { OutboxMonitoringOptions } from './monitoring/options';
import { checkTopicsCluster, OutboxTopics } from './cluster/outbox-topics';

/** Options of an `Outbox`. */
export interface OutboxProps extends BrokerProps {
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
   * @default Duration.seconds(60)
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
   * Name of the table. CloudFormation cannot replace a named table: remove it and make it again.
   *
   * @default - generated
   */
  readonly tableName?: string;

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
   * Key that encrypts the table; the stack must then have a region. `grantWrite` includes the key.
   *
   * @default - a key that DynamoDB owns
   */
  readonly encryptionKey?: IKey;

  /**
   * Key that encrypts the functions' environment variables at rest. They hold names and addresses, no secrets.
   *
   * @default - a key that Lambda owns
   */
  readonly environmentEncryptionKey?: IKey;

  /**
   * Key that encrypts the logs. If the app makes the key, the construct allows CloudWatch Logs to use it; the owner of
   * an imported key must do so.
   *
   * @default - a key that CloudWatch Logs owns
   */
  readonly logEncryptionKey?: IKey;

  /**
   * Whether DynamoDB refuses to delete the table, the only copy of pending events: set `false` only in test stacks.
   *
   * @default true
   */
  readonly deletionProtection?: boolean;

  /**
   * Removal policy of the table.
   *
   * @default - RemovalPolicy.RETAIN; with `tableName` RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;

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
   * How often the sweeper scans the whole table for items that the stream has lost, in whole minutes. A scan costs half
   * a read unit for every 4 KB in the table. Together with `sweepAfter` at most 12 hours.
   *
   * @default Duration.hours(1)
   */
  readonly sweepEvery?: Duration;

  /**
   * Age from which an unpublished item is overdue, in whole seconds: the sweeper asks the relay for it. If it is
   * shorter than an outage that you expect, the sweeper also asks for items that are still in flight.
   *
   * @default Duration.hours(1)
   */
  readonly sweepAfter?: Duration;

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
   * Retention of the logs of relay and sweeper.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;

  /**
   * The objective, the notification topics and the dashboard; `false` for no alarms and no dashboard.
   *
   * @default - every alarm and the dashboard, without notifications
   */
  readonly monitoring?: OutboxMonitoringOptions | false;
}

/** Every default that is a value; a default that depends on the stack is described at its option. */
export const OUTBOX_DEFAULTS = {
  compression: RELAY_DEFAULTS.compression,
  order: RELAY_DEFAULTS.order,
  retention: Duration.seconds(RELAY_DEFAULTS.retentionSeconds),
  maxBatchBytes: RELAY_DEFAULTS.maxBatchBytes,
  requestTimeout: Duration.millis(RELAY_DEFAULTS.requestTimeoutMs),
  partitionPatience: Duration.seconds(RELAY_DEFAULTS.partitionPatienceSeconds),
  maxPartitionHolds: RELAY_DEFAULTS.maxPartitionHolds,
  deletionProtection: true,
  // Node.js gives a twentieth of the memory to each half of V8's young generation, rounded up to a power of two: 32 MB.
  relayMemorySize: 640,
  relayTimeout: Duration.seconds(90),
  // A new on-demand table accepts 4,000 write units a second.
  expectedShards: 4,
  sweepEvery: Duration.hours(1),
  sweepAfter: Duration.seconds(SWEEPER_DEFAULTS.sweepAfterSeconds),
  sweepReadUnitsPerSecond: SWEEPER_DEFAULTS.readUnitsPerSecond,
  logRetention: RetentionDays.ONE_MONTH,
} as const satisfies Partial<OutboxProps>;

export type ResolvedOutboxProps = Omit<OutboxProps, 'topics'> &
  Required<Pick<OutboxProps, keyof typeof OUTBOX_DEFAULTS>> &
  ResolvedBrokers & { readonly topics: readonly string[] };

/** A record, so that the compiler refuses an option that is not listed. */
const OPTIONS: Readonly<Record<keyof OutboxProps, OptionKind>> = {
  ...BROKER_OPTIONS,
  topics: true,
  compression: true,
  order: true,
  retention: 'seconds',
  maxBatchBytes: true,
  requestTimeout: 'milliseconds',
  partitionPatience: 'seconds',
  maxPartitionHolds: true,
  replayWindow: 'seconds',
  outboxName: true,
  table: true,
  tableName: true,
  replicas: 'list',
  publishesFor: 'list',
  encryptionKey: true,
  environmentEncryptionKey: true,
  logEncryptionKey: true,
  deletionProtection: true,
  removalPolicy: true,
  relayMemorySize: true,
  relayTimeout: 'seconds',
  relayCode: true,
  expectedShards: true,
  relayConcurrency: true,
  sweepEvery: 'seconds',
  sweepAfter: 'seconds',
  sweepReadUnitsPerSecond: true,
  sweeperCode: true,
  logRetention: 'log-retention',
  monitoring: true,
};

const MAX_LAMBDA_TIMEOUT_SECONDS = 900;

/**
 * Fills in the defaults and checks the options.
 *
 * @throws OutboxError `invalid-option`, naming the option, the value got and what is allowed.
 */
export function resolveOutboxProps(props: OutboxProps): ResolvedOutboxProps {
  checkOptions('Outbox', props, OPTIONS);
  const own = withoutUndefined(props);
  const topics = own.topics instanceof OutboxTopics ? own.topics.names : own.topics;
  checkTopics(topics);
  const brokers = resolveBrokers(own);
  const resolved: ResolvedOutboxProps = {
    ...OUTBOX_DEFAULTS,
    ...own,
    ...brokers,
    topics,
    dependencies: own.topics instanceof OutboxTopics ? [...brokers.dependencies, own.topics] : brokers.dependencies,
  };
  checkReach(brokers);
  checkPartitionHolds(resolved);
  checkTopicsCluster(own.topics, brokers);
  checkKafka(resolved);
  if (own.topics instanceof OutboxTopics) checkBatchLimit(own.topics.topics, resolved.maxBatchBytes);
  checkTable(resolved);
  checkNames(resolved);
  checkRelay(resolved);
  checkShards(resolved);
  checkSweeper(resolved);
  return resolved;
}

function checkTopics(topics: unknown): void {
  if (!Array.isArray(topics) || topics.length === 0 || Token.isUnresolved(topics)) {
    throw invalidOption(
      'topics',
      topics,
      'a list of at least one topic name, its length known at synthesis',
      'The relay is allowed to write to each topic by name: list every topic that an event may go to.',
    );
  }
  const names = topics.filter((topic) => !Token.isUnresolved(topic)) as unknown[];
  const malformed = names.find((topic) => typeof topic !== 'string' || !TOPIC_PATTERN.test(topic));
  if (malformed !== undefined) {
    throw invalidOption(
      'topics',
      malformed,
      'Kafka topic names of 1 to 249 letters, digits, ".", "_" or "-"',
      'Wildcards are not possible: list each topic.',
    );
  }
  const repeated = names.find((topic, index) => names.indexOf(topic) !== index);
  if (repeated !== undefined) {
    throw invalidOption('topics', repeated, 'a list without repetitions', 'Remove one of the two.');
  }
  checkTopicNames(names as string[]);
}

/** Every invocation reads the holds, so more of them would slow each one down. */
const MOST_PARTITION_HOLDS = 5_000;

function checkPartitionHolds({ partitionPatience, maxPartitionHolds }: ResolvedOutboxProps): void {
  if (partitionPatience.isUnresolved() || partitionPatience.toSeconds({ integral: false }) < 15) {
    throw invalidOption(
      'partitionPatience',
      partitionPatience.toString(),
      'at least 15 seconds, known at synthesis',
      'Leaders of partitions move within seconds; that is no outage.',
    );
  }
  if (
    Token.isUnresolved(maxPartitionHolds) ||
    !Number.isSafeInteger(maxPartitionHolds) ||
    maxPartitionHolds < 0 ||
    maxPartitionHolds > MOST_PARTITION_HOLDS
  ) {
    throw invalidOption(
      'maxPartitionHolds',
      maxPartitionHolds,
      `an integer from 0 to ${MOST_PARTITION_HOLDS}, known at synthesis`,
      'Use the default of 2,000, or 0 to let the shard wait instead.',
    );
  }
}

function checkKafka({ compression, maxBatchBytes }: ResolvedOutboxProps): void {
  if (!COMPRESSIONS.includes(compression)) {
    throw invalidOption(
      'compression',
      compression,
      `one of ${COMPRESSIONS.join(', ')}`,
      'Consumers must support it too.',
    );
  }
  if (Token.isUnresolved(maxBatchBytes) || !Number.isSafeInteger(maxBatchBytes) || maxBatchBytes < 1) {
    throw invalidOption(
      'maxBatchBytes',
      maxBatchBytes,
      'an integer of at least 1, known at synthesis',
      "Stay under the smallest max.message.bytes of the topics; Kafka's own default is 1,048,588.",
    );
  }
}

/** Refuses options without an effect: a caller who sets one relies on it. */
function checkTable({ table, tableName, encryptionKey, replicas }: ResolvedOutboxProps): void {
  if (replicas !== undefined && encryptionKey !== undefined) {
    throw invalidOption(
      'encryptionKey',
      'a key',
      'left out with replicas',
      'Each replica needs a key of its own region. Make the table with TableEncryptionV2.customerManagedKey(key, replicaKeyArns), and pass it as table.',
    );
  }
  if (table === undefined) return;
  for (const [option, got] of Object.entries({ tableName, encryptionKey, replicas })) {
    if (got !== undefined) throw invalidOption(option, got, 'left out with table', 'It describes a new table only.');
  }
  if (table.tableStreamArn === undefined) {
    throw invalidOption(
      'table',
      'a table without tableStreamArn',
      'a table with a stream whose ARN is known',
      'Import it with TableV2.fromTableAttributes(scope, id, { tableArn, tableStreamArn }).',
    );
  }
}

function checkShards({ expectedShards, relayConcurrency, authentication, cluster }: ResolvedOutboxProps): void {
  for (const [option, got] of Object.entries({ expectedShards, relayConcurrency })) {
    if (got !== undefined && (Token.isUnresolved(got) || !Number.isSafeInteger(got) || got < 1)) {
      throw invalidOption(
        option,
        got,
        'an integer of at least 1, known at synthesis',
        'One relay runs for each shard.',
      );
    }
  }
  checkConnections({
    authentication: authentication.settings.kind,
    clusterKind: cluster?.kind,
    instanceType: cluster?.instanceType,
    expectedShards,
    relayConcurrency,
  });
}

function checkRelay(props: ResolvedOutboxProps): void {
  checkMemory('relayMemorySize', props.relayMemorySize);
  const { retention, requestTimeout, relayTimeout, order, replayWindow } = props;
  for (const [option, duration] of Object.entries({ retention, requestTimeout, relayTimeout, replayWindow })) {
    if (duration?.isUnresolved() === true) {
      throw invalidOption(option, duration, 'known at synthesis', 'Pass a Duration of a plain number.');
    }
  }
  if (!Number.isInteger(retention.toSeconds({ integral: false }))) {
    throw invalidOption('retention', retention.toString(), 'whole seconds', 'The TTL of DynamoDB knows no fractions.');
  }
  checkReplayWindow(retention, replayWindow);
  if (!ORDERS.includes(order)) {
    throw invalidOption('order', order, `one of ${ORDERS.join(', ')}`, 'Leave it out for the usual one.');
  }
  if (order === 'strict' && retention.toSeconds() === 0) {
    throw invalidOption(
      'order',
      order,
      'relaxed with a retention of zero',
      'With strict order an item looks at the one before it, which a retention of zero has deleted.',
    );
  }
  const relayMs = relayTimeout.toMilliseconds();
  if (relayMs < 1000 || relayMs > MAX_LAMBDA_TIMEOUT_SECONDS * 1000) {
    throw invalidOption(
      'relayTimeout',
      relayTimeout.toString(),
      'from 1 second to 15 minutes',
      'That is what Lambda allows.',
    );
  }
  const requestTimeoutMs = requestTimeout.toMilliseconds();
  if (requestTimeoutMs < 1) {
    throw invalidOption('requestTimeout', requestTimeout.toString(), 'at least 1 millisecond', 'Use some seconds.');
  }
  const shortestMs = shortestFunctionTimeoutMs({ requestTimeoutMs });
  if (relayMs < shortestMs) {
    throw invalidOption(
      'relayTimeout',
      relayTimeout.toString(),
      `at least ${Math.ceil(shortestMs / 1000)} seconds with a requestTimeout of ${requestTimeout.toString()}`,
      'The relay starts a round only when the slowest one still fits into the invocation: it would never start any. Raise relayTimeout or lower requestTimeout.',
    );
  }
}

const SHORTEST_SWEEP_AFTER_SECONDS = 60;
/** At a lower rate, the pause after the pages of one parallel read could outlast the sweeper's remaining time. */
const LEAST_SWEEP_READ_UNITS = 25;
/** Half of the stream's retention: the sweeper must find a lost record before the stream drops it. */
const LONGEST_SWEEP_SECONDS = 12 * 3_600;

function checkSweeper({ sweepEvery, sweepAfter, sweepReadUnitsPerSecond }: ResolvedOutboxProps): void {
  for (const [option, duration] of Object.entries({ sweepEvery, sweepAfter })) {
    if (duration.isUnresolved()) {
      throw invalidOption(option, duration, 'known at synthesis', 'Pass a Duration of a plain number.');
    }
  }
  const minutes = sweepEvery.toMinutes({ integral: false });
  if (!Number.isInteger(minutes) || minutes < 1) {
    throw invalidOption(
      'sweepEvery',
      sweepEvery.toString(),
      'whole minutes, at least one',
      'EventBridge schedules by the minute.',
    );
  }
  const afterSeconds = sweepAfter.toSeconds({ integral: false });
  if (!Number.isInteger(afterSeconds) || afterSeconds < SHORTEST_SWEEP_AFTER_SECONDS) {
    throw invalidOption(
      'sweepAfter',
      sweepAfter.toString(),
      `whole seconds, at least ${SHORTEST_SWEEP_AFTER_SECONDS}`,
      'A healthy relay takes a few seconds, and the scan may be some seconds behind.',
    );
  }
  if (sweepEvery.toSeconds() + afterSeconds > LONGEST_SWEEP_SECONDS) {
    throw invalidOption(
      'sweepEvery',
      sweepEvery.toString(),
      `with sweepAfter (${sweepAfter.toString()}) not more than 12 hours`,
      'A stream drops its records after 24 hours: what it loses must have been noticed long before.',
    );
  }
  if (
    Token.isUnresolved(sweepReadUnitsPerSecond) ||
    !Number.isSafeInteger(sweepReadUnitsPerSecond) ||
    sweepReadUnitsPerSecond < LEAST_SWEEP_READ_UNITS
  ) {
    throw invalidOption(
      'sweepReadUnitsPerSecond',
      sweepReadUnitsPerSecond,
      `an integer of at least ${LEAST_SWEEP_READ_UNITS}, known at synthesis`,
      'A thousand reads 8 MB of the table in a second. One page of a scan takes up to 128.',
    );
  }
}
