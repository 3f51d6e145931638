import { addNumbers } from './decimal';
import { refuse } from './errors';
import {
  checkApart,
  checkTypes,
  operandValue,
  present,
  readCall,
  readOperand,
  readTarget,
  WRONG_TYPE,
  type Operand,
} from './operand';
import { checkParent, inOrder, valueAt, withoutValues, withValue, type Path } from './path';
import type { Tokens } from './tokens';
import { equal, membersOf, typeOf, type Item, type Value } from './value';

export type UpdateAction =
  | { readonly clause: 'REMOVE'; readonly path: Path }
  | { readonly clause: 'SET' | 'ADD' | 'DELETE'; readonly path: Path; readonly operand: Operand };

const CLAUSES = ['SET', 'REMOVE', 'ADD', 'DELETE'] as const;

export function readUpdate(tokens: Tokens): readonly UpdateAction[] {
  const actions: UpdateAction[] = [];
  while (tokens.next !== undefined) {
    const clause = CLAUSES.find((each) => tokens.accept(each)) ?? tokens.failSyntax(tokens.next);
    if (actions.some((action) => action.clause === clause)) {
      tokens.fail(`The "${clause}" section can only be used once in an update expression;`);
    }
    actions.push(...tokens.list(() => readAction(tokens, clause)));
  }
  checkApart(
    tokens,
    actions.map(({ path }) => path),
  );
  return actions;
}

function readAction(tokens: Tokens, clause: UpdateAction['clause']): UpdateAction {
  const path = readTarget(tokens);
  if (clause === 'REMOVE') return { clause, path };
  if (clause === 'SET') {
    tokens.expect('=');
    return { clause, path, operand: readWritten(tokens) };
  }
  const operand: Operand = { kind: 'value', value: tokens.takeValue() };
  checkTypes(tokens, clause, [operand]);
  return { clause, path, operand };
}

/** Parses an operand, a sum or difference of two, or `list_append`; the whole may be in parentheses. */
function readWritten(tokens: Tokens): Operand {
  const isSum = tokens.afterGroup === '+' || tokens.afterGroup === '-';
  if (tokens.next === '(' && !isSum) return tokens.group(() => readWritten(tokens));
  if (tokens.next === 'list_append' && tokens.afterNext === '(') {
    return { kind: 'call', ...readCall(tokens, ['list_append']) };
  }
  const left = readOperand(tokens);
  const name = (['+', '-'] as const).find((sign) => tokens.accept(sign));
  if (name === undefined) return left;
  tokens.countOperator();
  const operands = [left, readOperand(tokens)];
  checkTypes(tokens, name, operands);
  return { kind: 'call', name, operands };
}

/** The item after the update. Every operand is read from the item before the update. */
export function updated(item: Item, actions: readonly UpdateAction[]): Item {
  const results = actions
    .map((action) => ({ ...action, value: resultOf(action, item) }))
    .toSorted((a, b) => inOrder(a.path, b.path));
  const next = results.reduce(
    (state, { path, value }) => (value === undefined ? state : withValue(state, path, value)),
    item,
  );
  const removed = results.filter(
    ({ clause, path, value }) => clause === 'REMOVE' || (value === undefined && valueAt(item, path) !== undefined),
  );
  return withoutValues(
    next,
    removed.map(({ path }) => path),
  );
}

/** The value that an action writes at its path; `undefined` if it leaves none. */
function resultOf(action: UpdateAction, item: Item): Value | undefined {
  if (action.clause === 'REMOVE') return undefined;
  const { clause, path, operand } = action;
  const value = present(operandValue(operand, item));
  const known = valueAt(item, path);
  switch (clause) {
    case 'SET':
      return value;
    case 'ADD':
      return known === undefined ? value : added(known, value);
    case 'DELETE':
      checkParent(item, path);
      return known === undefined ? undefined : reduced(known, value);
  }
}

function added(known: Value, value: Value): Value {
  if (known.N !== undefined && value.N !== undefined) return { N: addNumbers(known.N, value.N) };
  const [have, more] = membersOfBoth(known, value);
  return setOf(known, [...have, ...without(more, have)]);
}

function reduced(known: Value, value: Value): Value | undefined {
  const left = without(...membersOfBoth(known, value));
  return left.length === 0 ? undefined : setOf(known, left);
}

function membersOfBoth(known: Value, value: Value): [readonly Value[], readonly Value[]] {
  const [have, other] = [membersOf(known), membersOf(value)];
  if (have === undefined || other === undefined || typeOf(known) !== typeOf(value)) return refuse(WRONG_TYPE);
  return [have, other];
}

const without = (members: readonly Value[], others: readonly Value[]): readonly Value[] =>
  members.filter((member) => !others.some((other) => equal(member, other)));

const setOf = (known: Value, members: readonly Value[]): Value => ({
  [typeOf(known)]: members.map(({ S, N, B }) => S ?? N ?? B ?? ''),
});
