import { checkBrokers } from './check-brokers';
import { relayLines, sweeperLines } from './check-functions';
import { checkSweeperRuns, kafkaLines } from './check-kafka';
import { mappingLines, relayOf } from './check-mapping';
import { checkAlarms, checkTopics } from './check-notices';
import { tableLines } from './check-table';
import type { Deployment, Permissions } from './deployment';
import { type CheckResult, type DoctorLine, line, ok, unknown, wrong } from './line';
import { both, existing, then } from './lookup';

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
  const { sweeperRuns, brokers, alarms, noticeTopics, kafka, permissions } = deployment;
  const table = existing(deployment.table, 'table');
  const mappings = both(table, deployment.readers);
  const relay = then(mappings, ([description, readers]) => relayOf(description, readers));
  return [
    ...tableLines(deployment, table),
    ...mappingLines(deployment, mappings, relay),
    ...relayLines(deployment, relay),
    ...sweeperLines(deployment),
    line('sweeper: schedule', sweeperRuns, checkSweeperRuns),
    line('brokers of the functions', brokers, checkBrokers),
    line('alarms', alarms, checkAlarms),
    line('topics of the alarms', noticeTopics, checkTopics),
    ...(kafka === undefined ? [] : kafkaLines(kafka)),
    line('permissions of the caller', permissions, checkPermissions),
  ];
}

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
