import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { findRelay } from './find-relay';
import type { OutboxTarget } from './target';

/**
 * Returns the target as the relay of its region sees it. In a table with several regions, each region has its own holds
 * and state, and publishes the events that were written there. A table with one region stays as it is.
 *
 * @throws OutboxError `operation-refused` if the table has several regions and no relay reads its stream here.
 */
export async function inHomeRegion(target: OutboxTarget, lambda: LambdaClient): Promise<OutboxTarget> {
  const { client, tableName } = target;
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  if ((Table?.Replicas ?? []).length === 0) return target;
  const { home } = await findRelay(target, lambda);
  return { ...target, home };
}

/**
 * The same for commands that look for faults. If the region cannot be found, for example because the relay's mapping
 * was deleted, the target stays as it is: the command must still find that fault.
 */
export async function inHomeRegionIfKnown(target: OutboxTarget, lambda: LambdaClient): Promise<OutboxTarget> {
  try {
    return await inHomeRegion(target, lambda);
  } catch {
    return target;
  }
}
