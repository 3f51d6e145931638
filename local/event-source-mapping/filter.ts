import { LocalStackError } from '../errors';

/** A parsed filter pattern: names map to nested patterns. A leaf is a list of rules, and one of them must match. */
export interface FilterPattern {
  readonly [name: string]: FilterPattern | readonly Rule[];
}

type Exact = string | number | boolean | null;

/** One alternative of a leaf. */
export type Rule =
  | { readonly kind: 'exact'; readonly value: Exact }
  | { readonly kind: 'prefix' | 'suffix' | 'equals-ignore-case'; readonly value: string }
  | { readonly kind: 'anything-but'; readonly rules: readonly Rule[] }
  | { readonly kind: 'exists'; readonly value: boolean };

/** Lambda's limit for one pattern. */
const MAX_PATTERN_CHARS = 4_096;

/**
 * Reads one pattern of an event source mapping's `FilterCriteria`.
 *
 * @throws LocalStackError `unsupported-filter` if Lambda refuses the pattern; for `numeric`, which never matches a
 * DynamoDB record because its numbers are text; for operators that are not simulated (`$or`, `cidr`, wildcards).
 */
export function parseFilter(text: string): FilterPattern {
  if (text.length > MAX_PATTERN_CHARS)
    return refuse(text, `it has ${text.length} characters; ${MAX_PATTERN_CHARS} are allowed`);
  let pattern: unknown;
  try {
    pattern = JSON.parse(text);
  } catch (cause) {
    throw new LocalStackError('unsupported-filter', `The filter pattern ${text} is not JSON.`, { cause });
  }
  return isObject(pattern) ? parseObject(pattern, text) : refuse(text, 'it must be an object');
}

/** Whether `event` is delivered. Without patterns every event is; with several patterns, one match is enough. */
export const passesFilters = (event: unknown, patterns: readonly FilterPattern[]): boolean =>
  patterns.length === 0 || patterns.some((pattern) => matchesPattern(event, pattern));

function parseObject(pattern: Record<string, unknown>, text: string): FilterPattern {
  return Object.fromEntries(
    Object.entries(pattern).map(([name, value]): [string, FilterPattern[string]] => {
      if (name.startsWith('$')) return refuse(text, `the operator "${name}" is not supported locally`);
      if (Array.isArray(value)) {
        if (value.length === 0) return refuse(text, `the list of "${name}" is empty`);
        return [name, value.map((rule: unknown) => parseRule(rule, text))];
      }
      return isObject(value) ? [name, parseObject(value, text)] : refuse(text, `"${name}" must be an object or a list`);
    }),
  );
}

function parseRule(rule: unknown, text: string): Rule {
  if (isExact(rule)) return { kind: 'exact', value: rule };
  const entries = isObject(rule) ? Object.entries(rule) : [];
  const [operator, value] = entries[0] ?? [];
  if (entries.length !== 1)
    return refuse(text, `${JSON.stringify(rule)} must be a value or an object with one operator`);
  switch (operator) {
    case 'prefix':
    case 'suffix':
    case 'equals-ignore-case':
      return typeof value === 'string' ? { kind: operator, value } : refuse(text, `"${operator}" needs a text`);
    case 'exists':
      return typeof value === 'boolean' ? { kind: 'exists', value } : refuse(text, '"exists" needs true or false');
    case 'anything-but': {
      const rules = (Array.isArray(value) ? value : [value]).map((each) => parseRule(each, text));
      const allowed = rules.every(({ kind }) => kind === 'exact' || kind === 'prefix' || kind === 'suffix');
      return allowed
        ? { kind: 'anything-but', rules }
        : refuse(text, '"anything-but" needs values, a prefix or a suffix');
    }
    case 'numeric':
      return refuse(text, '"numeric" never matches: DynamoDB writes numbers as text');
    default:
      return refuse(text, `the operator "${String(operator)}" is not supported locally`);
  }
}

function matchesPattern(event: unknown, pattern: FilterPattern): boolean {
  // A list in the event (of a DynamoDB list or set) matches if one of its elements matches.
  if (Array.isArray(event)) return event.some((element) => matchesPattern(element, pattern));
  const values = isObject(event) ? event : {};
  return Object.entries(pattern).every(([name, expected]) => {
    const value = values[name];
    return isRules(expected) ? expected.some((rule) => matchesRule(value, rule)) : matchesPattern(value, expected);
  });
}

function matchesRule(value: unknown, rule: Rule): boolean {
  // Lambda checks leaves only: for an object, `exists` matches neither with true nor with false.
  if (rule.kind === 'exists') return rule.value ? value !== undefined && !isObject(value) : value === undefined;
  if (Array.isArray(value)) {
    return rule.kind === 'anything-but'
      ? value.every((element) => matchesRule(element, rule))
      : value.some((element) => matchesRule(element, rule));
  }
  switch (rule.kind) {
    case 'exact':
      return value === rule.value;
    case 'prefix':
      return typeof value === 'string' && value.startsWith(rule.value);
    case 'suffix':
      return typeof value === 'string' && value.endsWith(rule.value);
    case 'equals-ignore-case':
      return typeof value === 'string' && value.toLowerCase() === rule.value.toLowerCase();
    case 'anything-but':
      return isExact(value) && !rule.rules.some((each) => matchesRule(value, each));
  }
}

const isRules = (value: FilterPattern | readonly Rule[]): value is readonly Rule[] => Array.isArray(value);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isExact = (value: unknown): value is Exact =>
  value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

function refuse(text: string, why: string): never {
  throw new LocalStackError('unsupported-filter', `The filter pattern ${text.slice(0, 200)} cannot be used: ${why}.`);
}
