import { CfnOutput, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, Billing, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Grant } from 'aws-cdk-lib/aws-iam';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { OutboxCluster } from '../../lib/infra/cluster/outbox-cluster';
import type { OutboxTopics } from '../../lib/infra/cluster/outbox-topics';
import { ConsumerInbox } from '../../lib/infra/consumer/consumer-inbox';
import { OutboxConsumer } from '../../lib/infra/consumer/outbox-consumer';
import { bundledFunction } from '../../lib/infra/functions/outbox-function';

export interface ExampleConsumerStackProps extends StackProps {
  readonly cluster: OutboxCluster;
  readonly topics: OutboxTopics;
  /** Replaces the bundle, for tests. */
  readonly code?: Code;
  readonly topicsCode?: Code;
}

/** An example consumer, and a starting point for your own: it keeps a view of each order's total and status. */
export class ExampleConsumerStack extends Stack {
  readonly consumer: OutboxConsumer;

  constructor(
    scope: Construct,
    id: string,
    { cluster, topics, code, topicsCode, ...props }: ExampleConsumerStackProps,
  ) {
    super(scope, id, props);
    // Deleting the example leaves nothing behind. Stacks in real use keep the defaults, which retain the data.
    const removal = { removalPolicy: RemovalPolicy.DESTROY, deletionProtection: false };
    const view = new TableV2(this, 'OrderView', {
      partitionKey: { name: 'id', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      ...removal,
    });
    this.consumer = new OutboxConsumer(this, 'Consumer', {
      consumerName: 'example',
      cluster,
      topics,
      code: code ?? bundledFunction('example-consumer'),
      topicsCode,
      inbox: new ConsumerInbox(this, 'Inbox', removal).table,
      environment: { ORDER_VIEW_TABLE: view.tableName },
    });
    Grant.addToPrincipal({
      grantee: this.consumer,
      // The operations of the handlers' transaction actions.
      actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
      resourceArns: [view.tableArn],
    });
    const outputs = {
      FunctionName: this.consumer.function.functionName,
      InboxTableName: this.consumer.inbox.tableName,
      OrderViewTableName: view.tableName,
    };
    for (const [output, value] of Object.entries(outputs)) new CfnOutput(this, output, { value });
  }
}
