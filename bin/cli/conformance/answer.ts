import type { AttributeValue } from '../../../lib/event/item';
import { isRecord, jsonObject, shown } from '../../../lib/event/options';
import type { DynamoDbJson } from './vectors';

/** A line that a writer has printed. */
export type Answer =
  | { readonly kind: 'item'; readonly item: DynamoDbJson }
  | { readonly kind: 'refused' | 'unsupported'; readonly why: string }
  | { readonly kind: 'unreadable'; readonly why: string };

const unreadable = (why: string): Answer => ({ kind: 'unreadable', why });

/** Reads `{"refused": "…"}`, `{"unsupported": "…"}`, or an item in DynamoDB JSON. */
export function parseAnswer(line: string): Answer {
  const answer = jsonObject(line);
  if (answer === undefined) return unreadable(`the line is no JSON object: ${shown(line)}`);
  for (const kind of ['refused', 'unsupported'] as const) {
    const why = answer[kind];
    if (typeof why === 'string') return { kind, why };
  }
  const problem = problemOf({ M: answer }, '', 0);
  return problem === undefined ? { kind: 'item', item: answer as DynamoDbJson } : unreadable(problem);
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'string' && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value);
const isBase64 = (value: unknown): boolean =>
  typeof value === 'string' && Buffer.from(value, 'base64').toString('base64') === value;
const setOf = (isElement: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.length > 0 && value.every(isElement);

/** The checks of DynamoDB's types, except those that contain others. */
const TYPES = new Map<string, readonly [(value: unknown) => boolean, string]>([
  ['S', [isText, 'a text']],
  ['N', [isNumber, 'a text with a number']],
  ['B', [isBase64, 'a text in base64']],
  ['BOOL', [(value) => typeof value === 'boolean', 'true or false']],
  ['NULL', [(value) => value === true, 'true']],
  ['SS', [setOf(isText), 'a list of texts']],
  ['NS', [setOf(isNumber), 'a list of texts with numbers']],
  ['BS', [setOf(isBase64), 'a list of texts in base64']],
]);

/** DynamoDB's limit of nested lists and maps. */
const MAX_LEVELS = 32;

/** The first part that is not DynamoDB JSON; `undefined` if there is none. */
function problemOf(value: unknown, path: string, level: number): string | undefined {
  if (level > MAX_LEVELS) return `${path.slice(0, 40)}… is nested deeper than the ${MAX_LEVELS} levels of DynamoDB`;
  const [type = '', ...others] = isRecord(value) ? Object.keys(value) : [];
  const content = isRecord(value) ? value[type] : undefined;
  const at = path === '' ? 'the item' : path;
  if (others.length === 0 && type === 'M' && isRecord(content)) {
    return firstProblem(Object.entries(content), (name) => (path === '' ? name : `${path}.${name}`), level);
  }
  if (others.length === 0 && type === 'L' && Array.isArray(content)) {
    return firstProblem(
      content.map((each, index) => [String(index), each]),
      (index) => `${path}[${index}]`,
      level,
    );
  }
  const [isValid, allowed] = TYPES.get(type) ?? [];
  if (others.length === 0 && isValid?.(content) === true) return undefined;
  return allowed === undefined || others.length > 0
    ? `${at} is ${shownJson(value)}; it must be one type of DynamoDB JSON, such as {"S":"text"}`
    : `${at}.${type} is ${shown(content)}; it must be ${allowed}`;
}

function firstProblem(
  entries: readonly (readonly [string, unknown])[],
  pathOf: (name: string) => string,
  level: number,
): string | undefined {
  for (const [name, value] of entries) {
    const problem = problemOf(value, pathOf(name), level + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function shownJson(value: unknown): string {
  try {
    return shown(JSON.stringify(value));
  } catch {
    // It is nested too deeply for `JSON.stringify`.
    return shown(value);
  }
}

/** The item as JSON Schema describes it: plain values, and bytes for binary ones. */
export const documentOf = (item: DynamoDbJson): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, plain(value)]));

function plain(value: AttributeValue): unknown {
  if (value.L !== undefined) return value.L.map(plain);
  if (value.M !== undefined) return documentOf(value.M);
  if (value.B !== undefined) return Buffer.from(value.B as string, 'base64');
  if (value.N !== undefined) return Number(value.N);
  return value.S ?? value.BOOL ?? null;
}
