import { Stack, type RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, TableV2, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { INBOX_TABLE } from '../../event/table';
import { checkLocations, locationsOfKeys } from '../options/locations';
import { TABLE_NAME, anyValue, type OptionTable, defaultsOf, resolveOptions } from '../options/option-table';
import { encryptionBy, KEY_ACTIONS, retentionOf } from '../outbox/outbox-table';

/** Options of a `ConsumerInbox`. */
export interface ConsumerInboxProps {
  /**
   * Name of the table. CloudFormation cannot replace a named table: remove it and make it again.
   *
   * @default - generated
   */
  readonly tableName?: string;

  /**
   * Key that encrypts the table; the stack must then have a region. The grants include the key.
   *
   * @default - a key that DynamoDB owns
   */
  readonly encryptionKey?: IKey;

  /**
   * Whether DynamoDB refuses to delete the table. The table is the only record of what consumers have applied: set
   * `false` only in test stacks.
   *
   * @default true
   */
  readonly deletionProtection?: boolean;

  /**
   * Removal policy of the table.
   *
   * @default - RemovalPolicy.RETAIN; with `tableName` RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

const OPTIONS = {
  tableName: TABLE_NAME,
  encryptionKey: anyValue(),
  deletionProtection: anyValue(true),
  removalPolicy: anyValue(),
} satisfies OptionTable<ConsumerInboxProps>;

export const INBOX_DEFAULTS = defaultsOf(OPTIONS);

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
    const { tableName, encryptionKey, deletionProtection, removalPolicy } = resolveOptions(
      'ConsumerInbox',
      props,
      OPTIONS,
    );
    checkLocations(Stack.of(this), locationsOfKeys({ encryptionKey }));
    this.table = new TableV2(this, 'Resource', {
      tableName,
      partitionKey: { name: INBOX_TABLE.partitionKey, type: AttributeType.STRING },
      sortKey: { name: INBOX_TABLE.sortKey, type: AttributeType.STRING },
      billing: Billing.onDemand(),
      timeToLiveAttribute: INBOX_TABLE.timeToLiveAttribute,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: encryptionBy(encryptionKey, this),
      deletionProtection,
      removalPolicy: removalPolicy ?? retentionOf(tableName),
    });
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

const grantKey = (table: ITable, grantee: IGrantable): void => void table.encryptionKey?.grant(grantee, ...KEY_ACTIONS);
