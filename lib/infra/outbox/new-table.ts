import { RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, type ITable, type TablePropsV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { INBOX_TABLE, TABLE } from '../../event/table';
import { invalidOption } from '../options/invalid-option';
import { anyValue, TABLE_NAME, unchecked, type OptionTable, type Resolved } from '../options/option-table';

/** Options of a table that a construct makes. */
export interface NewTableProps {
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
   * Whether DynamoDB refuses to delete the table. Pending events, and the record of applied ones, exist only in it: set
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

export const NEW_TABLE_OPTIONS = {
  tableName: TABLE_NAME,
  deletionProtection: anyValue(true),
  ...unchecked('encryptionKey', 'removalPolicy'),
} satisfies OptionTable<NewTableProps>;

/** Properties that the tables of outboxes and inboxes share. */
export const newTable = (
  scope: Construct,
  schema: typeof TABLE | typeof INBOX_TABLE,
  { tableName, encryptionKey, deletionProtection, removalPolicy }: Resolved<NewTableProps, typeof NEW_TABLE_OPTIONS>,
): TablePropsV2 => ({
  tableName,
  partitionKey: { name: schema.partitionKey, type: AttributeType.STRING },
  sortKey: { name: schema.sortKey, type: AttributeType.STRING },
  billing: Billing.onDemand(),
  timeToLiveAttribute: schema.timeToLiveAttribute,
  pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
  encryption: encryptionBy(encryptionKey, scope),
  deletionProtection,
  // `RETAIN` also keeps a rolled-back table, and under a fixed name the next attempt fails with "already exists".
  removalPolicy:
    removalPolicy ?? (tableName === undefined ? RemovalPolicy.RETAIN : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE),
});

/** @throws OutboxError `invalid-option` for a key in a stack whose region is unknown. */
function encryptionBy(encryptionKey: IKey | undefined, scope: Construct): TableEncryptionV2 | undefined {
  if (encryptionKey === undefined) return undefined;
  if (!Token.isUnresolved(Stack.of(scope).region)) return TableEncryptionV2.customerManagedKey(encryptionKey);
  throw invalidOption(
    'encryptionKey',
    encryptionKey,
    'left out in a stack whose region is known only at deployment',
    'CloudFormation takes the key of a table per region: give the stack env: { region }.',
  );
}

/** The actions of DynamoDB on a customer managed key, which it performs as the caller who reads or writes. */
const KEY_ACTIONS = ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*'];

export const grantKey = ({ encryptionKey }: ITable, grantee: IGrantable): void =>
  void encryptionKey?.grant(grantee, ...KEY_ACTIONS);
