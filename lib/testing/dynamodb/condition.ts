import { checkDistinct, checkTypes, operandValue, readCall, readOperand, type Operand } from './operand';
import type { Tokens } from './tokens';
import { compare, equal, isValueType, membersOf, typeOf, withBytes, type Item, type Value } from './value';

/** Limit of operands of `IN`: Amazon DynamoDB developer guide, "Comparison operator and function reference". */
const MAX_LIST = 100;

/** A parsed condition, filter or key condition. */
export type Condition =
  { readonly operator: 'AND' | 'OR' | 'NOT'; readonly conditions: readonly Condition[] } | Predicate;

/** A comparison, or a call of a function that holds or not. */
export interface Predicate {
  readonly operator: PredicateOperator;
  readonly operands: readonly Operand[];
}

const COMPARATORS = ['=', '<>', '<', '<=', '>', '>='] as const;
const PREDICATE_FUNCTIONS = [
  'attribute_exists',
  'attribute_not_exists',
  'attribute_type',
  'begins_with',
  'contains',
] as const;
export type PredicateOperator = (typeof COMPARATORS)[number] | (typeof PREDICATE_FUNCTIONS)[number] | 'BETWEEN' | 'IN';

export const readCondition = (tokens: Tokens): Condition => readJoined(tokens, 'OR', readAnd);

const readAnd = (tokens: Tokens): Condition => readJoined(tokens, 'AND', readNot);

function readJoined(tokens: Tokens, operator: 'AND' | 'OR', read: (tokens: Tokens) => Condition): Condition {
  let joined = read(tokens);
  while (tokens.accept(operator)) {
    tokens.countOperator();
    joined = { operator, conditions: [joined, read(tokens)] };
  }
  return joined;
}

function readNot(tokens: Tokens): Condition {
  if (tokens.accept('NOT')) {
    tokens.countOperator();
    return { operator: 'NOT', conditions: [readNot(tokens)] };
  }
  const isOperand = ([...COMPARATORS, 'BETWEEN', 'IN'] as readonly string[]).includes(
    tokens.afterGroup?.toUpperCase() ?? '',
  );
  if (tokens.next === '(' && !isOperand) return tokens.group(() => readCondition(tokens));
  const isCall = tokens.next !== '(' && tokens.afterNext === '(' && tokens.next !== 'size';
  return isCall ? readFunction(tokens) : readComparison(tokens);
}

function readComparison(tokens: Tokens): Predicate {
  const first = readOperand(tokens);
  tokens.countOperator();
  const { operator, others } = readComparedWith(tokens);
  const operands = [first, ...others];
  checkDistinct(tokens, operator, operands);
  checkTypes(tokens, operator, operands);
  if (operator === 'BETWEEN') checkBounds(tokens, others);
  return { operator, operands };
}

/** Parses a comparison from its operator on. */
function readComparedWith(tokens: Tokens): { operator: PredicateOperator; others: readonly Operand[] } {
  if (tokens.accept('BETWEEN')) {
    const low = readOperand(tokens);
    tokens.expect('AND');
    return { operator: 'BETWEEN', others: [low, readOperand(tokens)] };
  }
  if (tokens.accept('IN')) {
    tokens.expect('(');
    const others = tokens.list(() => readOperand(tokens));
    tokens.expect(')');
    if (others.length > MAX_LIST) {
      tokens.fail(`The IN operator is provided with too many operands; number of operands: ${others.length}`);
    }
    return { operator: 'IN', others };
  }
  const operator = COMPARATORS.find((each) => tokens.accept(each)) ?? tokens.failSyntax(tokens.next);
  return { operator, others: [readOperand(tokens)] };
}

function checkBounds(tokens: Tokens, [low, high]: readonly Operand[]): void {
  if (low?.kind !== 'value' || high?.kind !== 'value') return;
  const order = compare(low.value, high.value);
  if (order === undefined) {
    return tokens.fail('The BETWEEN operator requires same data type for lower and upper bounds;');
  }
  if (order > 0) {
    tokens.fail('The BETWEEN operator requires upper bound to be greater than or equal to lower bound;');
  }
}

function readFunction(tokens: Tokens): Predicate {
  const { name: operator, operands } = readCall(tokens, PREDICATE_FUNCTIONS);
  const [, type] = operands;
  if (operator === 'attribute_type' && (type?.kind !== 'value' || !isValueType(type.value.S))) {
    tokens.fail('Invalid attribute type name found; it must be one of S, N, B, BOOL, NULL, L, M, SS, NS, BS');
  }
  return { operator, operands };
}

/** The top-level attributes of all paths in a condition. */
export const attributesIn = (condition: Condition): string[] =>
  'conditions' in condition ? condition.conditions.flatMap(attributesIn) : condition.operands.flatMap(attributesOf);

function attributesOf(operand: Operand): string[] {
  if (operand.kind === 'path') return [operand.path[0]];
  return operand.kind === 'call' ? operand.operands.flatMap(attributesOf) : [];
}

/** Whether the condition holds for an item; a missing item counts as an empty one. */
export function holds(condition: Condition, item: Item): boolean {
  switch (condition.operator) {
    case 'AND':
      return condition.conditions.every((each) => holds(each, item));
    case 'OR':
      return condition.conditions.some((each) => holds(each, item));
    case 'NOT':
      return !condition.conditions.some((each) => holds(each, item));
    default:
      return PREDICATES[condition.operator](...condition.operands.map((each) => operandValue(each, item)));
  }
}

type Test = (...values: readonly (Value | undefined)[]) => boolean;

const isEqual: Test = (left, right) => left !== undefined && right !== undefined && equal(left, right);

const ordered =
  (isWanted: (order: number) => boolean): Test =>
  (left, right) => {
    const order = compare(left, right);
    return order !== undefined && isWanted(order);
  };

const isAtLeast = ordered((order) => order >= 0);
const isAtMost = ordered((order) => order <= 0);

const PREDICATES: Readonly<Record<PredicateOperator, Test>> = {
  '=': isEqual,
  '<>': (left, right) => !isEqual(left, right),
  '<': ordered((order) => order < 0),
  '<=': isAtMost,
  '>': ordered((order) => order > 0),
  '>=': isAtLeast,
  BETWEEN: (value, low, high) => isAtLeast(value, low) && isAtMost(value, high),
  IN: (value, ...list) => list.some((each) => isEqual(value, each)),
  attribute_exists: (value) => value !== undefined,
  attribute_not_exists: (value) => value === undefined,
  attribute_type: (value, type) => value !== undefined && typeOf(value) === type?.S,
  begins_with: (value, prefix) =>
    withBytes(value, prefix, (whole, start) => whole.subarray(0, start.length).equals(start)) ?? false,
  contains: (value, part) => {
    const members = value?.L ?? membersOf(value ?? {});
    if (members !== undefined) return members.some((member) => isEqual(member, part));
    return withBytes(value, part, (whole, piece) => whole.includes(piece)) ?? false;
  },
};
