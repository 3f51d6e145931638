import { isDeepStrictEqual } from 'node:util';
import type { Attributes } from './attributes';
import { failType, operandValue, readList, readOperand, type Operand } from './operand';
import { Tokens } from './tokens';
import { compare, equal, isValueType, membersOf, orderedBytes, typeOf, type Item, type Value } from './value';

const COMPARATORS = ['=', '<>', '<', '<=', '>', '>='] as const;
export type Comparator = (typeof COMPARATORS)[number];

const FUNCTIONS = { attribute_exists: 1, attribute_not_exists: 1, attribute_type: 2, begins_with: 2, contains: 2 };
type FunctionName = keyof typeof FUNCTIONS;

/** Limit of operands of `IN`: Amazon DynamoDB developer guide, "Comparison operator and function reference". */
const MAX_LIST = 100;

/** A parsed condition, filter or key condition. */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly inner: Condition }
  | { readonly kind: 'compare'; readonly comparator: Comparator; readonly left: Operand; readonly right: Operand }
  | { readonly kind: 'between'; readonly operand: Operand; readonly low: Operand; readonly high: Operand }
  | { readonly kind: 'in'; readonly operand: Operand; readonly list: readonly Operand[] }
  | { readonly kind: 'function'; readonly name: FunctionName; readonly args: readonly Operand[] };

/** Parses a whole expression; `expression` is its name in error messages. */
export function readCondition(text: string, attributes: Attributes, expression: string): Condition {
  const tokens = new Tokens(expression, text);
  const condition = readOr(tokens, attributes);
  tokens.end();
  return condition;
}

function readOr(tokens: Tokens, attributes: Attributes): Condition {
  let left = readAnd(tokens, attributes);
  while (tokens.accept('OR')) {
    tokens.countOperator();
    left = { kind: 'or', left, right: readAnd(tokens, attributes) };
  }
  return left;
}

function readAnd(tokens: Tokens, attributes: Attributes): Condition {
  let left = readNot(tokens, attributes);
  while (tokens.accept('AND')) {
    tokens.countOperator();
    left = { kind: 'and', left, right: readNot(tokens, attributes) };
  }
  return left;
}

function readNot(tokens: Tokens, attributes: Attributes): Condition {
  if (tokens.accept('NOT')) {
    tokens.countOperator();
    return { kind: 'not', inner: readNot(tokens, attributes) };
  }
  const isOperand = ([...COMPARATORS, 'BETWEEN', 'IN'] as readonly string[]).includes(
    tokens.afterGroup?.toUpperCase() ?? '',
  );
  if (tokens.next === '(' && !isOperand) return tokens.group(() => readOr(tokens, attributes));
  return readPredicate(tokens, attributes);
}

function readPredicate(tokens: Tokens, attributes: Attributes): Condition {
  if (tokens.next !== '(' && tokens.afterNext === '(' && tokens.next !== 'size') {
    return readFunction(tokens, attributes);
  }
  const operand = readOperand(tokens, attributes);
  tokens.countOperator();
  if (tokens.accept('BETWEEN')) {
    const low = readOperand(tokens, attributes);
    tokens.expect('AND');
    const high = readOperand(tokens, attributes);
    checkDistinct(tokens, 'BETWEEN', operand, [low, high]);
    checkOrdered(tokens, 'BETWEEN', [operand, low, high]);
    checkBounds(tokens, low, high);
    return { kind: 'between', operand, low, high };
  }
  if (tokens.accept('IN')) {
    tokens.expect('(');
    const list = readList(tokens, () => readOperand(tokens, attributes));
    tokens.expect(')');
    if (list.length > MAX_LIST) {
      tokens.fail(`The IN operator is provided with too many operands; number of operands: ${list.length}`);
    }
    checkDistinct(tokens, 'IN', operand, list);
    return { kind: 'in', operand, list };
  }
  const sign = tokens.take();
  const comparator = COMPARATORS.find((each) => each === sign) ?? tokens.fail(`Syntax error; token: "${sign}"`);
  const right = readOperand(tokens, attributes);
  checkDistinct(tokens, sign, operand, [right]);
  if (sign !== '=' && sign !== '<>') checkOrdered(tokens, sign, [operand, right]);
  return { kind: 'compare', comparator, left: operand, right };
}

/** Compares paths only: values and sizes may be the same. */
function checkDistinct(tokens: Tokens, operator: string, first: Operand, others: readonly Operand[]): void {
  if (first.kind !== 'path' || !others.some((other) => isDeepStrictEqual(first, other))) return;
  tokens.fail(
    `The first operand must be distinct from the remaining operands for this operator or function; operator: ${operator}`,
  );
}

function checkOrdered(tokens: Tokens, operator: string, operands: readonly Operand[]): void {
  for (const operand of operands) {
    if (operand.kind !== 'value' || compare(operand.value, operand.value) !== undefined) continue;
    failType(tokens, operator, operand.value);
  }
}

function checkBounds(tokens: Tokens, low: Operand, high: Operand): void {
  if (low.kind !== 'value' || high.kind !== 'value') return;
  const order = compare(low.value, high.value);
  if (order === undefined) {
    return tokens.fail('The BETWEEN operator requires same data type for lower and upper bounds;');
  }
  if (order > 0) {
    tokens.fail('The BETWEEN operator requires upper bound to be greater than or equal to lower bound;');
  }
}

function readFunction(tokens: Tokens, attributes: Attributes): Condition {
  const name = tokens.take();
  if (!isFunction(name)) return tokens.fail(`Invalid function name; function: ${name}`);
  tokens.countOperator();
  tokens.expect('(');
  const args = readList(tokens, () => readOperand(tokens, attributes));
  tokens.expect(')');
  const [first, second] = args;
  if (first === undefined || args.length !== FUNCTIONS[name]) {
    return tokens.fail(`Incorrect number of operands for operator or function; operator or function: ${name}`);
  }
  if (second !== undefined) checkDistinct(tokens, name, first, [second]);
  if (name.startsWith('attribute_')) checkAttribute(tokens, name, first, second);
  if (name === 'begins_with') for (const operand of args) checkPrefixed(tokens, operand);
  return { kind: 'function', name, args };
}

function checkAttribute(tokens: Tokens, name: string, first: Operand, second: Operand | undefined): void {
  if (first.kind !== 'path' && name !== 'attribute_type')
    tokens.fail(`Operator or function requires a document path; operator or function: ${name}`);
  if (second !== undefined && (second.kind !== 'value' || !isValueType(second.value.S))) {
    tokens.fail('Invalid attribute type name found; it must be one of S, N, B, BOOL, NULL, L, M, SS, NS, BS');
  }
}

function checkPrefixed(tokens: Tokens, operand: Operand): void {
  if (operand.kind === 'size') failType(tokens, 'begins_with', { N: '0' });
  if (operand.kind === 'value' && orderedBytes(operand.value) === undefined) {
    failType(tokens, 'begins_with', operand.value);
  }
}

const isFunction = (name: string): name is FunctionName => Object.hasOwn(FUNCTIONS, name);

/** The top-level attributes of all paths in a condition. */
export function attributesIn(condition: Condition): string[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return [...attributesIn(condition.left), ...attributesIn(condition.right)];
    case 'not':
      return attributesIn(condition.inner);
    case 'compare':
      return attributesOf([condition.left, condition.right]);
    case 'between':
      return attributesOf([condition.operand, condition.low, condition.high]);
    case 'in':
      return attributesOf([condition.operand, ...condition.list]);
    case 'function':
      return attributesOf(condition.args);
  }
}

const attributesOf = (operands: readonly Operand[]): string[] =>
  operands.flatMap((operand) => {
    const inner = operand.kind === 'size' ? operand.of : operand;
    return inner.kind === 'path' ? [inner.path[0]] : [];
  });

/** Whether the condition holds for an item; a missing item counts as an empty one. */
export function holds(condition: Condition, item: Item): boolean {
  switch (condition.kind) {
    case 'and':
      return holds(condition.left, item) && holds(condition.right, item);
    case 'or':
      return holds(condition.left, item) || holds(condition.right, item);
    case 'not':
      return !holds(condition.inner, item);
    case 'compare':
      return compares(condition.comparator, operandValue(condition.left, item), operandValue(condition.right, item));
    case 'between': {
      const value = operandValue(condition.operand, item);
      return (
        compares('>=', value, operandValue(condition.low, item)) &&
        compares('<=', value, operandValue(condition.high, item))
      );
    }
    case 'in': {
      const value = operandValue(condition.operand, item);
      return condition.list.some((each) => compares('=', value, operandValue(each, item)));
    }
    case 'function':
      return functionHolds(condition.name, condition.args, item);
  }
}

function compares(comparator: Comparator, left: Value | undefined, right: Value | undefined): boolean {
  if (left === undefined || right === undefined) return comparator === '<>';
  if (comparator === '=') return equal(left, right);
  if (comparator === '<>') return !equal(left, right);
  const order = compare(left, right);
  if (order === undefined) return false;
  switch (comparator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function functionHolds(name: FunctionName, [first, second]: readonly Operand[], item: Item): boolean {
  const value = first === undefined ? undefined : operandValue(first, item);
  const other = second === undefined ? undefined : operandValue(second, item);
  if (name === 'attribute_exists') return value !== undefined;
  if (name === 'attribute_not_exists') return value === undefined;
  if (value === undefined || other === undefined) return false;
  switch (name) {
    case 'attribute_type':
      return typeOf(value) === other.S;
    case 'begins_with':
      return beginsWith(value, other);
    case 'contains':
      return contains(value, other);
  }
}

function beginsWith(value: Value, prefix: Value): boolean {
  const [whole, start] = [orderedBytes(value), orderedBytes(prefix)];
  if (whole === undefined || start === undefined || typeOf(value) !== typeOf(prefix)) return false;
  return whole.subarray(0, start.length).equals(start);
}

function contains(value: Value, part: Value): boolean {
  const members = value.L ?? membersOf(value);
  if (members !== undefined) return members.some((member) => equal(member, part));
  const [whole, piece] = [orderedBytes(value), orderedBytes(part)];
  return whole !== undefined && piece !== undefined && typeOf(value) === typeOf(part) && whole.includes(piece);
}
