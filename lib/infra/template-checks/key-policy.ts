import { Stack } from 'aws-cdk-lib';
import { CfnKey, Key, type IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { propertiesOf } from './app-tree';
import { isLikeAction, type ResourceStatement } from './service-policy';
import type { RouteUser } from './service-route';

/** A statement of a key's policy, with its tokens resolved. */
export type KeyStatement = Pick<ResourceStatement, 'Effect' | 'Action' | 'Principal' | 'Condition'>;

const DECRYPT = 'kms:Decrypt';

/**
 * Why a key's policy does not let a function use the key; `undefined` if it does.
 *
 * @param role - the function's role as the policy names it, with its tokens resolved
 */
export function keyPolicyProblem(
  statements: readonly KeyStatement[],
  role: unknown,
  { key, who, without }: { readonly key: string; readonly who: string; readonly without: string },
): string | undefined {
  const concerned = statements.filter(
    (statement) =>
      coversDecrypt(statement) && (isAnyone(statement) || namesAccount(statement) || names(statement, role)),
  );
  const isDenied = concerned.some(
    (statement) => statement.Effect === 'Deny' && statement.Condition === undefined && !namesAccount(statement),
  );
  const isAllowed = concerned.some(({ Effect }) => Effect === 'Allow');
  if (isAllowed && !isDenied) return undefined;
  return `The policy of the key ${key} ${isDenied ? 'denies' : 'does not allow'} ${DECRYPT} to the ${who}, neither by its role nor by the account. It could not use what the key encrypts, and ${without}. Allow the account (its root principal) "kms:*", so that the role's own policy decides, or name the role.`;
}

const coversDecrypt = ({ Action }: KeyStatement): boolean =>
  [Action ?? []].flat().some((action) => isLikeAction(DECRYPT, action));

const isAnyone = ({ Principal }: KeyStatement): boolean => awsPrincipals(Principal).includes('*');

/** If a statement names the account (`arn:…:root` or only its number), the policies of its roles decide. */
const namesAccount = ({ Principal }: KeyStatement): boolean =>
  awsPrincipals(Principal)
    .map((principal) => JSON.stringify(principal))
    .some((principal) => principal.includes(':root') || /^"\d{12}"$|^\{"Ref":"AWS::AccountId"\}$/.test(principal));

const names = ({ Principal }: KeyStatement, role: unknown): boolean =>
  awsPrincipals(Principal).some((principal) => JSON.stringify(principal) === JSON.stringify(role));

function awsPrincipals(principal: unknown): readonly unknown[] {
  if (principal === '*') return ['*'];
  const { AWS: named = [] } = (principal ?? {}) as { readonly AWS?: unknown };
  return Array.isArray(named) ? (named as unknown[]) : [named];
}

/** Why a function cannot use some of the keys. Checks only keys that the app makes: an imported key has an unknown policy. */
export const keyProblems = (
  keys: readonly (IKey | undefined)[],
  user: LambdaFunction,
  { who, without }: RouteUser,
): string[] =>
  [...new Set(keys)].flatMap((key) => {
    const resource = key instanceof Key ? key.node.defaultChild : undefined;
    if (key === undefined || !(resource instanceof CfnKey)) return [];
    const { KeyPolicy } = propertiesOf(resource) as { readonly KeyPolicy?: { readonly Statement?: KeyStatement[] } };
    const role: unknown = Stack.of(resource).resolve(user.role?.roleArn);
    return keyPolicyProblem(KeyPolicy?.Statement ?? [], role, { key: key.node.path, who, without }) ?? [];
  });
