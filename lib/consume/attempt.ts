import { checkDistinctItems } from '../event/distinct-actions';
import { OutboxError } from '../event/errors';
import { shown } from '../event/options';
import type { TransactionAction } from '../event/transaction';
import { checkTransactionSize } from '../event/transaction-size';
import type { WriteResult } from './ports';

/** DynamoDB is away or throttles: nobody's fault, so it costs no attempt. */
export class ConsumerOutage extends Error {
  override readonly name = 'ConsumerOutage';
}

/** The codes of a cancellation that pass by themselves. */
const THROTTLED: readonly string[] = ['ThrottlingError', 'ProvisionedThroughputExceeded'];

/** What a handler gave as entries, or why that is none. */
export function effectsOf(type: string, given: unknown): readonly TransactionAction[] {
  if (given === undefined) return [];
  if (Array.isArray(given)) return given as readonly TransactionAction[];
  throw new OutboxError(
    'invalid-effects',
    `The handler of "${type}" gave ${shown(given)}; it must give an array of transaction entries, or nothing.`,
    { type, got: given },
  );
}

export const handlerTooLate = (type: string, timeoutMs: number): OutboxError =>
  new OutboxError(
    'handler-too-late',
    `The handler of "${type}" has given nothing within ${timeoutMs} ms. What it gives later is dropped.`,
    { type, timeoutMs },
  );

/** Refuses what DynamoDB would refuse, saying which entry is wrong: one unit of a shared transaction, with its record. */
export function checkUnit(entries: readonly TransactionAction[], inboxTable: string): void {
  checkTransactionSize(entries);
  checkDistinctItems(entries, new Map([[inboxTable, ['pk', 'sk']]]));
}

/**
 * What became of a unit of `effects` entries and a record behind them. `stale`: the record was decided on what has
 * changed meanwhile, or another transaction was writing the same item; decide again.
 *
 * The place of a reason tells whose condition failed: that of the record says that another consumer was here, whatever
 * else failed with it.
 *
 * @throws ConsumerOutage when DynamoDB throttles; OutboxError `condition-failed` or `entry-rejected` for the handler's.
 */
export function outcomeOf(result: WriteResult, effects: number): 'written' | 'stale' {
  if (result.kind === 'written') return 'written';
  if (result.kind === 'refused') {
    throw new OutboxError(
      'entry-rejected',
      `DynamoDB refused the transaction of ${effects} entries of the handler: ${textOf(result.cause)}`,
      { index: 0, reason: textOf(result.cause) },
      { cause: result.cause },
    );
  }
  const { reasons, cause } = result;
  if (reasons.slice(effects).includes('ConditionalCheckFailed')) return 'stale';
  const failed = reasons.indexOf('ConditionalCheckFailed');
  if (failed !== -1) {
    throw new OutboxError(
      'condition-failed',
      `The condition of entry ${failed} of the handler was not met, so nothing was written.`,
      { index: failed },
      { cause },
    );
  }
  if (reasons.includes('TransactionConflict')) return 'stale';
  if (reasons.some((reason) => THROTTLED.includes(reason))) throw new ConsumerOutage('Throttled.', { cause });
  const index = reasons.findIndex((reason) => reason !== 'None');
  const reason = reasons[index] ?? 'no reason given';
  throw new OutboxError(
    'entry-rejected',
    `DynamoDB refused entry ${index} of the handler: ${reason}`,
    { index, reason },
    { cause },
  );
}

const textOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
