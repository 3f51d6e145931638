import { AttributeType, ProjectionType, StreamViewType, TableV2, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { OWN_PARTITIONS } from '../../event/key';
import { TABLE } from '../../event/table';
import type { Resolved } from '../options/option-table';
import { grantKey, newTable, type NEW_TABLE_OPTIONS, type NewTableProps } from './new-table';

interface OutboxTableProps extends Resolved<NewTableProps, typeof NEW_TABLE_OPTIONS> {
  /** An existing table with a stream; then no other option applies. */
  readonly table?: ITable;
  readonly replicas?: string[];
}

/** The stateful part: the table, in its own construct so that no other change can replace it. */
export class OutboxTable extends Construct {
  readonly table: ITable;
  readonly streamArn: string;

  constructor(scope: Construct, id: string, props: OutboxTableProps) {
    super(scope, id);
    this.table = props.table ?? this.#newTable(props);
    this.streamArn = this.table.tableStreamArn ?? '';
  }

  #newTable(props: OutboxTableProps): TableV2 {
    return new TableV2(this, 'Resource', {
      ...newTable(this, TABLE, props),
      localSecondaryIndexes: [
        {
          indexName: TABLE.pin.indexName,
          sortKey: { name: TABLE.pin.attribute, type: AttributeType.STRING },
          projectionType: ProjectionType[TABLE.pin.projection],
        },
      ],
      // DynamoDB's replication needs a stream of both images.
      dynamoStream:
        props.replicas === undefined ? StreamViewType[TABLE.streamViewType] : StreamViewType.NEW_AND_OLD_IMAGES,
      replicas: props.replicas?.map((region) => ({ region })),
    });
  }

  /** Allows `actions` on the table only, not on its index. */
  grant(grantee: IGrantable, ...actions: string[]): Grant {
    grantKey(this.table, grantee);
    return Grant.addToPrincipal({ grantee, actions, resourceArns: [this.table.tableArn] });
  }

  /**
   * Allows the puts of the write helper. `TransactWriteItems` has no permission of its own: IAM authorises each entry
   * as the single operation, and a put's condition as part of the put.
   */
  grantWrite(grantee: IGrantable): Grant {
    grantKey(this.table, grantee);
    return Grant.addToPrincipal({
      grantee,
      actions: ['dynamodb:PutItem'],
      resourceArns: [this.table.tableArn],
      // A service must not overwrite a hold: later items of its key would overtake the parked one.
      conditions: { 'ForAllValues:StringNotLike': { 'dynamodb:LeadingKeys': [`${OWN_PARTITIONS}*`] } },
    });
  }

  /**
   * Allows the operations of the operator's tools: to read everything, to put signals, to record on items who requested
   * what, and to sweep. The tools never publish, mark or delete an event.
   */
  grantOperate(grantee: IGrantable): Grant {
    grantKey(this.table, grantee);
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
}
