import { Stack, Token } from 'aws-cdk-lib';
import { type ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import type { HomeRegion } from '../../event/home-region';
import { invalidOption, requireOption, requireUnique } from '../options/invalid-option';
import { nameOfTable, hasReplicas } from '../template-checks/same-table';
import { OutboxReplica } from './outbox-replica';

const REGION = /^[a-z]{2,4}(-[a-z]+)+-\d$/;

/**
 * The regions whose events an outbox publishes; `undefined` for all that its stream delivers.
 *
 * @throws OutboxError `invalid-option` for malformed region names, or a list without the stack's own region.
 */
export function homeRegionOf(
  scope: Construct,
  { replicas, publishesFor }: { readonly replicas?: string[]; readonly publishesFor?: string[] },
): HomeRegion | undefined {
  if (replicas === undefined && publishesFor === undefined) return undefined;
  const { region } = Stack.of(scope);
  requireOption(
    !Token.isUnresolved(region),
    replicas === undefined ? 'publishesFor' : 'replicas',
    replicas ?? publishesFor,
    'left out in a stack whose region is known only at deployment',
    'Each region publishes the events that were written in it: give the stack env: { region }.',
  );
  checkRegions('replicas', replicas);
  checkRegions('publishesFor', publishesFor);
  requireOption(
    replicas === undefined || (replicas.length > 0 && !replicas.includes(region)),
    'replicas',
    replicas?.join(', '),
    `other regions than the stack's own (${region})`,
    'The table is there already.',
  );
  // With an empty list the outbox publishes nothing. The value then only names the region's control partition.
  if (publishesFor === undefined || publishesFor.length === 0) return { region, publishesFor: [region] };
  requireOption(
    publishesFor.includes(region),
    'publishesFor',
    publishesFor.join(', '),
    `a list with the stack's own region (${region}), or an empty one`,
    'Otherwise no outbox would publish the events that are written here. Leave it empty if another region has taken over.',
  );
  return { region, publishesFor };
}

/** Refuses a table with replicas without `publishesFor`: each region would publish the events of all regions. */
export function globalTableProblems(table: ITable, home: HomeRegion | undefined): string[] {
  if (home !== undefined || !isGlobal(table)) return [];
  const { message } = invalidOption(
    'publishesFor',
    undefined,
    `a list with the stack's own region, for the table ${table.node.path}, which has replicas`,
    'The stream of each region shows the items of all regions: without it every event is published once in each region.',
  );
  return [message];
}

export interface RegionalOutbox {
  readonly path: string;
  readonly table: ITable;
  readonly account: string;
  readonly home: HomeRegion;
}

/** Two regions that publish the same events publish them twice, each in its own order. */
export function sharedRegionProblems(own: RegionalOutbox, others: readonly RegionalOutbox[]): string[] {
  const name = nameOfTable(own.table);
  return others
    .filter(
      ({ table, account, home }) =>
        account === own.account && home.region !== own.home.region && nameOfTable(table) === name,
    )
    .flatMap(({ path, home }) => {
      const shared = home.publishesFor.filter((region) => own.home.publishesFor.includes(region));
      if (name === undefined || shared.length === 0) return [];
      const { message } = invalidOption(
        'publishesFor',
        own.home.publishesFor.join(', '),
        `a list without ${shared.join(', ')}, for which the outbox ${path} publishes`,
        'Each event would be published in both regions. After a takeover, the region that is taken over publishes for none.',
      );
      return [message];
    });
}

const isGlobal = (table: ITable): boolean => table.node.scope instanceof OutboxReplica || hasReplicas(table);

function checkRegions(option: string, regions: readonly string[] = []): void {
  const malformed = regions.find((region) => Token.isUnresolved(region) || !REGION.test(region));
  requireOption(
    malformed === undefined,
    option,
    malformed,
    'names of AWS regions, such as eu-central-1',
    'Known at synthesis.',
  );
  requireUnique(option, regions);
}
