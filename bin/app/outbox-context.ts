import { CfnOutput, Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Outbox } from '../../lib/infra/outbox/outbox';
import type { OutboxProps } from '../../lib/infra/outbox/outbox-props';
import { COMPRESSIONS, ORDERS } from '../../lib/relay/environment';
import { oneOf, text, wholeNumber, type ContextOf } from './context-values';
import { MONITORING_KEYS, monitoringOf } from './monitoring-context';

/** Context keys of the outbox itself, on a new and on an existing cluster. */
export const OUTBOX_KEYS = {
  ...MONITORING_KEYS,
  /** How long a processed item stays readable; 0 deletes it at once. */
  retentionSeconds: wholeNumber,
  compression: oneOf(...COMPRESSIONS),
  order: oneOf(...ORDERS),
  /** Value of the metrics dimension `Outbox`. */
  outboxName: text,
};

/** The options of an outbox in `scope` that these keys set. */
export const outboxOptions = (
  scope: Construct,
  context: ContextOf<typeof OUTBOX_KEYS>,
  region?: string,
): Partial<OutboxProps> => ({
  retention: context.retentionSeconds === undefined ? undefined : Duration.seconds(context.retentionSeconds),
  compression: context.compression,
  order: context.order,
  outboxName: context.outboxName,
  monitoring: monitoringOf(scope, context, region),
});

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
