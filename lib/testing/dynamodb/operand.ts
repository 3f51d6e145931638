import { isDeepStrictEqual } from 'node:util';
import { addNumbers, subtractNumbers } from './decimal';
import { refuse } from './errors';
import { valueAt, type Path } from './path';
import type { Tokens } from './tokens';
import { membersOf, orderedBytes, SET_TYPES, typeOf, type Item, type Value, type ValueType } from './value';

/** A value that an expression compares or writes. */
export type Operand =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'call'; readonly name: keyof typeof RESULTS; readonly operands: readonly Operand[] };

/** The functions of all expressions, with the number of their operands. */
const FUNCTIONS = {
  attribute_exists: 1,
  attribute_not_exists: 1,
  attribute_type: 2,
  begins_with: 2,
  contains: 2,
  size: 1,
  if_not_exists: 2,
  list_append: 2,
};
type FunctionName = keyof typeof FUNCTIONS;

/** The functions whose first operand is a path. */
const OF_PATH: readonly FunctionName[] = ['attribute_exists', 'attribute_not_exists', 'if_not_exists'];

const ORDERED: readonly ValueType[] = ['S', 'N', 'B'];
/** The types of operands that an operator, a function or a clause takes. All others take every type. */
const OPERAND_TYPES: Readonly<Record<string, readonly ValueType[]>> = {
  '<': ORDERED,
  '<=': ORDERED,
  '>': ORDERED,
  '>=': ORDERED,
  BETWEEN: ORDERED,
  begins_with: ['S', 'B'],
  size: ['S', 'B', 'L', 'M', ...SET_TYPES],
  list_append: ['L'],
  '+': ['N'],
  '-': ['N'],
  ADD: ['N', ...SET_TYPES],
  DELETE: SET_TYPES,
};

/** Maximum depth of a path: Amazon DynamoDB developer guide, "Quotas". */
const MAX_STEPS = 32;

/** Parses a path that an expression reads. */
export function readPath(tokens: Tokens): Path {
  const path = readTarget(tokens);
  tokens.attributes.checkScalarKey(path);
  return path;
}

/** Parses a path that an update writes. */
export function readTarget(tokens: Tokens): Path {
  const steps: (string | number)[] = [];
  const first = tokens.takeName();
  for (;;) {
    if (tokens.accept('.')) steps.push(tokens.takeName());
    else if (tokens.accept('[')) {
      steps.push(tokens.takeIndex());
      tokens.expect(']');
    } else break;
  }
  if (steps.length >= MAX_STEPS) {
    tokens.fail(`The document path has too many nesting levels; nesting levels: ${steps.length + 1}`);
  }
  return [first, ...steps];
}

/** Refuses paths that are equal or contain each other, and paths that use one value both as a list and as a map. */
export function checkApart(tokens: Tokens, paths: readonly Path[]): void {
  for (const [at, path] of paths.entries()) {
    for (const other of paths.slice(at + 1)) {
      const differs = path.findIndex((step, depth) => step !== other[depth]);
      const [left, right] = [path[differs], other[differs]];
      const how =
        left === undefined || right === undefined ? 'overlap' : typeof left === typeof right ? undefined : 'conflict';
      if (how === undefined) continue;
      tokens.fail(`Two document paths ${how} with each other; must remove or rewrite one of these paths;`);
    }
  }
}

/** Parses a path, a value, or a call of the one function that may stand in its place. */
export function readOperand(tokens: Tokens): Operand {
  if (tokens.next === '(') return tokens.group(() => readOperand(tokens));
  if (tokens.next?.startsWith(':') === true) return { kind: 'value', value: tokens.takeValue() };
  if (tokens.afterNext !== '(') return { kind: 'path', path: readPath(tokens) };
  return { kind: 'call', ...readCall(tokens, [tokens.expression === 'UpdateExpression' ? 'if_not_exists' : 'size']) };
}

export function readCall<N extends FunctionName>(
  tokens: Tokens,
  allowed: readonly N[],
): { readonly name: N; readonly operands: readonly Operand[] } {
  const called = tokens.take();
  const name =
    allowed.find((each) => each === called) ??
    tokens.fail(
      Object.hasOwn(FUNCTIONS, called)
        ? `The function is not allowed to be used this way in an expression; function: ${called}`
        : `Invalid function name; function: ${called}`,
    );
  tokens.countOperator();
  tokens.expect('(');
  const operands = tokens.list(() => readOperand(tokens));
  tokens.expect(')');
  if (operands.length !== FUNCTIONS[name]) {
    tokens.fail(`Incorrect number of operands for operator or function; operator or function: ${name}`);
  }
  if (OF_PATH.includes(name) && operands[0]?.kind !== 'path') {
    tokens.fail(`Operator or function requires a document path; operator or function: ${name}`);
  }
  if (name !== 'list_append') checkDistinct(tokens, name, operands);
  checkTypes(tokens, name, operands);
  return { name, operands };
}

/** Compares paths only: values and sizes may be the same. */
export function checkDistinct(tokens: Tokens, operator: string, [first, ...others]: readonly Operand[]): void {
  if (first?.kind !== 'path' || !others.some((other) => isDeepStrictEqual(first, other))) return;
  tokens.fail(
    `The first operand must be distinct from the remaining operands for this operator or function; operator: ${operator}`,
  );
}

/** Checks the types that are known before an item is read. */
export function checkTypes(tokens: Tokens, operator: string, operands: readonly Operand[]): void {
  for (const operand of operands) {
    const type = knownType(operand);
    if (type === undefined || OPERAND_TYPES[operator]?.includes(type) !== false) continue;
    tokens.fail(
      `Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${type}`,
    );
  }
}

function knownType(operand: Operand): ValueType | undefined {
  if (operand.kind === 'value') return typeOf(operand.value);
  return operand.kind === 'call' && operand.name === 'size' ? 'N' : undefined;
}

export function operandValue(operand: Operand, item: Item): Value | undefined {
  switch (operand.kind) {
    case 'value':
      return operand.value;
    case 'path':
      return valueAt(item, operand.path);
    case 'call': {
      const [first, second] = operand.operands.map((each) => operandValue(each, item));
      return RESULTS[operand.name](first, second);
    }
  }
}

/** The functions and operators that result in a value. */
const RESULTS = {
  size: (value?: Value): Value | undefined => {
    const size = value === undefined ? undefined : sizeOf(value);
    return size === undefined ? undefined : { N: String(size) };
  },
  if_not_exists: (value?: Value, otherwise?: Value) => value ?? otherwise,
  list_append: (left?: Value, right?: Value) => ({ L: [...contentOf(left, 'L'), ...contentOf(right, 'L')] }),
  '+': (left?: Value, right?: Value) => ({ N: addNumbers(contentOf(left, 'N'), contentOf(right, 'N')) }),
  '-': (left?: Value, right?: Value) => ({ N: subtractNumbers(contentOf(left, 'N'), contentOf(right, 'N')) }),
};

function sizeOf(value: Value): number | undefined {
  if (value.L !== undefined) return value.L.length;
  if (value.M !== undefined) return Object.keys(value.M).length;
  return membersOf(value)?.length ?? orderedBytes(value)?.length;
}

const contentOf = <T extends 'L' | 'N'>(value: Value | undefined, type: T): NonNullable<Value[T]> =>
  present(value)[type] ?? refuse(WRONG_TYPE);

/** The value of an operand that an update reads. */
export const present = (value: Value | undefined): Value =>
  value ?? refuse('The provided expression refers to an attribute that does not exist in the item');

export const WRONG_TYPE = 'An operand in the update expression has an incorrect data type';
