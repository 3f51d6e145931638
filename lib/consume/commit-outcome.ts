import { isThrottling } from '../dynamodb/sdk-error';
import { messageOf, OutboxError } from '../event/errors';
import {
  checkDistinctItems,
  checkTransactionSize,
  DYNAMODB_LIMITS,
  type TransactionAction,
} from '../dynamodb/transaction';
import type { WriteResult } from './ports';
import { KeyDelayed } from './service-error';
import { checkOneItemPerKey, versionConflict } from './written-items';

/**
 * How many actions a handler may return, those of emitted events included. A transaction has 100 (Amazon DynamoDB
 * developer guide, "Quotas"), and the consumer needs up to three of them: the row of the key, a marker or a condition,
 * and the removal of a parked message. The limit is the same for a first delivery, so that each event that can be
 * applied can also be redriven.
 */
export const MAX_HANDLER_ACTIONS = DYNAMODB_LIMITS.transactionActions - 3;

/** Refuses a transaction that DynamoDB would refuse, and names the action. `own` follows the handler's `actions`. */
export function checkUnit(
  actions: readonly TransactionAction[],
  own: readonly TransactionAction[],
  inboxTable: string,
): void {
  if (actions.length > MAX_HANDLER_ACTIONS) {
    throw new OutboxError(
      'too-many-actions',
      `The handler returned ${actions.length} actions, those of emitted events included; it may return ${MAX_HANDLER_ACTIONS}, because the consumer's own records take up to three of DynamoDB's 100. Split the effect where it need not be atomic.`,
      { got: actions.length, max: MAX_HANDLER_ACTIONS },
    );
  }
  const entries = [...actions, ...own];
  checkTransactionSize(entries);
  checkOneItemPerKey(actions);
  checkDistinctItems(entries, new Map([[inboxTable, ['pk', 'sk']]]));
}

/**
 * Interprets the result of a transaction of `effects`, followed by records of the consumer. `stale`: the state that a
 * record depends on has changed, or another transaction was writing the same item; decide again.
 *
 * The index of a reason shows whose condition failed. If a record's condition failed, another consumer has changed the
 * inbox, and other failures do not matter.
 *
 * @throws KeyDelayed if DynamoDB throttles one of the items; OutboxError `condition-failed`, `version-conflict` or
 * `action-rejected` for entries of the handler.
 */
export function outcomeOf(result: WriteResult, effects: readonly TransactionAction[]): 'written' | 'stale' {
  if (result.kind === 'written') return 'written';
  if (result.kind === 'rejected') {
    const what = `the transaction of ${effects.length} entries of the handler`;
    throw actionRejected(what, messageOf(result.cause), result.cause);
  }
  const { reasons, cause } = result;
  if (reasons.slice(effects.length).includes('ConditionalCheckFailed')) return 'stale';
  const failed = reasons.indexOf('ConditionalCheckFailed');
  if (failed !== -1) {
    throw (
      versionConflict(effects[failed], cause) ??
      new OutboxError(
        'condition-failed',
        `The condition of action ${failed} of the handler was not met, so nothing was written.`,
        { index: failed },
        { cause },
      )
    );
  }
  if (reasons.includes('TransactionConflict')) return 'stale';
  if (reasons.some(isThrottling)) throw new KeyDelayed('throttled', cause);
  const index = reasons.findIndex((reason) => reason !== 'None');
  throw actionRejected(`action ${index} of the handler`, reasons[index] ?? 'no reason given', cause, { index });
}

/** The error of a transaction that DynamoDB refuses. `index`: of the action, if it is known. */
export const actionRejected = (
  what: string,
  reason: string,
  cause: unknown,
  { index = 0, advice = '' } = {},
): OutboxError =>
  new OutboxError('action-rejected', `DynamoDB refused ${what}: ${reason}${advice}`, { index, reason }, { cause });
