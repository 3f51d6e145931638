import type { ContinuousBackupsDescription, TableDescription, TimeToLiveDescription } from '@aws-sdk/client-dynamodb';
import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import type { HomeRegion } from '../../event/home-region';
import { decodeRelayConfig, OUTBOX_ID_VARIABLE } from '../../relay/environment';
import { decodeSweeperConfig } from '../../sweep/environment';
import type { Control } from '../../event/control';
import {
  checkConcurrency,
  checkConfiguration,
  checkFunction,
  checkOwner,
  checkRights,
  checkRuntime,
  checkTimeout,
  relayTiming,
  variablesOf,
  type Rights,
} from './check-functions';
import {
  checkFormerReaders,
  checkLastResult,
  checkLocalMapping,
  checkMappingState,
  checkReaders,
  checkSetting,
  relayOf,
  SETTINGS,
  type Reader,
} from './check-mapping';
import type { KafkaState } from './read-kafka';
import { checkBrokers, type FunctionBrokers } from './check-brokers';
import {
  checkDeadLetterTopics,
  checkGroups,
  checkOpenTopics,
  checkReachable,
  checkReadTopics,
  checkSweeperRuns,
  type SweeperRuns,
} from './check-kafka';
import { checkAlarms, checkTopics, type DeployedAlarms, type NoticeTopic } from './check-notices';
import {
  checkBackups,
  checkBilling,
  checkDeletionProtection,
  checkGapSuspicion,
  checkKeys,
  checkPin,
  checkReplicas,
  checkStream,
  checkTable,
  checkTimeToLive,
} from './check-table';
import { type CheckResult, type DoctorLine, line, ok, unknown, wrong } from './line';
import { both, existing, known, type Lookup, then } from './lookup';

/** The result of IAM's simulation of the caller and `OPERATOR_ACTIONS` on the table. */
export interface Permissions extends Rights {
  readonly caller: string;
}

/** A deployed outbox, in AWS's own terms. */
export interface Deployment {
  readonly tableName: string;
  /** For a table with several regions: those for which the relay here publishes. */
  readonly home?: HomeRegion;
  /** `undefined`: there is no such table. */
  readonly table: Lookup<TableDescription | undefined>;
  readonly timeToLive: Lookup<TimeToLiveDescription>;
  readonly backups: Lookup<Partial<ContinuousBackupsDescription>>;
  readonly state: Lookup<Pick<Control, 'streamArn' | 'gapSuspectedSince' | 'owner'>>;
  /** The readers of every stream that the table has had. */
  readonly readers: Lookup<readonly Reader[]>;
  readonly sweeper: Lookup<FunctionConfiguration | undefined>;
  readonly sweeperConcurrency: Lookup<number | undefined>;
  readonly sweeperRights: Lookup<Rights>;
  readonly sweeperRuns: Lookup<SweeperRuns>;
  /** The brokers of every function that is known to use Kafka. */
  readonly brokers: Lookup<readonly FunctionBrokers[]>;
  readonly alarms: Lookup<DeployedAlarms>;
  readonly noticeTopics: Lookup<readonly NoticeTopic[]>;
  readonly permissions: Lookup<Permissions>;
  /** State of the event source mapping on a local stack. */
  readonly localMapping?: 'Enabled' | 'Disabled';
  /** Left out: Kafka is not checked. */
  readonly kafka?: KafkaState;
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
  /** The note of a redrive; a suspected gap of the stream; an unprocessable signal. */
  'dynamodb:UpdateItem': ['redrive', 'sweep'],
  /** A signal that was lost, together with the put of its successor. */
  'dynamodb:DeleteItem': ['sweep'],
  /** Which stream the table has, and whether it has several regions. */
  'dynamodb:DescribeTable': ['status', 'held', 'show', 'where', 'redrive', 'replay', 'sweep', 'verify', 'doctor'],
  'dynamodb:DescribeTimeToLive': ['doctor'],
  'dynamodb:DescribeContinuousBackups': ['doctor'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** One line for each check, always in the same order; those of Kafka only if it was read. */
export function checkDeployment(deployment: Deployment): readonly DoctorLine[] {
  const { tableName, home } = deployment;
  const table = existing(deployment.table, 'table');
  const mappings = both(table, deployment.readers);
  const relay = then(mappings, ([description, readers]) => relayOf(description, readers));
  const relayFunction = existing(
    then(relay, (reader) => reader.function),
    'function',
  );
  const sweeper = existing(deployment.sweeper, 'function');
  return [
    line('table', deployment.table, checkTable),
    line('keys', table, checkKeys),
    line('stream', table, checkStream),
    line(
      'time to live',
      then(table, () => deployment.timeToLive),
      (found) => checkTimeToLive(found, tableName),
    ),
    line('index that keeps a key in one shard', table, checkPin),
    line('billing', table, checkBilling),
    line(
      'point-in-time recovery',
      then(table, () => deployment.backups),
      (found) => checkBackups(found, tableName),
    ),
    line('deletion protection', table, checkDeletionProtection),
    line('replicas', table, (found) => checkReplicas(found, home)),
    line('trust in the stream', both(table, deployment.state), (found) => checkGapSuspicion(found, home)),
    line('mapping', mappings, checkReaders),
    line('mappings of former streams', mappings, checkFormerReaders),
    deployment.localMapping === undefined
      ? line('mapping: state', relay, checkMappingState)
      : line('mapping: state', known(deployment.localMapping), checkLocalMapping),
    line('mapping: last result', relay, checkLastResult),
    ...SETTINGS.map((setting) =>
      line(
        `mapping: ${setting.name}`,
        then(relay, (reader) => both(known(reader), setting.of(reader.mapping))),
        checkSetting(setting),
      ),
    ),
    line(
      'relay',
      then(relay, (reader) => reader.function),
      checkFunction,
    ),
    line('relay: runtime', relayFunction, checkRuntime),
    line('relay: configuration', then(relayFunction, variablesOf), (variables) =>
      checkConfiguration(variables, decodeRelayConfig, tableName),
    ),
    line(
      'relay: owner of the table',
      both(deployment.state, then(relayFunction, variablesOf)),
      ([{ owner }, variables]) => checkOwner(owner, variables[OUTBOX_ID_VARIABLE]),
    ),
    line('relay: timeout', then(relayFunction, relayTiming), checkTimeout),
    line(
      'relay: concurrency',
      then(relay, (reader) => reader.concurrency),
      checkConcurrency,
    ),
    line(
      'relay: permissions',
      then(relay, (reader) => reader.rights),
      checkRights,
    ),
    line('sweeper', deployment.sweeper, checkFunction),
    line('sweeper: runtime', sweeper, checkRuntime),
    line('sweeper: configuration', then(sweeper, variablesOf), (variables) =>
      checkConfiguration(variables, decodeSweeperConfig, tableName),
    ),
    line('sweeper: concurrency', deployment.sweeperConcurrency, checkConcurrency),
    line('sweeper: permissions', deployment.sweeperRights, checkRights),
    line('sweeper: schedule', deployment.sweeperRuns, checkSweeperRuns),
    line('brokers of the functions', deployment.brokers, checkBrokers),
    line('alarms', deployment.alarms, checkAlarms),
    line('topics of the alarms', deployment.noticeTopics, checkTopics),
    ...(deployment.kafka === undefined ? [] : kafkaLines(deployment.kafka)),
    line('permissions of the caller', deployment.permissions, checkPermissions),
  ];
}

const kafkaLines = ({ reachableBrokers, kafkaTopics, openTopics, groups }: KafkaState): readonly DoctorLine[] => [
  line('brokers reachable from here', reachableBrokers, checkReachable),
  line('topics of pending items', both(kafkaTopics, openTopics), checkOpenTopics),
  line('topics of the consumers', kafkaTopics, checkReadTopics),
  line('dead-letter topics', kafkaTopics, checkDeadLetterTopics),
  line('consumer groups', groups, checkGroups),
];

function checkPermissions({ caller, denied, undecided }: Permissions): CheckResult {
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
        remedy: 'Run the command: its error names the missing permission.',
      });
}
