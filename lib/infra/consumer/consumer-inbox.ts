import { Stack } from 'aws-cdk-lib';
import { TableV2, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { INBOX_TABLE } from '../../event/table';
import { checkLocations, locationsOfKeys } from '../options/locations';
import { resolveOptions } from '../options/option-table';
import { grantKey, NEW_TABLE_OPTIONS, newTable, type NewTableProps } from '../outbox/new-table';

/** Options of a `ConsumerInbox`. */
export type ConsumerInboxProps = NewTableProps;

/**
 * The table in which consumers record applied events and keep parked ones. Several consumers may share a table; each
 * has access only to its own part.
 *
 * @example
 * ```ts
 * import { Stack } from 'aws-cdk-lib';
 * import { ConsumerInbox } from 'dynamodb-outbox/cdk';
 *
 * const inbox = new ConsumerInbox(new Stack(), 'Inbox');
 * ```
 */
export class ConsumerInbox extends Construct {
  /** For `OutboxConsumer`, and for your own functions as `tableName` of `createConsumer`. */
  readonly table: ITable;

  /** @throws OutboxError `invalid-option` when an option is unknown or cannot work. */
  constructor(scope: Construct, id: string, props: ConsumerInboxProps = {}) {
    super(scope, id);
    const resolved = resolveOptions('ConsumerInbox', props, NEW_TABLE_OPTIONS);
    checkLocations(Stack.of(this), locationsOfKeys({ encryptionKey: resolved.encryptionKey }));
    this.table = new TableV2(this, 'Resource', newTable(this, INBOX_TABLE, resolved));
  }

  /** Grants a consumer that runs elsewhere, for example by `runConsumer`, access to its own part of the table. */
  grantConsume(grantee: IGrantable, consumerName: string): Grant {
    return grantInbox(this.table, grantee, consumerName);
  }

  /** Allows a service to query whether a consumer has applied its writes: `isApplied`, `waitUntilApplied`, `lag`. */
  grantWait(grantee: IGrantable, consumerName: string): Grant {
    return grantWait(this.table, grantee, consumerName);
  }

  /**
   * Allows an operator's tools to read everything and to put requests to consumers, such as a redrive or a resend. The
   * tools cannot change records of applied events.
   */
  grantOperate(grantee: IGrantable): void {
    grantKey(this.table, grantee);
    const resourceArns = [this.table.tableArn];
    Grant.addToPrincipal({
      grantee,
      actions: ['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan'],
      resourceArns,
    });
    Grant.addToPrincipal({
      grantee,
      actions: ['dynamodb:PutItem'],
      resourceArns,
      conditions: onlyKeys('*#$requests', '*#$resend#*'),
    });
  }
}

/** All keys of a consumer begin with its name. */
export function grantInbox(table: ITable, grantee: IGrantable, consumerName: string): Grant {
  grantKey(table, grantee);
  return Grant.addToPrincipal({
    grantee,
    actions: [
      'dynamodb:GetItem',
      'dynamodb:Query',
      // `TransactWriteItems` has no permission of its own: IAM authorises each entry as the single operation.
      'dynamodb:PutItem',
      'dynamodb:DeleteItem',
      'dynamodb:ConditionCheckItem',
    ],
    resourceArns: [table.tableArn],
    conditions: onlyKeys(`${consumerName}#*`),
  });
}

export function grantWait(table: ITable, grantee: IGrantable, consumerName: string): Grant {
  grantKey(table, grantee);
  return Grant.addToPrincipal({
    grantee,
    actions: ['dynamodb:GetItem'],
    resourceArns: [table.tableArn],
    conditions: onlyKeys(`${consumerName}#*`),
  });
}

const onlyKeys = (...patterns: string[]) => ({
  'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': patterns },
});
