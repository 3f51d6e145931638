import { App } from 'aws-cdk-lib';
import { parseClusterContext } from '../lib/infra/context';
import { ExistingClusterStack } from '../lib/infra/existing-cluster-stack';

const app = new App({ analyticsReporting: false });
new ExistingClusterStack(app, 'Outbox', {
  description: 'Transactional outbox: a DynamoDB table and the relay that publishes its events to Kafka',
  context: parseClusterContext(app.node.getAllContext() as Record<string, unknown>),
});
