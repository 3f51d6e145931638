import {
  BatchExecuteStatementCommand,
  type BatchExecuteStatementCommandOutput,
  DeleteItemCommand,
  UpdateItemCommand,
  type BatchStatementRequest,
  type BatchStatementResponse,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { positionKey } from '../../event/position';
import { storedReceipts } from '../../event/receipt';
import { throttledMs } from '../../timing/backoff';
import type { RelayConfig } from '../environment';
import { forEachKey, forEachOf } from '../../timing/for-each';
import type { Sleep } from '../../timing/wait';
import { deadlineIn, type Deadline } from '../../timing/within-time';
import type { Clock, ItemStore, Mark } from '../ports';
import { ifConditionHolds, isFull, isFullError, isTransientCode } from '../../dynamodb/refusals';
import { IS_OPEN } from '../../event/item-state';
import { BY_CLIENT, type DirectCalls } from './direct-calls';
import { conditionalOn, groupsOf } from './item';

/** BatchExecuteStatement takes at most 25 statements, one per item. */
const STATEMENTS_PER_CALL = 25;
const CALLS_AT_ONCE = 16;
const ATTEMPTS = 5;

interface Task {
  readonly mark: Mark;
  slim: boolean;
}

/**
 * Marks items by PartiQL, 25 per HTTP request, because DynamoDB has no batch of UpdateItem. Every statement is
 * conditional on the item's id, so an item that expired, was deleted or was replaced at its position is left alone. If
 * an item is too full for its mark, its events are removed; if it is still too full, it is deleted.
 *
 * A call in flight when the time limit ends may still take effect. That is harmless: the record is delivered again and
 * settled by the table.
 */
export function markWriter(
  client: DynamoDBClient,
  { tableName, retentionSeconds }: Pick<RelayConfig, 'tableName' | 'retentionSeconds'>,
  clock: Clock,
  sleep: Sleep,
  direct: DirectCalls = BY_CLIENT,
): ItemStore['mark'] {
  const target = `"${tableName}"`;
  const where = `WHERE "pk"=? AND "sk"=? AND "id"=?`;
  const set = `SET "processedAt"=? SET "receipts"=? SET "expiresAt"=?`;
  const mark = `UPDATE ${target} ${set} ${where}`;
  const slimMark = `UPDATE ${target} ${set} REMOVE "events" ${where}`;
  const remove = `DELETE FROM ${target} ${where}`;

  const statement = ({ mark: { pk, sk, id, receipts }, slim }: Task, nowMs: number): BatchStatementRequest => {
    const identity = [{ S: pk }, { S: sk }, { S: id }];
    if (retentionSeconds === 0) return { Statement: remove, Parameters: identity };
    return {
      Statement: slim ? slimMark : mark,
      Parameters: [
        { N: String(nowMs) },
        storedReceipts(receipts),
        { N: String(Math.ceil(nowMs / 1000) + retentionSeconds) },
        ...identity,
      ],
    };
  };

  const execute = async (tasks: readonly Task[], withinLimit: Deadline): Promise<readonly BatchStatementResponse[]> => {
    const now = clock.now();
    const input = { Statements: tasks.map((task) => statement(task, now)) };
    const { Responses } = await withinLimit((abortSignal) => {
      const byClient = (): Promise<BatchExecuteStatementCommandOutput> =>
        client.send(new BatchExecuteStatementCommand(input), { abortSignal });
      return direct('BatchExecuteStatement', input, byClient, abortSignal);
    });
    return Responses ?? [];
  };

  /** Deletes by key, because the relay may delete by PartiQL only if the retention is 0. */
  const deleteItem = async (mark: Mark, failures: Map<Mark, unknown>, withinLimit: Deadline): Promise<void> => {
    const { pk, sk, id } = mark;
    try {
      const remove = new DeleteItemCommand({
        TableName: tableName,
        Key: { pk: { S: pk }, sk: { S: sk } },
        ConditionExpression: 'id = :id',
        ExpressionAttributeValues: { ':id': { S: id } },
      });
      await ifConditionHolds(withinLimit((abortSignal) => client.send(remove, { abortSignal })));
    } catch (cause) {
      failures.set(mark, cause);
    }
  };

  /** Returns the cause if the whole call failed. */
  const writeCall = async (
    marks: readonly Mark[],
    failures: Map<Mark, unknown>,
    withinLimit: Deadline,
  ): Promise<{ readonly cause: unknown } | undefined> => {
    let open: Task[] = marks.map((mark) => ({ mark, slim: false }));
    const unmarkable: Mark[] = [];
    for (let attempt = 0; open.length > 0; attempt++) {
      let answers: readonly BatchStatementResponse[];
      try {
        if (attempt > 0) await withinLimit(() => sleep(throttledMs(attempt)));
        answers = await execute(open, withinLimit);
      } catch (cause) {
        for (const { mark } of open) failures.set(mark, cause);
        return { cause };
      }
      const last = attempt === ATTEMPTS - 1;
      open = open.filter((task, at) => {
        const answer = answers[at];
        const error = answer === undefined ? MISSING_ANSWER : (answer.Error ?? undefined);
        const code = error?.Code;
        // If the condition failed, the item is gone or replaced, so there is nothing to mark.
        if (error === undefined || code === 'ConditionalCheckFailed') return false;
        if (isFull(code) && retentionSeconds > 0) {
          // The mark usually fits once the events are removed.
          if (task.slim) {
            unmarkable.push(task.mark);
            return false;
          }
          task.slim = true;
          if (!last) return true;
        }
        if (isTransientCode(code) && !last) return true;
        failures.set(task.mark, error);
        return false;
      });
    }
    // Published items without room for the mark would be published again and again, and stop their shard.
    for (const mark of unmarkable) await deleteItem(mark, failures, withinLimit);
    return undefined;
  };

  return async (marks, timeLimitMs) => {
    const withinLimit = timeLimit(timeLimitMs);
    const failures = new Map<Mark, unknown>();
    let unanswered: { readonly cause: unknown } | undefined;
    await forEachOf(callsOf(marks), CALLS_AT_ONCE, async (call) => {
      // If the table does not answer one call with its retries, the other calls would use up the invocation.
      if (unanswered === undefined) unanswered = await writeCall(call, failures, withinLimit);
      else for (const mark of call) failures.set(mark, unanswered.cause);
    });
    return failures;
  };
}

const MISSING_ANSWER = {
  Code: 'InternalServerError',
  Message: 'DynamoDB returned no result for a statement.',
} as const;

/** Groups marks into calls. DynamoDB refuses two statements for one position in a call. */
function callsOf(marks: readonly Mark[]): Mark[][] {
  const seen = new Map<string, number>();
  const waves: Mark[][] = [];
  for (const mark of marks) {
    const position = positionKey(mark.pk, mark.sk);
    const wave = seen.get(position) ?? 0;
    seen.set(position, wave + 1);
    (waves[wave] ??= []).push(mark);
  }
  return waves.flatMap((wave) => groupsOf(wave, STATEMENTS_PER_CALL));
}

/** Records on open items which of their events are already published. One call per item: these items are rare. */
export function receiptWriter(client: DynamoDBClient, tableName: string): Required<ItemStore>['noteReceipts'] {
  const write = (mark: Mark, abortSignal: AbortSignal): Promise<unknown> => {
    const condition = conditionalOn(tableName, mark, IS_OPEN);
    const receipts = { ':receipts': storedReceipts(mark.receipts) };
    const update = new UpdateItemCommand({
      ...condition,
      UpdateExpression: 'SET receipts = :receipts',
      ExpressionAttributeValues: { ...condition.ExpressionAttributeValues, ...receipts },
    });
    return client.send(update, { abortSignal });
  };

  return async (marks, timeLimitMs) => {
    const withinLimit = timeLimit(timeLimitMs);
    const failures = new Map<Mark, unknown>();
    await forEachKey(marks, async (mark) => {
      try {
        await ifConditionHolds(withinLimit((abortSignal) => write(mark, abortSignal)));
      } catch (cause) {
        // The item may have no room for the note.
        if (!isFullError(cause)) failures.set(mark, cause);
      }
    });
    return failures;
  };
}

class TimeLimitExceeded extends Error {
  override readonly name = 'TimeLimitExceeded';
}

const timeLimit = (ms: number): Deadline =>
  deadlineIn(ms, () => new TimeLimitExceeded(`DynamoDB did not complete the work within ${ms} ms.`));
