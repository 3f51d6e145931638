import { isDeepStrictEqual } from 'node:util';
import type { Attributes } from './attributes';
import { addNumbers, subtractNumbers } from './decimal';
import { failType, readList, readPath, readTarget } from './operand';
import { checkApart, checkParent, inOrder, valueAt, withoutValues, withValue, type Path } from './path';
import { refuse } from './service-error';
import { Tokens } from './tokens';
import { equal, membersOf, typeOf, type Item, type Value } from './value';

/** A value that `SET` writes. */
type Written =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'sum' | 'difference' | 'list_append'; readonly left: Written; readonly right: Written }
  | { readonly kind: 'if_not_exists'; readonly path: Path; readonly otherwise: Written };

/** A parsed update expression. */
export interface Update {
  readonly sets: readonly { readonly path: Path; readonly written: Written }[];
  readonly removes: readonly Path[];
  readonly adds: readonly PathValue[];
  readonly deletes: readonly PathValue[];
}

interface PathValue {
  readonly path: Path;
  readonly value: Value;
}

export function readUpdate(text: string, attributes: Attributes): Update {
  const tokens = new Tokens('UpdateExpression', text);
  const update = {
    sets: [] as Update['sets'],
    removes: [] as readonly Path[],
    adds: [] as readonly PathValue[],
    deletes: [] as readonly PathValue[],
  };
  const seen = new Set<string>();
  const readPathValue = (): PathValue => {
    const path = readTarget(tokens, attributes);
    return { path, value: attributes.value(tokens.take(), tokens.expression) };
  };
  while (tokens.next !== undefined) {
    const clause = tokens.take().toUpperCase();
    if (seen.has(clause)) tokens.fail(`The "${clause}" section can only be used once in an update expression;`);
    seen.add(clause);
    switch (clause) {
      case 'SET':
        update.sets = readList(tokens, () => readSet(tokens, attributes));
        break;
      case 'REMOVE':
        update.removes = readList(tokens, () => readTarget(tokens, attributes));
        break;
      case 'ADD':
        update.adds = readList(tokens, readPathValue);
        for (const { value } of update.adds) checkAddable(tokens, value);
        break;
      case 'DELETE':
        update.deletes = readList(tokens, readPathValue);
        for (const { value } of update.deletes) checkDeletable(tokens, value);
        break;
      default:
        tokens.fail(`Syntax error; token: "${clause}"`);
    }
  }
  checkApart(tokens, pathsOf(update));
  return update;
}

const checkAddable = (tokens: Tokens, value: Value): void => {
  if (value.N === undefined && membersOf(value) === undefined) failType(tokens, 'ADD', value);
};

const checkDeletable = (tokens: Tokens, value: Value): void => {
  if (membersOf(value) === undefined) failType(tokens, 'DELETE', value);
};

function readSet(tokens: Tokens, attributes: Attributes): { path: Path; written: Written } {
  const path = readTarget(tokens, attributes);
  tokens.expect('=');
  return { path, written: readWritten(tokens, attributes) };
}

/** Parses a term, a sum or difference of two terms, or `list_append`; the whole may be in parentheses. */
function readWritten(tokens: Tokens, attributes: Attributes): Written {
  const isSum = tokens.afterGroup === '+' || tokens.afterGroup === '-';
  if (tokens.next === '(' && !isSum) return tokens.group(() => readWritten(tokens, attributes));
  if (tokens.next === 'list_append' && tokens.afterNext === '(') return readListAppend(tokens, attributes);
  const left = readTerm(tokens, attributes);
  if (tokens.next !== '+' && tokens.next !== '-') return left;
  const sign = tokens.take();
  tokens.countOperator();
  const right = readTerm(tokens, attributes);
  for (const term of [left, right]) {
    if (term.kind === 'value' && term.value.N === undefined) failType(tokens, sign, term.value);
  }
  return { kind: sign === '+' ? 'sum' : 'difference', left, right };
}

function readListAppend(tokens: Tokens, attributes: Attributes): Written {
  const [left, right] = readArguments(tokens, attributes);
  for (const term of [left, right]) {
    if (term.kind === 'value' && term.value.L === undefined) failType(tokens, 'list_append', term.value);
  }
  return { kind: 'list_append', left, right };
}

/** Parses a path, a value or `if_not_exists`; it may be in parentheses. */
function readTerm(tokens: Tokens, attributes: Attributes): Written {
  if (tokens.next === '(') return tokens.group(() => readTerm(tokens, attributes));
  if (tokens.next?.startsWith(':') === true) {
    return { kind: 'value', value: attributes.value(tokens.take(), tokens.expression) };
  }
  if (tokens.afterNext !== '(') return { kind: 'path', path: readPath(tokens, attributes) };
  if (tokens.next !== 'if_not_exists') {
    tokens.fail(`The function is not allowed to be used this way in an expression; function: ${tokens.next ?? ''}`);
  }
  const [left, otherwise] = readArguments(tokens, attributes);
  if (left.kind !== 'path') return tokens.fail('if_not_exists requires a document path');
  if (isDeepStrictEqual(left, otherwise)) {
    tokens.fail('The first operand must be distinct from the remaining operands; function: if_not_exists');
  }
  return { kind: 'if_not_exists', path: left.path, otherwise };
}

/** Parses a function's name and its two arguments. */
function readArguments(tokens: Tokens, attributes: Attributes): [Written, Written] {
  tokens.take();
  tokens.countOperator();
  tokens.expect('(');
  const left = readTerm(tokens, attributes);
  tokens.expect(',');
  const right = readTerm(tokens, attributes);
  tokens.expect(')');
  return [left, right];
}

/** All paths that the update writes. */
export const pathsOf = ({ sets, removes, adds, deletes }: Update): Path[] => [
  ...sets.map(({ path }) => path),
  ...removes,
  ...adds.map(({ path }) => path),
  ...deletes.map(({ path }) => path),
];

/** The item after the update. Every operand is read from the item before the update. */
export function updated(item: Item, { sets, removes, adds, deletes }: Update): Item {
  const values = [
    ...sets.map(({ path, written }) => ({ path, value: valueOf(written, item) })),
    ...adds.map(({ path, value }) => ({ path, value: added(valueAt(item, path), value) })),
    ...deletes.map(({ path, value }) => {
      checkParent(item, path);
      return { path, value: reduced(valueAt(item, path), value) };
    }),
  ].toSorted((a, b) => inOrder(a.path, b.path));
  const gone = values.filter(({ value }) => value === undefined).map(({ path }) => path);
  const next = values.reduce(
    (state, { path, value }) => (value === undefined ? state : withValue(state, path, value)),
    item,
  );
  const present = gone.filter((path) => valueAt(item, path) !== undefined);
  return withoutValues(next, [...removes, ...present]);
}

function valueOf(written: Written, item: Item): Value {
  switch (written.kind) {
    case 'value':
      return written.value;
    case 'path':
      return (
        valueAt(item, written.path) ??
        refuse('The provided expression refers to an attribute that does not exist in the item')
      );
    case 'if_not_exists':
      return valueAt(item, written.path) ?? valueOf(written.otherwise, item);
    case 'list_append': {
      const [left, right] = [valueOf(written.left, item).L, valueOf(written.right, item).L];
      if (left === undefined || right === undefined) return refuse(WRONG_TYPE);
      return { L: [...left, ...right] };
    }
    default: {
      const [left, right] = [valueOf(written.left, item).N, valueOf(written.right, item).N];
      if (left === undefined || right === undefined) return refuse(WRONG_TYPE);
      return { N: written.kind === 'sum' ? addNumbers(left, right) : subtractNumbers(left, right) };
    }
  }
}

const WRONG_TYPE = 'An operand in the update expression has an incorrect data type';

function added(known: Value | undefined, value: Value): Value {
  if (known === undefined) return value;
  if (known.N !== undefined && value.N !== undefined) return { N: addNumbers(known.N, value.N) };
  return combined(known, value, (have, more) => [...have, ...more.filter((one) => !have.some(isEqualTo(one)))]);
}

function reduced(known: Value | undefined, value: Value): Value | undefined {
  if (known === undefined) return undefined;
  const left = combined(known, value, (have, less) => have.filter((one) => !less.some(isEqualTo(one))));
  return membersOf(left)?.length === 0 ? undefined : left;
}

const isEqualTo =
  (one: Value) =>
  (other: Value): boolean =>
    equal(one, other);

function combined(
  known: Value,
  value: Value,
  combine: (known: readonly Value[], value: readonly Value[]) => readonly Value[],
): Value {
  const [have, other] = [membersOf(known), membersOf(value)];
  const type = typeOf(known);
  if (have === undefined || other === undefined || type !== typeOf(value)) return refuse(WRONG_TYPE);
  const members = combine(have, other);
  return { [type]: members.map(({ S, N, B }) => S ?? N ?? B ?? '') };
}
