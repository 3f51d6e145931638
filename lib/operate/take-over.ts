import { ConditionalCheckFailedException, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { stateKey } from '../event/control';
import type { OperatorNote } from '../event/signal';
import { controlStore } from '../relay/dynamodb/control';
import { checkRequest } from './redrive';
import { refuse, type OutboxTarget } from './target';

/** The outbox that owns a table, and the one that takes it over. */
export interface TakeOverPlan {
  /** `undefined` for a table that no relay has claimed. */
  readonly from?: string;
  readonly to: string;
}

/**
 * Looks up the owner of the table, and changes nothing.
 *
 * @throws OutboxError `operation-refused` when `to` is empty, or owns the table already.
 */
export async function planTakeOver(target: OutboxTarget, to: string): Promise<TakeOverPlan> {
  if (to.trim() === '') refuse('take-over', "the id of the outbox is empty. It is OUTBOX_ID of its relay's function.");
  const { owner } = await controlStore(target).read();
  if (owner === to) refuse('take-over', `the table belongs to "${to}" already. Nothing was changed.`);
  return { from: owner, to };
}

/**
 * Makes another outbox the owner of the table. From then on its relay publishes, and the relay of the former owner
 * publishes nothing. Disable the mapping of the former relay first, and wait until its last invocation has ended.
 *
 * @throws OutboxError `operation-refused` without a name or a reason, or if the owner is another one than in the plan.
 */
export async function takeOver(target: OutboxTarget, plan: TakeOverPlan, request: OperatorNote): Promise<void> {
  const { client, tableName, home } = target;
  const { from, to } = plan;
  checkRequest('take-over', request);
  try {
    await client.send(
      new UpdateItemCommand({
        TableName: tableName,
        Key: marshall(stateKey(home)),
        UpdateExpression: 'SET #owner = :to, takenOver = :request ADD revision :one',
        ConditionExpression: from === undefined ? 'attribute_not_exists(#owner)' : '#owner = :from OR #owner = :to',
        ExpressionAttributeNames: { '#owner': 'owner' },
        ExpressionAttributeValues: {
          ':to': { S: to },
          ':one': { N: '1' },
          ':request': { M: marshall(request) },
          ...(from === undefined ? {} : { ':from': { S: from } }),
        },
      }),
    );
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    refuse('take-over', 'another outbox has become the owner meanwhile. Run the command again.');
  }
}
