import { Stack } from 'aws-cdk-lib';
import { TableV2, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { awsLookUp } from '../functions/aws-look-up';
import { checkLocations, locationsOfKeys } from '../options/locations';
import { required, resolveOptions, TABLE_NAME, unchecked, type OptionTable } from '../options/option-table';

/** Options of an `OutboxReplica`. */
export interface OutboxReplicaProps {
  /** Name of the table: the same in every region. */
  readonly tableName: string;

  /**
   * The replica's own key, if it has one: the relay and the sweeper need permission to use it.
   *
   * @default - a key that DynamoDB owns
   */
  readonly encryptionKey?: IKey;
}

/**
 * The replica of an outbox's table in the stack's own region, for the outbox there. A deployment looks up its stream,
 * because the template that made it belongs to another region.
 *
 * @example
 * ```ts
 * import { App, Stack } from 'aws-cdk-lib';
 * import { Outbox, OutboxCluster, OutboxNetwork, OutboxReplica } from 'dynamodb-outbox/cdk';
 *
 * const stack = new Stack(new App(), 'Frankfurt', { env: { region: 'eu-central-1' } });
 * const cluster = OutboxCluster.serverless(stack, 'Cluster', { network: new OutboxNetwork(stack, 'Network') });
 * new Outbox(stack, 'Outbox', {
 *   cluster,
 *   topics: ['orders'],
 *   table: new OutboxReplica(stack, 'Replica', { tableName: 'outbox' }).table,
 *   publishesFor: ['eu-central-1'],
 * });
 * ```
 */
export class OutboxReplica extends Construct {
  readonly table: ITable;

  constructor(scope: Construct, id: string, props: OutboxReplicaProps) {
    super(scope, id);
    const { tableName, encryptionKey } = resolveOptions('OutboxReplica', props, OPTIONS);
    checkLocations(Stack.of(this), locationsOfKeys({ encryptionKey }));
    const tableArn = Stack.of(this).formatArn({ service: 'dynamodb', resource: 'table', resourceName: tableName });
    const lookUp = awsLookUp(this, {
      resourceType: 'Custom::ReplicaStream',
      resourceArn: tableArn,
      call: {
        service: 'DynamoDB',
        action: 'describeTable',
        parameters: { TableName: tableName },
        outputPaths: [STREAM_ARN],
        physicalResourceId: PhysicalResourceId.of(`stream-of-${tableName}`),
      },
    });
    this.table = TableV2.fromTableAttributes(this, 'Table', {
      tableArn,
      tableStreamArn: lookUp.getResponseField(STREAM_ARN),
      encryptionKey,
    });
  }
}

const OPTIONS = {
  tableName: required(TABLE_NAME),
  ...unchecked('encryptionKey'),
} satisfies OptionTable<OutboxReplicaProps>;

const STREAM_ARN = 'Table.LatestStreamArn';
