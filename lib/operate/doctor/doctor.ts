import { requireOptions } from '../../event/options';
import { gatherFacts, type DoctorTarget } from './facts';
import { judge } from './judge';
import type { DoctorLine } from './line';
import type { DoctorOptions } from './options';

/** What is right, what is not, and how to mend it. */
export interface DoctorReport {
  readonly tableName: string;
  /** Always the same checks in the same order. */
  readonly lines: readonly DoctorLine[];
}

/**
 * Compares what is deployed with what this package needs: table, event source mapping, functions, their brokers, alarms and
 * whom they notify, and what the caller may do; with `kafkaTarget` also brokers, topics and consumer groups. Reads only. Says of each check whether it is right, how to mend it, or why it could not be checked: it does
 * not reject for what it is not allowed to look at.
 *
 * Not seen: what the functions may do in Kafka and with the stream, readers of the stream
 * other than Lambda, conditions and denials in the policy of a notified topic, and the policy of its key: see `pageTest`.
 *
 * @param target - without a client what its service knows is not checked
 * @throws OutboxError `invalid-option` for an option that does not exist.
 */
export async function doctor(target: DoctorTarget, options: DoctorOptions = {}): Promise<DoctorReport> {
  requireOptions(options, ['sweeperFunctionName', 'kafkaFunctionNames', 'kafkaTarget', 'consumers', 'localMapping']);
  const facts = await gatherFacts(target, options);
  return { tableName: target.tableName, lines: judge(facts) };
}
