import type { ContinuousBackupsDescription, TableDescription, TimeToLiveDescription } from '@aws-sdk/client-dynamodb';
import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import type { HomeRegion } from '../../event/home-region';
import { decodeRelayConfig, OUTBOX_ID_VARIABLE } from '../../relay/environment';
import { decodeSweeperConfig } from '../../sweep/environment';
import type { Control } from '../../event/control';
import {
  judgeConcurrency,
  judgeConfiguration,
  judgeFunction,
  judgeOwner,
  judgeRights,
  judgeRuntime,
  judgeTimeout,
  relayTiming,
  variablesOf,
  type Rights,
} from './judge-functions';
import {
  judgeFormerReaders,
  judgeLastResult,
  judgeLocalMapping,
  judgeMappingState,
  judgeReaders,
  judgeSetting,
  relayOf,
  SETTINGS,
  type Reader,
} from './judge-mapping';
import type { KafkaFacts } from './gather-kafka';
import { judgeBrokers, type FunctionBrokers } from './judge-brokers';
import {
  judgeDeadLetterTopics,
  judgeGroups,
  judgeOpenTopics,
  judgeReachable,
  judgeReadTopics,
  judgeSweeperRuns,
  type SweeperRuns,
} from './judge-kafka';
import { judgeAlarms, judgeTopics, type AlarmFacts, type TopicFacts } from './judge-notices';
import {
  judgeBackups,
  judgeBilling,
  judgeDeletionProtection,
  judgeDoubt,
  judgeKeys,
  judgePin,
  judgeReplicas,
  judgeStream,
  judgeTable,
  judgeTimeToLive,
} from './judge-table';
import {
  both,
  existing,
  known,
  line,
  ok,
  then,
  unknown,
  wrong,
  type DoctorLine,
  type Fact,
  type Judgement,
} from './line';

/** The result of IAM's simulation of the caller and `OPERATOR_ACTIONS` on the table. */
export interface Permissions extends Rights {
  readonly caller: string;
}

/** A deployed outbox, in AWS's own terms. */
export interface DoctorFacts {
  readonly tableName: string;
  /** For a table with several regions: those for which the relay here publishes. */
  readonly home?: HomeRegion;
  /** `undefined`: there is no such table. */
  readonly table: Fact<TableDescription | undefined>;
  readonly timeToLive: Fact<TimeToLiveDescription>;
  readonly backups: Fact<Partial<ContinuousBackupsDescription>>;
  readonly state: Fact<Pick<Control, 'streamArn' | 'doubtSince' | 'owner'>>;
  /** The readers of every stream that the table has had. */
  readonly readers: Fact<readonly Reader[]>;
  readonly sweeper: Fact<FunctionConfiguration | undefined>;
  readonly sweeperConcurrency: Fact<number | undefined>;
  readonly sweeperRights: Fact<Rights>;
  readonly sweeperRuns: Fact<SweeperRuns>;
  /** The brokers of every function that is known to use Kafka. */
  readonly brokers: Fact<readonly FunctionBrokers[]>;
  readonly alarms: Fact<AlarmFacts>;
  readonly noticeTopics: Fact<readonly TopicFacts[]>;
  readonly permissions: Fact<Permissions>;
  /** State of the event source mapping on a local stack. */
  readonly localMapping?: 'Enabled' | 'Disabled';
  /** Left out: Kafka is not checked. */
  readonly kafka?: KafkaFacts;
}

/** Table actions that an operator needs, and the commands that need them. Transactions have no own action. */
export const OPERATOR_ACTIONS = {
  /** The control partition; the items of a key. */
  'dynamodb:Query': ['explain', 'status', 'held', 'show', 'where', 'redrive', 'sweep', 'verify', 'doctor'],
  /** One hold; the revision of a large control partition; the item that a key waits for. */
  'dynamodb:GetItem': ['explain', 'status', 'held', 'show', 'where', 'redrive', 'restore', 'sweep', 'verify', 'doctor'],
  /** Every item: to count them, to find what the stream lost, or what was committed at some time. */
  'dynamodb:Scan': ['explain', 'status', 'replay', 'sweep', 'verify', 'doctor'],
  /** Signals. Restoring an item takes it as well. */
  'dynamodb:PutItem': ['redrive', 'replay', 'sweep'],
  /** The note of a redrive; a suspected gap of the stream; a signal that is set aside. */
  'dynamodb:UpdateItem': ['redrive', 'sweep'],
  /** A signal that was lost, together with the put of its successor. */
  'dynamodb:DeleteItem': ['sweep'],
  /** Which stream the table has, and whether it has several regions. */
  'dynamodb:DescribeTable': ['status', 'held', 'show', 'where', 'redrive', 'replay', 'sweep', 'verify', 'doctor'],
  'dynamodb:DescribeTimeToLive': ['doctor'],
  'dynamodb:DescribeContinuousBackups': ['doctor'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** One line for each check, always in the same order; those of Kafka only if it was read. */
export function judge(facts: DoctorFacts): readonly DoctorLine[] {
  const { tableName, home } = facts;
  const table = existing(facts.table, 'table');
  const mappings = both(table, facts.readers);
  const relay = then(mappings, ([description, readers]) => relayOf(description, readers));
  const relayFunction = existing(
    then(relay, (reader) => reader.function),
    'function',
  );
  const sweeper = existing(facts.sweeper, 'function');
  return [
    line('table', facts.table, judgeTable),
    line('keys', table, judgeKeys),
    line('stream', table, judgeStream),
    line(
      'time to live',
      then(table, () => facts.timeToLive),
      (found) => judgeTimeToLive(found, tableName),
    ),
    line('index that keeps a key in one shard', table, judgePin),
    line('billing', table, judgeBilling),
    line(
      'point-in-time recovery',
      then(table, () => facts.backups),
      (found) => judgeBackups(found, tableName),
    ),
    line('deletion protection', table, judgeDeletionProtection),
    line('replicas', table, (found) => judgeReplicas(found, home)),
    line('trust in the stream', both(table, facts.state), (found) => judgeDoubt(found, home)),
    line('mapping', mappings, judgeReaders),
    line('mappings of former streams', mappings, judgeFormerReaders),
    facts.localMapping === undefined
      ? line('mapping: state', relay, judgeMappingState)
      : line('mapping: state', known(facts.localMapping), judgeLocalMapping),
    line('mapping: last result', relay, judgeLastResult),
    ...SETTINGS.map((setting) =>
      line(
        `mapping: ${setting.name}`,
        then(relay, (reader) => both(known(reader), setting.of(reader.mapping))),
        judgeSetting(setting),
      ),
    ),
    line(
      'relay',
      then(relay, (reader) => reader.function),
      judgeFunction,
    ),
    line('relay: runtime', relayFunction, judgeRuntime),
    line('relay: configuration', then(relayFunction, variablesOf), (variables) =>
      judgeConfiguration(variables, decodeRelayConfig, tableName),
    ),
    line('relay: owner of the table', both(facts.state, then(relayFunction, variablesOf)), ([{ owner }, variables]) =>
      judgeOwner(owner, variables[OUTBOX_ID_VARIABLE]),
    ),
    line('relay: timeout', then(relayFunction, relayTiming), judgeTimeout),
    line(
      'relay: concurrency',
      then(relay, (reader) => reader.concurrency),
      judgeConcurrency,
    ),
    line(
      'relay: permissions',
      then(relay, (reader) => reader.rights),
      judgeRights,
    ),
    line('sweeper', facts.sweeper, judgeFunction),
    line('sweeper: runtime', sweeper, judgeRuntime),
    line('sweeper: configuration', then(sweeper, variablesOf), (variables) =>
      judgeConfiguration(variables, decodeSweeperConfig, tableName),
    ),
    line('sweeper: concurrency', facts.sweeperConcurrency, judgeConcurrency),
    line('sweeper: permissions', facts.sweeperRights, judgeRights),
    line('sweeper: schedule', facts.sweeperRuns, judgeSweeperRuns),
    line('brokers of the functions', facts.brokers, judgeBrokers),
    line('alarms', facts.alarms, judgeAlarms),
    line('topics of the alarms', facts.noticeTopics, judgeTopics),
    ...(facts.kafka === undefined ? [] : kafkaLines(facts.kafka)),
    line('permissions of the caller', facts.permissions, judgePermissions),
  ];
}

const kafkaLines = ({ reachableBrokers, kafkaTopics, openTopics, groups }: KafkaFacts): readonly DoctorLine[] => [
  line('brokers reachable from here', reachableBrokers, judgeReachable),
  line('topics of pending items', both(kafkaTopics, openTopics), judgeOpenTopics),
  line('topics of the consumers', kafkaTopics, judgeReadTopics),
  line('dead-letter topics', kafkaTopics, judgeDeadLetterTopics),
  line('consumer groups', groups, judgeGroups),
];

function judgePermissions({ caller, denied, undecided }: Permissions): Judgement {
  const described = (which: readonly string[]): string =>
    Object.entries(OPERATOR_ACTIONS)
      .filter(([action]) => which.includes(action))
      .map(([action, commands]) => `${action} (for ${commands.join(', ')})`)
      .join('; ');
  if (denied.length > 0) {
    return wrong(
      `${caller} may not ${described(denied)}`,
      'Allow these actions on the table, or leave those commands to others.',
    );
  }
  return undecided.length === 0
    ? ok(`${caller} may do all that the commands need`)
    : unknown({
        because: `${caller}: conditions of its policies decide about ${described(undecided)}`,
        remedy: 'Try a command: it says what it may not do.',
      });
}
