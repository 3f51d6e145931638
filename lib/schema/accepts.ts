import { isRecord } from '../event/options';
import { Effort } from './effort';
import {
  allowedTypes,
  isAnnotation,
  isJsonSchema,
  isSameJson,
  patternOf,
  primitiveOf,
  resolveReference,
  type Located,
} from './json-schema';

/** `undefined`: unknown. */
type Answer = boolean | undefined;

type Ask = (schema: unknown, value: unknown) => Answer;

interface Asked {
  readonly value: unknown;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly root: Located['root'];
  readonly ask: Ask;
}

/** Limits the recursion of a schema that refers to itself without going deeper into the value. */
const MAX_DEPTH = 64;

/** Whether a value is valid under a schema; `undefined` if a keyword is not supported or the effort is spent. */
export function accepts({ schema, root }: Located, value: unknown, effort = new Effort(), depth = 0): Answer {
  if (typeof schema === 'boolean') return schema;
  if (depth > MAX_DEPTH || !effort.spend()) return undefined;
  const ask: Ask = (inner, about) =>
    isJsonSchema(inner) ? accepts({ schema: inner, root }, about, effort, depth + 1) : undefined;
  return every(
    Object.entries(schema).map(([keyword, argument]) => {
      if (isAnnotation(keyword)) return true;
      return KEYWORDS[keyword]?.(argument, { value, schema, root, ask });
    }),
  );
}

/** One refusal is enough to refuse; all must accept to accept. */
const every = (answers: readonly Answer[]): Answer =>
  answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;

const negated = (answer: Answer): Answer => (answer === undefined ? undefined : !answer);
const some = (answers: readonly Answer[]): Answer => negated(every(answers.map(negated)));

function exactlyOne(answers: readonly Answer[]): Answer {
  const sure = answers.filter((answer) => answer === true).length;
  if (sure > 1) return false;
  return answers.includes(undefined) ? undefined : sure === 1;
}

const list = (argument: unknown): readonly unknown[] | undefined => (Array.isArray(argument) ? argument : undefined);

/** For a keyword whose argument is a number and which applies to one kind of value only. */
const bound =
  <V>(measure: (value: unknown) => V | undefined, test: (measured: V, argument: number) => boolean) =>
  (argument: unknown, { value }: Asked): Answer => {
    const measured = measure(value);
    if (measured === undefined) return true;
    return typeof argument === 'number' ? test(measured, argument) : undefined;
  };

const aNumber = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const characters = (value: unknown): number | undefined =>
  typeof value === 'string' ? Array.from(value).length : undefined;
const length = (value: unknown): number | undefined => list(value)?.length;
const size = (value: unknown): number | undefined => (isRecord(value) ? Object.keys(value).length : undefined);
const atLeast = (measured: number, argument: number): boolean => measured >= argument;
const atMost = (measured: number, argument: number): boolean => measured <= argument;

const KEYWORDS: Readonly<Record<string, (argument: unknown, asked: Asked) => Answer>> = {
  type: (argument, { value }) => {
    const allowed = allowedTypes(argument);
    if (allowed === undefined) return undefined;
    if (!allowed.primitives.has(primitiveOf(value))) return false;
    return !(allowed.integersOnly && typeof value === 'number') || Number.isInteger(value);
  },
  const: (argument, { value }) => isSameJson(argument, value),
  enum: (argument, { value }) => list(argument)?.some((each) => isSameJson(each, value)),
  $ref: (argument, { value, root, ask }) => ask(resolveReference(root, argument), value),
  allOf: (argument, { value, ask }) => every(list(argument)?.map((each) => ask(each, value)) ?? [undefined]),
  anyOf: (argument, { value, ask }) => some(list(argument)?.map((each) => ask(each, value)) ?? [undefined]),
  oneOf: (argument, { value, ask }) => exactlyOne(list(argument)?.map((each) => ask(each, value)) ?? [undefined]),
  not: (argument, { value, ask }) => negated(ask(argument, value)),

  minimum: bound(aNumber, atLeast),
  maximum: bound(aNumber, atMost),
  exclusiveMinimum: bound(aNumber, (measured, argument) => measured > argument),
  exclusiveMaximum: bound(aNumber, (measured, argument) => measured < argument),
  multipleOf: (argument, { value }) => {
    if (typeof value !== 'number') return true;
    // Binary fractions are rounded, so only integers have a certain remainder.
    return Number.isSafeInteger(value) && Number.isSafeInteger(argument) ? value % Number(argument) === 0 : undefined;
  },

  minLength: bound(characters, atLeast),
  maxLength: bound(characters, atMost),
  pattern: (argument, { value }) => (typeof value === 'string' ? patternOf(argument)?.test(value) : true),

  minItems: bound(length, atLeast),
  maxItems: bound(length, atMost),
  prefixItems: (argument, { value, ask }) => {
    const schemas = list(argument);
    if (schemas === undefined) return undefined;
    return every((list(value) ?? []).slice(0, schemas.length).map((each, index) => ask(schemas[index], each)));
  },
  items: (argument, { value, schema, ask }) => {
    const rest = (list(value) ?? []).slice(list(schema['prefixItems'])?.length ?? 0);
    return every(rest.map((each) => ask(argument, each)));
  },

  minProperties: bound(size, atLeast),
  maxProperties: bound(size, atMost),
  required: (argument, { value }) => {
    if (!isRecord(value)) return true;
    return list(argument)?.every((name) => Object.hasOwn(value, String(name)));
  },
  properties: (argument, { value, ask }) => {
    if (!isRecord(value)) return true;
    if (!isRecord(argument)) return undefined;
    const names = Object.keys(value).filter((name) => Object.hasOwn(argument, name));
    return every(names.map((name) => ask(argument[name], value[name])));
  },
  propertyNames: (argument, { value, ask }) =>
    isRecord(value) ? every(Object.keys(value).map((name) => ask(argument, name))) : true,
  additionalProperties: (argument, { value, schema, ask }) => {
    if (!isRecord(value)) return true;
    if (schema['patternProperties'] !== undefined) return undefined;
    const { properties = {} } = schema;
    if (!isRecord(properties)) return undefined;
    const names = Object.keys(value).filter((name) => !Object.hasOwn(properties, name));
    return every(names.map((name) => ask(argument, value[name])));
  },
};
