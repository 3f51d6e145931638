import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { viewFromHome } from '../relay/dynamodb/home-region';
import { findRelay } from './find-relay';
import type { Target } from './target';

/**
 * The same target, seen as the relay of its region sees it: a table with several regions keeps holds and state for each
 * of them, and each publishes what was written there. A table with one region stays as it is. The client is changed: use
 * it for this target alone.
 *
 * @throws OutboxError `operation-refused` when the table has several regions and no relay reads its stream here.
 */
export async function inHomeRegion(target: Target, lambda: LambdaClient): Promise<Target> {
  const { client, tableName } = target;
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  if ((Table?.Replicas ?? []).length === 0) return target;
  const { home } = await findRelay(target, lambda);
  return { client: viewFromHome(client, home), tableName, home };
}

/**
 * The same for whoever looks for what is wrong: what keeps the region from being known, such as a relay whose mapping was
 * deleted, must not keep that from being found. The target then stays as it is.
 */
export async function inHomeRegionIfKnown(target: Target, lambda: LambdaClient): Promise<Target> {
  try {
    return await inHomeRegion(target, lambda);
  } catch {
    return target;
  }
}
