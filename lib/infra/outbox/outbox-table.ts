import { RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import {
  AttributeType,
  Billing,
  ProjectionType,
  StreamViewType,
  TableEncryptionV2,
  TableV2,
  type ITable,
} from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { CONTROL_PARTITION } from '../../event/key';
import { TABLE } from '../../event/table';
import { invalidOption } from '../options/invalid-option';

export interface OutboxTableProps {
  /** An existing table with a stream; then no other option applies. */
  readonly table?: ITable;
  readonly tableName?: string;
  readonly replicas?: string[];
  readonly encryptionKey?: IKey;
  readonly deletionProtection: boolean;
  readonly removalPolicy?: RemovalPolicy;
}

/** Pattern of the outbox's own partition keys, which share the first segment of this one. */
const OWN_PARTITIONS = `${CONTROL_PARTITION.slice(0, CONTROL_PARTITION.indexOf('#') + 1)}*`;

/** The actions of DynamoDB on a customer managed key, which it performs as the caller who reads or writes. */
export const KEY_ACTIONS = ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*'];

/** The stateful part: the table, in its own construct so that no other change can replace it. */
export class OutboxTable extends Construct {
  readonly table: ITable;
  /** ARN of the stream that triggers the relay. */
  readonly streamArn: string;

  constructor(scope: Construct, id: string, props: OutboxTableProps) {
    super(scope, id);
    this.table = props.table ?? this.#newTable(props);
    this.streamArn = this.table.tableStreamArn ?? '';
  }

  #newTable(props: OutboxTableProps): TableV2 {
    return new TableV2(this, 'Resource', {
      tableName: props.tableName,
      partitionKey: { name: TABLE.partitionKey, type: AttributeType.STRING },
      sortKey: { name: TABLE.sortKey, type: AttributeType.STRING },
      localSecondaryIndexes: [
        {
          indexName: TABLE.pin.indexName,
          sortKey: { name: TABLE.pin.attribute, type: AttributeType.STRING },
          projectionType: ProjectionType[TABLE.pin.projection],
        },
      ],
      billing: Billing.onDemand(),
      // DynamoDB's replication needs a stream of both images.
      dynamoStream:
        props.replicas === undefined ? StreamViewType[TABLE.streamViewType] : StreamViewType.NEW_AND_OLD_IMAGES,
      replicas: props.replicas?.map((region) => ({ region })),
      timeToLiveAttribute: TABLE.timeToLiveAttribute,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: encryptionBy(props.encryptionKey, this),
      deletionProtection: props.deletionProtection,
      removalPolicy: props.removalPolicy ?? retentionOf(props.tableName),
    });
  }

  /** Allows `actions` on the table only, not on its index. */
  grant(grantee: IGrantable, ...actions: string[]): Grant {
    this.#grantKey(grantee);
    return Grant.addToPrincipal({ grantee, actions, resourceArns: [this.table.tableArn] });
  }

  /**
   * Allows the puts of the write helper. `TransactWriteItems` has no permission of its own: IAM authorises each entry
   * as the single operation, and a put's condition as part of the put.
   */
  grantWrite(grantee: IGrantable): Grant {
    this.#grantKey(grantee);
    return Grant.addToPrincipal({
      grantee,
      actions: ['dynamodb:PutItem'],
      resourceArns: [this.table.tableArn],
      // A service must not overwrite a hold: later items of its key would overtake the parked one.
      conditions: { 'ForAllValues:StringNotLike': { 'dynamodb:LeadingKeys': [OWN_PARTITIONS] } },
    });
  }

  /**
   * Allows the operations of the operator's tools: to read everything, to put signals, to record on items who requested
   * what, and to sweep. The tools never publish, mark or delete an event.
   */
  grantOperate(grantee: IGrantable): Grant {
    this.#grantKey(grantee);
    return Grant.addToPrincipal({
      grantee,
      actions: [
        'dynamodb:DescribeTable',
        // To check the table's settings.
        'dynamodb:DescribeTimeToLive',
        'dynamodb:DescribeContinuousBackups',
        'dynamodb:Query',
        'dynamodb:GetItem',
        'dynamodb:Scan',
        'dynamodb:PutItem',
        'dynamodb:UpdateItem',
        // To replace a lost signal.
        'dynamodb:DeleteItem',
      ],
      resourceArns: [this.table.tableArn],
    });
  }

  #grantKey(grantee: IGrantable): void {
    this.table.encryptionKey?.grant(grantee, ...KEY_ACTIONS);
  }
}

/** `RETAIN` also keeps a rolled-back table, and under a fixed name the next attempt fails with "already exists". */
export const retentionOf = (tableName: string | undefined): RemovalPolicy =>
  tableName === undefined ? RemovalPolicy.RETAIN : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;

/** @throws OutboxError `invalid-option` for a key in a stack whose region is unknown. */
export function encryptionBy(encryptionKey: IKey | undefined, scope: Construct): TableEncryptionV2 | undefined {
  if (encryptionKey === undefined) return undefined;
  if (!Token.isUnresolved(Stack.of(scope).region)) return TableEncryptionV2.customerManagedKey(encryptionKey);
  throw invalidOption(
    'encryptionKey',
    encryptionKey,
    'left out in a stack whose region is known only at deployment',
    'CloudFormation takes the key of a table per region: give the stack env: { region }.',
  );
}
