import { Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { HomeRegion } from '../event/home-region';
import { invalidOption } from './invalid-option';

const REGION = /^[a-z]{2,4}(-[a-z]+)+-\d$/;

/**
 * Whose events an outbox publishes; `undefined` for all that its stream brings.
 *
 * @throws OutboxError `invalid-option` for regions that are none, or a list without the stack's own.
 */
export function homeRegionOf(
  scope: Construct,
  { replicas, publishesFor }: { readonly replicas?: string[]; readonly publishesFor?: string[] },
): HomeRegion | undefined {
  if (replicas === undefined && publishesFor === undefined) return undefined;
  const { region } = Stack.of(scope);
  if (Token.isUnresolved(region)) {
    throw invalidOption(
      replicas === undefined ? 'publishesFor' : 'replicas',
      replicas ?? publishesFor,
      'left out in a stack whose region is known only at deployment',
      'Each region publishes what was written in it: give the stack env: { region }.',
    );
  }
  checkRegions('replicas', replicas);
  checkRegions('publishesFor', publishesFor);
  if (replicas?.includes(region) === true || replicas?.length === 0) {
    throw invalidOption(
      'replicas',
      replicas.join(', '),
      `other regions than the stack's own (${region})`,
      'The table is there already.',
    );
  }
  // Nothing is published then; what it would be for shows in the names of holds only.
  if (publishesFor === undefined || publishesFor.length === 0) return { region, publishesFor: [region] };
  if (publishesFor.includes(region)) return { region, publishesFor };
  throw invalidOption(
    'publishesFor',
    publishesFor.join(', '),
    `a list with the stack's own region (${region}), or an empty one`,
    'What is written here would be published nowhere. Empty, another region must have taken over.',
  );
}

function checkRegions(option: string, regions: readonly string[] | undefined): void {
  const malformed = regions?.find((region) => Token.isUnresolved(region) || !REGION.test(region));
  if (malformed === undefined) {
    refuseRepetitions(option, regions);
    return;
  }
  throw invalidOption(option, malformed, 'names of AWS regions, such as eu-central-1', 'Known at synthesis.');
}

function refuseRepetitions(option: string, regions: readonly string[] = []): void {
  const repeated = regions.find((region, index) => regions.indexOf(region) !== index);
  if (repeated === undefined) return;
  throw invalidOption(option, repeated, 'a list without repetitions', 'Remove one of the two.');
}
