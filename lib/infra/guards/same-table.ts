import { Reference, Stack, Stage, Tokenization } from 'aws-cdk-lib';
import type { CfnGlobalTable, CfnTable, ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IConstruct } from 'constructs';
import { isTable, propertiesOf } from '../look-into-app';
import { known, partsOfArn } from './places';

/** A table as a construct uses it. */
export interface UsedTable {
  readonly user: IConstruct;
  readonly table: ITable;
}

/**
 * Whether two constructs use one table: the same construct, the same name, ARN or stream. Not when the app does not
 * show it, such as for tokens of two stacks.
 */
export function isSameTable(one: UsedTable, other: UsedTable): boolean {
  if (!samePlace(one, other)) return false;
  const [made, otherMade] = [madeTableOf(one.table), madeTableOf(other.table)];
  if (made !== undefined && made === otherMade) return true;
  const [stream, otherStream] = [known(one.table.tableStreamArn), known(other.table.tableStreamArn)];
  if (stream !== undefined && stream === otherStream) return true;
  const [name, otherName] = [nameOf(one.table), nameOf(other.table)];
  // Two new tables of one name may be meant for two accounts, where the stacks do not say.
  const { region, account } = placeOf(one);
  const areNew = made !== undefined && otherMade !== undefined;
  if (areNew && (known(region) === undefined || known(account) === undefined)) return false;
  if (name !== undefined && otherName !== undefined) return name === otherName;
  if (areNew) return false;
  const [text, otherText] = [textOf(one), textOf(other)];
  return text === otherText && (Stack.of(one.user) === Stack.of(other.user) || text.includes('Fn::ImportValue'));
}

/** The replicas of a global table are tables of their own. */
function samePlace(one: UsedTable, other: UsedTable): boolean {
  const [a, b] = [placeOf(one), placeOf(other)];
  if (a.region !== b.region || a.account !== b.account) return false;
  const isKnown = known(a.region) !== undefined && known(a.account) !== undefined;
  // Stacks without env may be deployed anywhere; those of one stage go together.
  return isKnown || Stage.of(one.user) === Stage.of(other.user);
}

function placeOf({ user, table }: UsedTable) {
  const stack = Stack.of(user);
  const { region = stack.region, account = stack.account } = partsOfArn(table.tableArn);
  return { region, account };
}

/** The table's resource, also of an import by tokens of a table that the app makes. */
export function madeTableOf({ node, tableArn, tableName }: ITable): CfnGlobalTable | CfnTable | undefined {
  return isTable(node.defaultChild) ? node.defaultChild : (madeTableBehind(tableArn) ?? madeTableBehind(tableName));
}

/** The table's resource that a token names. */
export function madeTableBehind(text: string | undefined): CfnGlobalTable | CfnTable | undefined {
  if (text === undefined) return undefined;
  return Tokenization.reverseString(text)
    .tokens.filter((token) => Reference.isReference(token))
    .map(({ target }) => target)
    .find((target) => isTable(target));
}

/** `undefined` for a generated name, or one that only the deployment knows. */
export function nameOf(table: ITable): string | undefined {
  const made = madeTableOf(table);
  if (made !== undefined) {
    const { TableName } = propertiesOf(made) as { readonly TableName?: unknown };
    return typeof TableName === 'string' ? TableName : undefined;
  }
  return known(table.tableName) ?? tableInArn(table.tableArn);
}

/** `arn:…:table/orders/stream/…` → `orders`. */
export const tableInArn = (arn: string | undefined): string | undefined =>
  /^table\/([^/]+)/.exec(partsOfArn(arn).resource ?? '')?.[1];

const textOf = ({ user, table }: UsedTable): string => JSON.stringify(Stack.of(user).resolve(table.tableArn));
