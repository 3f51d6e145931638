import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { known, locationOf, partsOfArn, tableNameIn, type ArnParts } from '../options/arn';
import { invalidOption } from '../options/invalid-option';
import type { LocatedResource } from '../options/locations';
import { madeTableBehind, madeTableOf, nameOfTable } from '../template-checks/same-table';

/** The region and account of a table that an option passes. */
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
