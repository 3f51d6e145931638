import { CfnOutput } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Outbox } from '../../lib/infra/outbox/outbox';

/** Stack outputs that services and operators need. */
export function outboxOutputs(scope: Construct, outbox: Outbox, topics: readonly string[]): void {
  const { table, relay, sweeper, outboxName } = outbox;
  const outputs: Readonly<Record<string, readonly [value: string, description: string]>> = {
    TableName: [table.tableName, 'Table that services write events to.'],
    TableArn: [table.tableArn, 'For the policies of services that write.'],
    RelayName: [relay.functionName, 'Function that publishes to Kafka.'],
    SweeperName: [sweeper.functionName, 'Function that finds items that the stream has lost.'],
    Topics: [topics.join(','), 'Kafka topics that events may go to.'],
    OutboxName: [outboxName, 'Value of the metrics dimension "Outbox".'],
  };
  for (const [id, [value, description]] of Object.entries(outputs)) new CfnOutput(scope, id, { value, description });
}
