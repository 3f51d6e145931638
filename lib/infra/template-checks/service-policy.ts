import { Stack } from 'aws-cdk-lib';
import { CfnKey, Key, type IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { known } from '../options/locations';
import { propertiesOf } from './app-tree';
import type { RouteUser } from './service-route';

/** A statement of a resource's policy, with its tokens resolved. */
export interface ResourceStatement {
  readonly Effect?: string;
  readonly Action?: Texts;
  readonly NotAction?: Texts;
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
  readonly Resource?: unknown;
  readonly NotResource?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
type Texts = string | readonly string[];

/** A request that an AWS service makes as a service principal. */
export interface ServiceRequest {
  /** The service, such as `cloudwatch`. */
  readonly service: string;
  readonly action: string;
  /** The resolved resource as its policy names it; `*` if it has its own kind of policy, such as a key. */
  readonly resource: unknown;
  /** Account on whose behalf the service makes the request. */
  readonly account?: string;
  readonly region?: string;
}

/** Whether a part of a statement applies; `maybe` if the app cannot show it. */
type Answer = 'yes' | 'no' | 'maybe';

/** Why a resource's own policy keeps a service out; `undefined` if it does not, as far as the app can show it. */
export function refusalOf(
  statements: readonly ResourceStatement[],
  request: ServiceRequest,
): 'denies' | 'does not allow' | undefined {
  const answers = statements.map((statement) => ({ effect: statement.Effect, answer: applies(statement, request) }));
  if (answers.some(({ effect, answer }) => effect === 'Deny' && answer === 'yes')) return 'denies';
  return answers.some(({ effect, answer }) => effect === 'Allow' && answer !== 'no') ? undefined : 'does not allow';
}

function applies(statement: ResourceStatement, request: ServiceRequest): Answer {
  return allOf([
    isAction(statement, request.action),
    isPrincipal(statement, request.service),
    isResource(statement, request.resource),
    ...Object.entries(statement.Condition ?? {}).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, values]) => holds(operator, key.toLowerCase(), [values].flat(), request)),
    ),
  ]);
}

const allOf = (answers: readonly Answer[]): Answer =>
  answers.includes('no') ? 'no' : answers.includes('maybe') ? 'maybe' : 'yes';
const anyOf = (answers: readonly Answer[]): Answer =>
  answers.includes('yes') ? 'yes' : answers.includes('maybe') ? 'maybe' : 'no';
const not = (answer: Answer): Answer => (answer === 'yes' ? 'no' : answer === 'no' ? 'yes' : 'maybe');
const sure = (is: boolean): Answer => (is ? 'yes' : 'no');

function isAction({ Action, NotAction }: ResourceStatement, action: string): Answer {
  const named = [Action ?? NotAction ?? []].flat().some((one) => isLikeAction(action, one));
  return sure(named === (Action !== undefined));
}

function isPrincipal({ Principal: principal, NotPrincipal }: ResourceStatement, service: string): Answer {
  if (NotPrincipal !== undefined) return 'maybe';
  if (principal === '*') return 'yes';
  const { AWS, Service } = (principal ?? {}) as { readonly AWS?: unknown; readonly Service?: unknown };
  return sure([AWS].flat().includes('*') || [Service].flat().includes(`${service}.amazonaws.com`));
}

function isResource({ Resource, NotResource }: ResourceStatement, resource: unknown): Answer {
  const named = anyOf([Resource ?? NotResource ?? '*'].flat().map((one) => isSame(resource, one)));
  return NotResource === undefined ? named : not(named);
}

function isSame(resource: unknown, pattern: unknown): Answer {
  if (pattern === '*' || resource === '*' || JSON.stringify(resource) === JSON.stringify(pattern)) return 'yes';
  // Only the deployment knows the values.
  return typeof resource === 'string' && typeof pattern === 'string' ? sure(isLike(resource, pattern)) : 'maybe';
}

/** A request of a service principal carries no organization, principal account or network for a condition to match. */
const NOT_CARRIED =
  /^aws:(principalorg(id|paths)|principalaccount|principalarn|principaltag\/.*|sourceip|sourcevpc|sourcevpce|vpcsourceip)$/;

function holds(operator: string, key: string, values: readonly unknown[], request: ServiceRequest): Answer {
  const [, set, bare = operator, ifExists] = /^(ForAllValues:|ForAnyValue:)?(\w+?)(IfExists)?$/.exec(operator) ?? [];
  const negated = bare.includes('Not');
  if (NOT_CARRIED.test(key)) {
    if (bare === 'Null') return sure([values].flat().some((value) => String(value) === 'true'));
    return sure(negated || ifExists !== undefined || set === 'ForAllValues:');
  }
  const one = valueOf(key, request);
  if (one === undefined || !/^(String|Arn)(Not)?(Equals|Like)(IgnoreCase)?$|^Bool$/.test(bare)) return 'maybe';
  const found = anyOf(values.map((value) => one(value)));
  return negated ? not(found) : found;
}

/** Compares a condition's value with the request; `undefined` if the request's value is unknown. */
function valueOf(key: string, { service, account, region }: ServiceRequest): ((value: unknown) => Answer) | undefined {
  switch (key) {
    case 'aws:securetransport':
    case 'aws:principalisawsservice':
      return (value) => sure(String(value) === 'true');
    case 'aws:principalservicename':
      return (value) => sure(value === `${service}.amazonaws.com`);
    case 'aws:sourceaccount':
    case 'aws:sourceowner':
      return (value) => compare(value, account);
    case 'aws:sourcearn':
      return (value) => isSourceArn(value, [service, region, account]);
    default:
      return undefined;
  }
}

function compare(value: unknown, own: string | undefined): Answer {
  const [pattern, text] = [typeof value === 'string' ? known(value) : undefined, known(own)];
  return pattern === undefined || text === undefined ? 'maybe' : sure(isLike(text, pattern));
}

/** Ignores the resource part: it does not compare which alarm it is. */
function isSourceArn(value: unknown, [service, region, account]: readonly (string | undefined)[]): Answer {
  const [, , ofService, ofRegion, ofAccount] = typeof value === 'string' ? value.split(':') : [];
  const parts = allOf([compare(ofService, service), compare(ofRegion, region), compare(ofAccount, account)]);
  return parts === 'no' ? 'no' : 'maybe';
}

/** Compares actions as IAM does: regardless of case. */
export const isLikeAction = (action: string, pattern: string): boolean =>
  isLike(action.toLowerCase(), pattern.toLowerCase());

/** Compares as IAM does: `*` matches anything, `?` matches one character. */
const isLike = (text: string, pattern: string): boolean =>
  new RegExp(
    `^${pattern
      .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(text);

export type KeyStatement = Pick<ResourceStatement, 'Effect' | 'Action' | 'Principal' | 'Condition'>;

const DECRYPT = 'kms:Decrypt';

/** Why a key's policy refuses a function; `undefined` if it does not. `role` is as in the policy, tokens resolved. */
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
