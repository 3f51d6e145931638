import { requireOptions } from '../../event/options';
import { gatherFacts, type DoctorTarget } from './facts';
import { judge } from './judge';
import type { DoctorLine } from './line';

/** What cannot be found from the table. */
export interface DoctorOptions {
  /** Of the deployed stack: nothing in the table leads to its sweeper. Left out: the sweeper is not checked. */
  readonly sweeperFunctionName?: string;
}

/** What is right, what is not, and how to mend it. */
export interface DoctorReport {
  readonly tableName: string;
  /** Always the same checks in the same order. */
  readonly lines: readonly DoctorLine[];
}

/**
 * Compares what is deployed with what this package needs: table, event source mapping, functions, and what the caller
 * may do. Reads only. Says of each check whether it is right, how to mend it, or why it could not be checked: it does
 * not reject for what it is not allowed to look at.
 *
 * Not seen: the schedule of the sweeper, what the functions may do in Kafka and with the stream, and readers of the stream
 * other than Lambda.
 *
 * @param target - without `lambda`, `sts` and `iam` what those know is not checked
 * @throws OutboxError `invalid-option` for an option that does not exist.
 */
export async function doctor(target: DoctorTarget, options: DoctorOptions = {}): Promise<DoctorReport> {
  requireOptions(options, ['sweeperFunctionName']);
  const facts = await gatherFacts(target, options.sweeperFunctionName);
  return { tableName: target.tableName, lines: judge(facts) };
}
