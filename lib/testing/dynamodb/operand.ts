import type { Attributes } from './attributes';
import { valueAt, type Path } from './path';
import type { Tokens } from './tokens';
import { membersOf, orderedBytes, typeOf, type Item, type Value } from './value';

type PathOrValue = { readonly kind: 'path'; readonly path: Path } | { readonly kind: 'value'; readonly value: Value };

/** A value that an expression compares or writes. */
export type Operand = PathOrValue | { readonly kind: 'size'; readonly of: PathOrValue };

/** Maximum depth of a path: Amazon DynamoDB developer guide, "Quotas". */
const MAX_STEPS = 32;
const MAX_PLACE = 2 ** 31 - 1;

/** Parses a path that an expression reads. */
export function readPath(tokens: Tokens, attributes: Attributes): Path {
  const path = readTarget(tokens, attributes);
  attributes.checkScalarKey(path);
  return path;
}

/** Parses a path that an update writes. */
export function readTarget(tokens: Tokens, attributes: Attributes): Path {
  const steps: (string | number)[] = [];
  const first = readName(tokens, attributes);
  for (;;) {
    if (tokens.accept('.')) steps.push(readName(tokens, attributes));
    else if (tokens.accept('[')) {
      steps.push(readPlace(tokens));
      tokens.expect(']');
    } else break;
  }
  if (steps.length >= MAX_STEPS) {
    tokens.fail(`The document path has too many nesting levels; nesting levels: ${steps.length + 1}`);
  }
  return [first, ...steps];
}

function readPlace(tokens: Tokens): number {
  const place = tokens.take();
  if (!/^(0|[1-9]\d*)$/.test(place)) tokens.fail(`Syntax error; token: "${place}"`);
  if (Number(place) > MAX_PLACE) tokens.fail(`List index is not within the allowable range; index: [${place}]`);
  return Number(place);
}

/** `REMOVE` is not a reserved word, but a keyword in every expression. */
function readName(tokens: Tokens, attributes: Attributes): string {
  const token = tokens.take();
  if (!/^[#A-Za-z]/.test(token) || token.toUpperCase() === 'REMOVE') tokens.fail(`Syntax error; token: "${token}"`);
  return attributes.name(token, tokens.expression);
}

export function readOperand(tokens: Tokens, attributes: Attributes): Operand {
  if (tokens.next === '(') return tokens.group(() => readOperand(tokens, attributes));
  if (tokens.next?.startsWith(':') === true) {
    return { kind: 'value', value: attributes.value(tokens.take(), tokens.expression) };
  }
  if (tokens.afterNext !== '(') return { kind: 'path', path: readPath(tokens, attributes) };
  const name = tokens.take();
  if (name !== 'size') tokens.fail(`The function is not allowed to be used this way; function: ${name}`);
  tokens.countOperator();
  tokens.expect('(');
  const of = readOperand(tokens, attributes);
  tokens.expect(')');
  if (of.kind === 'size') return tokens.fail('The function is not allowed to be used this way; function: size');
  if (of.kind === 'value' && sizeOf(of.value) === undefined) failType(tokens, 'size', of.value);
  return { kind: 'size', of };
}

export const failType = (tokens: Tokens, operator: string, value: Value): never =>
  tokens.fail(
    `Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${typeOf(value)}`,
  );

/** Parses a list separated by commas. */
export function readList<T>(tokens: Tokens, read: () => T): T[] {
  const list = [read()];
  while (tokens.accept(',')) list.push(read());
  return list;
}

export function operandValue(operand: Operand, item: Item): Value | undefined {
  switch (operand.kind) {
    case 'value':
      return operand.value;
    case 'path':
      return valueAt(item, operand.path);
    case 'size': {
      const value = operandValue(operand.of, item);
      const size = value === undefined ? undefined : sizeOf(value);
      return size === undefined ? undefined : { N: String(size) };
    }
  }
}

function sizeOf(value: Value): number | undefined {
  if (value.L !== undefined) return value.L.length;
  if (value.M !== undefined) return Object.keys(value.M).length;
  return membersOf(value)?.length ?? orderedBytes(value)?.length;
}
