import { Reference, Stack, Tokenization, type CfnResource } from 'aws-cdk-lib';
import { CfnGlobalTable, CfnTable } from 'aws-cdk-lib/aws-dynamodb';
import type { IConstruct } from 'constructs';

/** Every construct of a type, anywhere in the app. */
export const findAll = <T extends IConstruct>(within: IConstruct, type: abstract new (...args: never[]) => T): T[] =>
  within.node.root.node.findAll().filter((one): one is T => one instanceof type);

/**
 * The constructs of the same class in the same region and account for which `isMatch` holds; `construct` is among them
 * if it matches itself.
 */
export function sameKindAs<T extends IConstruct>(construct: T, isMatch: (other: T) => boolean): T[] {
  const { region, account } = Stack.of(construct);
  return findAll(construct, construct.constructor as abstract new (...args: never[]) => T)
    .filter((one) => Stack.of(one).region === region && Stack.of(one).account === account)
    .filter(isMatch);
}

export const referencedBy = (text = ''): IConstruct[] =>
  Tokenization.reverseString(text)
    .tokens.filter((token) => Reference.isReference(token))
    .map(({ target }) => target);

/** The properties of a resource in the template, overrides included. */
export function propertiesOf(resource: CfnResource): object {
  // An internal method, but the only one that shows the overrides of an escape hatch.
  const rendering = resource as unknown as { _toCloudFormation(): object };
  const { Resources } = Stack.of(resource).resolve(rendering._toCloudFormation()) as {
    readonly Resources: Readonly<Record<string, { readonly Properties?: object }>>;
  };
  return Object.values(Resources)[0]?.Properties ?? {};
}

export const isTable = (resource: IConstruct | undefined): resource is CfnGlobalTable | CfnTable =>
  resource instanceof CfnGlobalTable || resource instanceof CfnTable;
