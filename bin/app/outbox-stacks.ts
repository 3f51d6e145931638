import type { StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { parseExistingClusterContext, ExistingClusterStack } from './existing-cluster-stack';
import { parseNewClusterContext, newClusterStacks, type StackCode } from './new-cluster-stacks';
import { oneOf, ownKeys, type Context } from './outbox-context';

const readCluster = oneOf('serverless', 'express', 'standard', 'existing');

/** These keys imply an existing cluster. */
const OF_EXISTING = ['bootstrapBrokers', 'clusterArn'];

/**
 * Makes the stacks of the context: everything, with a new cluster, or only the outbox, on an existing one.
 *
 * @throws OutboxError `invalid-option` for a value or a combination that cannot work, and for a misspelt key.
 */
export function outboxStacks(scope: Construct, context: Context, props: StackProps & StackCode = {}): void {
  const { cluster: given, ...rest } = ownKeys(context);
  const implied = OF_EXISTING.some((key) => rest[key] !== undefined) ? 'existing' : 'serverless';
  const cluster = readCluster('cluster', given) ?? implied;
  if (cluster === 'existing') {
    new ExistingClusterStack(scope, 'Outbox', {
      description: 'Transactional outbox: a DynamoDB table and the relay that publishes its events to Kafka',
      ...props,
      context: parseExistingClusterContext(rest),
    });
  } else {
    newClusterStacks(scope, { ...props, context: parseNewClusterContext({ ...rest, cluster }) });
  }
}
