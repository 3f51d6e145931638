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

/** What an `Outbox` can be told. */
export interface OutboxProps extends BrokerProps {
  /**
   * The Kafka topics that events go to: their names, or what makes them. Under MSK IAM the relay may write to these and
   * no others. Topics that are only named must exist.
   */
  readonly topics: string[] | OutboxTopics;

  /**
   * How batches are compressed: `zstd`, `gzip` or `none`.
   *
   * @default 'zstd'
   */
  readonly compression?: Compression;

  /**
   * How long a processed item stays readable, in whole seconds. Zero deletes it as soon as it is acknowledged: no receipts
   * and no replay. DynamoDB may take some days longer to remove an expired item.
   *
   * @default Duration.days(1)
   */
  readonly retention?: Duration;

  /**
   * How far back a replay must be able to reach: a shorter `retention` is refused.
   *
   * @default - no replay is planned for
   */
  readonly replayWindow?: Duration;

  /**
   * `strict` makes an item wait for the version before it, so that a writer which overtakes another one by the
   * milliseconds between the two halves of a transaction changes no order. Every item must have a version, dense from 1
   * on. It costs a read unit for each key in a batch.
   *
   * @default 'relaxed'
   */
  readonly order?: Order;

  /**
   * Bytes of one partition's batch before compression. Lower it when a topic's `max.message.bytes` is lower.
   *
   * @default 1_000_000
   */
  readonly maxBatchBytes?: number;

  /**
   * How long one request to a broker may take. The slowest round takes twelve of these (four to look up topics, eight to
   * publish) and 15 seconds for its marks; `relayTimeout` must hold that and 15 seconds more for reading the holds.
   *
   * @default Duration.seconds(4)
   */
  readonly requestTimeout?: Duration;

  /**
   * A topic partition that takes no writes while others do stops its shard for this long. Then its keys are held until it
   * takes writes again, and the shard moves on.
   *
   * @default Duration.seconds(60)
   */
  readonly partitionPatience?: Duration;

  /**
   * How many keys are held for such partitions at most. Beyond that the shard waits. Every invocation reads these holds,
   * some 300 bytes each. 0 holds none.
   *
   * @default 2_000
   */
  readonly maxPartitionHolds?: number;

  /**
   * Value of the metrics dimension `Outbox`.
   *
   * @default - the stack's name and the construct's path in it, joined by `-`; what it must not hold becomes `-`
   */
  readonly outboxName?: string;

  /**
   * A table that exists, with its `tableStreamArn`: by `TableV2.fromTableAttributes`, or made elsewhere in the app.
   * `OutboxTable` says what it must be like.
   *
   * @default - a new one
   */
  readonly table?: ITable;

  /**
   * Name of the table. A named table cannot be replaced, only removed and made again.
   *
   * @default - generated
   */
  readonly tableName?: string;

  /**
   * Other regions in which the table has a replica; the stack must have a region then. Each of them has an outbox of its
   * own, on an `OutboxReplica`, and each publishes what was written in it. Decide it with the table: its stream is made
   * anew when they are added later.
   *
   * @default - none
   */
  readonly replicas?: string[];

  /**
   * Regions whose events are published from here: the stack's own, and those that it has taken over. Empty, nothing is
   * published from here, because another region has taken over. See `docs/regions.md` first.
   *
   * @default - the stack's own region with `replicas`, otherwise everything that the stream brings
   */
  readonly publishesFor?: string[];

  /**
   * Key that encrypts the table; the stack must have a region then. `grantWrite` extends to the key.
   *
   * @default - a key that DynamoDB owns
   */
  readonly encryptionKey?: IKey;

  /**
   * Key that encrypts the variables of the functions where they lie. They hold names and addresses, no secrets.
   *
   * @default - a key that Lambda owns
   */
  readonly environmentEncryptionKey?: IKey;

  /**
   * Key that encrypts the logs. One made in the app is told to let CloudWatch Logs use it; an imported one must be told
   * by its owner.
   *
   * @default - a key that CloudWatch Logs owns
   */
  readonly logEncryptionKey?: IKey;

  /**
   * Whether DynamoDB refuses to delete the table. Pending events live there only: turn it off in test stacks alone.
   *
   * @default true
   */
  readonly deletionProtection?: boolean;

  /**
   * What happens to the table when it leaves the stack.
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
   * How long one invocation of the relay may take: at most 15 minutes, and at least twelve times `requestTimeout` and
   * 30 seconds.
   *
   * @default Duration.seconds(90)
   */
  readonly relayTimeout?: Duration;

  /**
   * How many shards the table's stream is going to have: one for about every 1,000 write units a second. One relay runs
   * for each, and synthesis refuses more of them than the brokers let in.
   *
   * @default 4
   */
  readonly expectedShards?: number;

  /**
   * Invocations of the relay at the same time that Lambda keeps free for it, and never exceeds: at least
   * `expectedShards`.
   *
   * @default - what the account has free
   */
  readonly relayConcurrency?: number;

  /**
   * How often the sweeper looks at the whole table for what the stream has lost, in whole minutes. Each look costs half a
   * read unit for every 4 KB that the table holds. With `sweepAfter` at most 12 hours.
   *
   * @default Duration.hours(1)
   */
  readonly sweepEvery?: Duration;

  /**
   * After which time an item should have been published, in whole seconds: the sweeper asks the relay for those that
   * are older. Shorter than an outage that you expect, it asks for what is on its way anyhow.
   *
   * @default Duration.hours(1)
   */
  readonly sweepAfter?: Duration;

  /**
   * Read units that the sweeper takes in one second at most; at least 25. A thousand reads 8 MB, and some 6 GB in one
   * run: the sweep of a larger table goes on in the next.
   *
   * @default 1_000
   */
  readonly sweepReadUnitsPerSecond?: number;

  /**
   * The sweeper's code, with `index.handler`; for tests of stacks and for own builds.
   *
   * @default - the bundle that this package contains
   */
  readonly sweeperCode?: Code;

  /**
   * The relay's code, with `index.handler`; for tests of stacks and for own builds.
   *
   * @default - the bundle that this package contains
   */
  readonly relayCode?: Code;

  /**
   * How long the logs of relay and sweeper are kept.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;

  /**
   * The objective, who is told when it is missed, and the dashboard; `false` for no alarms and no dashboard.
   *
   * @default - every alarm and the dashboard; nobody is told
   */
  readonly monitoring?: OutboxMonitoringOptions | false;
}

/** Every default that is a value; what depends on the stack is described at its option. */
export const OUTBOX_DEFAULTS = {
  compression: RELAY_DEFAULTS.compression,
  order: RELAY_DEFAULTS.order,
  retention: Duration.seconds(RELAY_DEFAULTS.retentionSeconds),
  maxBatchBytes: RELAY_DEFAULTS.maxBatchBytes,
  requestTimeout: Duration.millis(RELAY_DEFAULTS.requestTimeoutMs),
  partitionPatience: Duration.seconds(RELAY_DEFAULTS.partitionPatienceSeconds),
  maxPartitionHolds: RELAY_DEFAULTS.maxPartitionHolds,
  deletionProtection: true,
  // Node gets a twentieth of it for each half of its young generation, which V8 rounds up to a power of two: 32 MB.
  relayMemorySize: 640,
  relayTimeout: Duration.seconds(90),
  // A new table on demand takes 4,000 write units a second.
  expectedShards: 4,
  sweepEvery: Duration.hours(1),
  sweepAfter: Duration.seconds(SWEEPER_DEFAULTS.sweepAfterSeconds),
  sweepReadUnitsPerSecond: SWEEPER_DEFAULTS.readUnitsPerSecond,
  logRetention: RetentionDays.ONE_MONTH,
} as const satisfies Partial<OutboxProps>;

export type ResolvedOutboxProps = Omit<OutboxProps, 'topics'> &
  Required<Pick<OutboxProps, keyof typeof OUTBOX_DEFAULTS>> &
  ResolvedBrokers & { readonly topics: readonly string[] };

/** As a record, so that a new option that is not listed does not compile. */
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
 * Fills in the defaults and refuses what cannot work.
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

/** Every invocation reads the holds: more would make each of them slow. */
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

/** What would be ignored is refused: whoever gave it believes that it has an effect. */
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
/** The pages that are read at once are paid for before the sweeper runs out of time. */
const LEAST_SWEEP_READ_UNITS = 25;
/** Half of the time after which a stream drops a record: what it loses must have been noticed before. */
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
