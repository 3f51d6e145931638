import { Stack, Stage } from 'aws-cdk-lib';
import { CfnGlobalTable, type CfnTable, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IConstruct } from 'constructs';
import { invalidOption } from '../options/invalid-option';
import { known, partsOfArn, tableNameIn, locationOf, type ArnParts, type LocatedResource } from '../options/locations';
import { isTable, propertiesOf, referencedBy } from './app-tree';

export interface UsedTable {
  readonly user: IConstruct;
  readonly table: ITable;
}

/**
 * Whether two constructs use the same table: the same construct, name, ARN or stream. `false` if the app cannot show
 * it, for example with tokens of two stacks.
 */
export function isSameTable(one: UsedTable, other: UsedTable): boolean {
  if (!isSameLocation(one, other)) return false;
  const [made, otherMade] = [madeTableOf(one.table), madeTableOf(other.table)];
  if (made !== undefined && made === otherMade) return true;
  const [stream, otherStream] = [known(one.table.tableStreamArn), known(other.table.tableStreamArn)];
  if (stream !== undefined && stream === otherStream) return true;
  const [name, otherName] = [nameOfTable(one.table), nameOfTable(other.table)];
  // Without region and account of the stacks, two new tables of one name may be meant for two accounts.
  const { region, account } = locationOfTable(one);
  const areNew = made !== undefined && otherMade !== undefined;
  if (areNew && (known(region) === undefined || known(account) === undefined)) return false;
  if (name !== undefined && otherName !== undefined) return name === otherName;
  if (areNew) return false;
  const [text, otherText] = [textOf(one), textOf(other)];
  return text === otherText && (Stack.of(one.user) === Stack.of(other.user) || text.includes('Fn::ImportValue'));
}

/** The replicas of a global table count as separate tables. */
function isSameLocation(one: UsedTable, other: UsedTable): boolean {
  const [a, b] = [locationOfTable(one), locationOfTable(other)];
  if (a.region !== b.region || a.account !== b.account) return false;
  const isKnown = known(a.region) !== undefined && known(a.account) !== undefined;
  // Stacks without env may be deployed anywhere, but the stacks of one stage go to the same place.
  return isKnown || Stage.of(one.user) === Stage.of(other.user);
}

function locationOfTable({ user, table }: UsedTable) {
  const stack = Stack.of(user);
  const { region = stack.region, account = stack.account } = partsOfArn(table.tableArn);
  return { region, account };
}

/** The table's resource, even if an import names it by a token. */
export function madeTableOf({ node, tableArn, tableName }: ITable): CfnGlobalTable | CfnTable | undefined {
  return isTable(node.defaultChild) ? node.defaultChild : (madeTableBehind(tableArn) ?? madeTableBehind(tableName));
}

export const madeTableBehind = (text: string | undefined): CfnGlobalTable | CfnTable | undefined =>
  referencedBy(text).find((target) => isTable(target));

export function hasReplicas(table: ITable): boolean {
  const made = madeTableOf(table);
  if (!(made instanceof CfnGlobalTable)) return false;
  const { Replicas: replicas = [] } = propertiesOf(made) as { readonly Replicas?: readonly unknown[] };
  return replicas.length > 1;
}

/** The table's name; `undefined` if it is generated, or if only the deployment knows it. */
export function nameOfTable(table: ITable): string | undefined {
  const made = madeTableOf(table);
  if (made !== undefined) {
    const { TableName } = propertiesOf(made) as { readonly TableName?: unknown };
    return typeof TableName === 'string' ? TableName : undefined;
  }
  return known(table.tableName) ?? tableNameIn(table.tableArn);
}

const textOf = ({ user, table }: UsedTable): string => JSON.stringify(Stack.of(user).resolve(table.tableArn));

export function locationsOfTable(option: string, table: ITable | undefined): LocatedResource[] {
  if (table === undefined) return [];
  return [
    {
      option,
      name: `the table ${nameOfTable(table) ?? table.node.path}`,
      location: locationOf(table.tableArn, table.env),
      advice:
        "No event source mapping, trigger or permission of this stack reaches it there. Use a table of the stack's region and account; for a replica of a global table use OutboxReplica.",
    },
  ];
}

/** @throws OutboxError `invalid-option` for the stream of another table, if the app shows it. */
export function checkStream(table: ITable | undefined): void {
  if (table?.tableStreamArn === undefined) return;
  const { tableStreamArn } = table;
  const [made, streamOf] = [madeTableOf(table), madeTableBehind(tableStreamArn)];
  const ownName = nameOfTable(table);
  const streamName = tableNameIn(tableStreamArn) ?? known(streamOf?.tableName);
  const [own, its] = [partsOfArn(table.tableArn), partsOfArn(tableStreamArn)];
  const differs =
    (made !== undefined && streamOf !== undefined && made !== streamOf) ||
    isOther(ownName, streamName) ||
    isOther(own.region, its.region) ||
    isOther(own.account, its.account);
  if (!differs) return;
  throw invalidOption(
    'table',
    `${described(ownName ?? table.node.path, own)} with the stream of ${described(streamName ?? streamOf?.node.path ?? 'another table', its)}`,
    'a table with its own stream',
    'The relay would publish the items of one table and mark those of another. Copy LatestStreamArn from "aws dynamodb describe-table" of this table.',
  );
}

const isOther = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && one !== other;

const described = (name: string, { region, account }: ArnParts): string =>
  [`"${name}"`, region, account].filter((part) => part !== undefined).join(', ');
