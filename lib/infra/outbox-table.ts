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
import { CONTROL_PARTITION } from '../event/key';
import { TABLE } from '../event/table';
import { invalidOption } from './invalid-option';

export interface OutboxTableProps {
  /** One that exists, with a stream; then nothing else applies. */
  readonly table?: ITable;
  readonly tableName?: string;
  readonly replicas?: string[];
  readonly encryptionKey?: IKey;
  readonly deletionProtection: boolean;
  readonly removalPolicy?: RemovalPolicy;
}

/** Partition keys of the outbox itself begin like this one's first segment. */
const OWN_PARTITIONS = `${CONTROL_PARTITION.slice(0, CONTROL_PARTITION.indexOf('#') + 1)}*`;

/** What DynamoDB does with a customer managed key in the name of whoever reads and writes. */
export const KEY_ACTIONS = ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*'];

/** The stateful part: the table that is the log, in a construct of its own so that nothing else can replace it. */
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
      // DynamoDB replicates by what a stream of both images carries.
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

  /** Allows `actions` on the table alone: none of them reaches the index. */
  grant(grantee: IGrantable, ...actions: string[]): Grant {
    this.#grantKey(grantee);
    return Grant.addToPrincipal({ grantee, actions, resourceArns: [this.table.tableArn] });
  }

  /**
   * Allows the puts of the write helper. `TransactWriteItems` has no permission of its own: each entry is authorised as
   * the operation it stands for, and the condition of a put is part of the put.
   */
  grantWrite(grantee: IGrantable): Grant {
    this.#grantKey(grantee);
    return Grant.addToPrincipal({
      grantee,
      actions: ['dynamodb:PutItem'],
      resourceArns: [this.table.tableArn],
      // A service must not be able to overwrite a hold: its key's later items would overtake the parked one.
      conditions: { 'ForAllValues:StringNotLike': { 'dynamodb:LeadingKeys': [OWN_PARTITIONS] } },
    });
  }

  /**
   * Allows what the operator's tools do: look at everything, put signals and note on items who asked for what, and
   * sweep. Nothing of it publishes, marks or deletes an event.
   */
  grantOperate(grantee: IGrantable): Grant {
    this.#grantKey(grantee);
    return Grant.addToPrincipal({
      grantee,
      actions: [
        'dynamodb:DescribeTable',
        // To see whether the table is as it must be.
        'dynamodb:DescribeTimeToLive',
        'dynamodb:DescribeContinuousBackups',
        'dynamodb:Query',
        'dynamodb:GetItem',
        'dynamodb:Scan',
        'dynamodb:PutItem',
        'dynamodb:UpdateItem',
        // Of a signal that was lost and is put again.
        'dynamodb:DeleteItem',
      ],
      resourceArns: [this.table.tableArn],
    });
  }

  #grantKey(grantee: IGrantable): void {
    this.table.encryptionKey?.grant(grantee, ...KEY_ACTIONS);
  }
}

/** `RETAIN` holds on the rollback of a creation too: under a fixed name the next attempt finds "already exists". */
export const retentionOf = (tableName: string | undefined): RemovalPolicy =>
  tableName === undefined ? RemovalPolicy.RETAIN : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;

/** @throws OutboxError `invalid-option` for a key in a stack whose region is not known. */
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
