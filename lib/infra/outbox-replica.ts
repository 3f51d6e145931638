import { Stack } from 'aws-cdk-lib';
import { TableV2, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { awsCallLogs } from './cluster/bootstrap-brokers';
import { checkNames } from './guards/names';
import { checkPlaces } from './guards/places';
import { checkOptions, invalidOption, type OptionKind } from './invalid-option';
import { placesOfKeys } from './places-of';

/** What an `OutboxReplica` can be told. */
export interface OutboxReplicaProps {
  /** Name of the table: the same in every region. */
  readonly tableName: string;

  /**
   * Key of its own region that encrypts it, where there is one: the relay and the sweeper must use it.
   *
   * @default - a key that DynamoDB owns
   */
  readonly encryptionKey?: IKey;
}

/**
 * The replica of an outbox's table in the stack's own region, for the outbox there. Its stream is asked for at
 * deployment: the template that made it belongs to another region.
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
    checkOptions('OutboxReplica', props, OPTIONS);
    const { tableName, encryptionKey } = props;
    if (typeof tableName !== 'string') {
      throw invalidOption('tableName', tableName, 'the name of the table', 'It is the same in every region.');
    }
    checkNames({ tableName });
    checkPlaces(Stack.of(this), placesOfKeys({ encryptionKey }));
    const tableArn = Stack.of(this).formatArn({ service: 'dynamodb', resource: 'table', resourceName: tableName });
    const call = {
      service: 'DynamoDB',
      action: 'describeTable',
      parameters: { TableName: tableName },
      outputPaths: [STREAM_ARN],
      physicalResourceId: PhysicalResourceId.of(`stream-of-${tableName}`),
    };
    const lookUp = new AwsCustomResource(this, 'LookUp', {
      resourceType: 'Custom::ReplicaStream',
      onCreate: call,
      onUpdate: call,
      policy: AwsCustomResourcePolicy.fromSdkCalls({ resources: [tableArn] }),
      // The SDK that Lambda brings: nothing is fetched from the internet while deploying.
      installLatestAwsSdk: false,
      logGroup: awsCallLogs(this),
    });
    this.table = TableV2.fromTableAttributes(this, 'Table', {
      tableArn,
      tableStreamArn: lookUp.getResponseField(STREAM_ARN),
      encryptionKey,
    });
  }
}

/** As a record, so that a new option that is not listed does not compile. */
const OPTIONS: Readonly<Record<keyof OutboxReplicaProps, OptionKind>> = { tableName: true, encryptionKey: true };

const STREAM_ARN = 'Table.LatestStreamArn';
