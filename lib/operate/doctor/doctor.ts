import { requireOptions } from '../../event/options';
import { checkBrokers } from './check-brokers';
import { relayLines, sweeperLines } from './check-functions';
import { checkSweeperRuns, kafkaLines } from './check-kafka';
import { mappingLines, relayOf } from './check-mapping';
import { checkAlarms, checkTopics } from './check-notices';
import { tableLines } from './check-table';
import type { Deployment, Permissions } from './deployment';
import { line, ok, unknown, wrong, both, existing, then, type DoctorLine, type CheckResult } from './lookup';
import { OPERATOR_ACTIONS, readDeployment, type DoctorOptions, type DoctorTarget } from './read-deployment';

/** The result of {@link doctor}. */
export interface DoctorReport {
  readonly tableName: string;
  /** Always in the same order; checks of Kafka only with `kafkaTarget`. */
  readonly lines: readonly DoctorLine[];
}

/**
 * Compares the deployment with the needs of this package: table, event source mapping, functions and their brokers,
 * alarms and their recipients, and the caller's permissions; with `kafkaTarget` also brokers, topics and consumer
 * groups. Reads only. Each line reports whether its check is right, how to fix it, or why it could not be checked.
 * Missing permissions do not make the call reject.
 *
 * Not checked: permissions of the functions in Kafka and on the stream, readers of the stream other than Lambda,
 * conditions and denials in the policy of a notified topic, and the policy of its key: see `pageTest`.
 *
 * @param target - without a client, the checks of its service are left out
 * @throws OutboxError `invalid-option` for an option that does not exist.
 */
export async function doctor(target: DoctorTarget, options: DoctorOptions = {}): Promise<DoctorReport> {
  requireOptions(options, ['sweeperFunctionName', 'kafkaFunctionNames', 'kafkaTarget', 'consumers', 'localMapping']);
  const deployment = await readDeployment(target, options);
  return { tableName: target.tableName, lines: checkDeployment(deployment) };
}

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
