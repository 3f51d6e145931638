/** A request to AWS by the role whose statements are evaluated. */
export interface IamRequest {
  readonly action: string;
  readonly resource: string;
  /** Values of condition keys. A key that the request does not carry is absent. */
  readonly context?: Readonly<Record<string, readonly string[]>>;
}

export interface IamStatement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/**
 * Evaluates identity policies as IAM does: a denial wins, then an allowance, else the request is denied. It throws for
 * parts of the language that this project's policies do not use, so that none is ignored silently.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function isAllowed(statements: readonly IamStatement[], request: IamRequest): boolean {
  const matching = statements.filter((statement) => matches(statement, request));
  return matching.some(({ Effect }) => Effect === 'Allow') && !matching.some(({ Effect }) => Effect === 'Deny');
}

const PARTS = ['Sid', 'Effect', 'Action', 'Resource', 'Condition'];

function matches(statement: IamStatement, { action, resource, context = {} }: IamRequest): boolean {
  const unknown = Object.keys(statement).find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new Error(`a statement has ${unknown}, which is not evaluated`);
  return (
    [statement.Action].flat().some((pattern) => isLike(action.toLowerCase(), pattern.toLowerCase())) &&
    [statement.Resource].flat().some((pattern) => isLike(resource, pattern)) &&
    Object.entries(statement.Condition ?? {}).every(([operator, keys]) =>
      Object.entries(keys).every(([key, values]) => holds(operator, context[key], [values].flat())),
    )
  );
}

/** A `ForAllValues` operator holds if the request does not carry the key. */
function holds(operator: string, carried: readonly string[] | undefined, values: readonly string[]): boolean {
  const [, set, comparison = operator] = /^(ForAllValues|ForAnyValue):(.+)$/.exec(operator) ?? [];
  const one = (value: string): boolean => compare(comparison, value, values);
  if (set === 'ForAllValues') return (carried ?? []).every(one);
  if (set === 'ForAnyValue') return (carried ?? []).some(one);
  return carried?.length === 1 && carried.every(one);
}

function compare(comparison: string, value: string, values: readonly string[]): boolean {
  switch (comparison) {
    case 'StringEquals':
      return values.includes(value);
    case 'StringLike':
    case 'ArnLike':
      return values.some((pattern) => isLike(value, pattern));
    case 'StringNotLike':
      return !values.some((pattern) => isLike(value, pattern));
    default:
      throw new Error(`the condition ${comparison} is not evaluated`);
  }
}

const isLike = (text: string, pattern: string): boolean =>
  new RegExp(
    `^${pattern
      .replaceAll(/[$()+.[\\\]^{|}]/g, String.raw`\$&`)
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    's',
  ).test(text);
