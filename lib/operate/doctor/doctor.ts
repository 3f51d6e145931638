import { requireOptions } from '../../event/options';
import { readDeployment, type DoctorOptions, type DoctorTarget } from './read-deployment';
import { checkDeployment } from './checks';
import type { DoctorLine } from './line';

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
