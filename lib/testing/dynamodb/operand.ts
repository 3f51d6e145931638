import type { Attributes } from './attributes';
import { valueAt, type Path } from './path';
import type { Tokens } from './tokens';
import { membersOf, orderedBytes, type Item, type Value } from './value';

/** What an expression compares or writes. */
export type Operand =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'size'; readonly path: Path };

export function readPath(tokens: Tokens, attributes: Attributes): Path {
  const steps: (string | number)[] = [];
  const first = readName(tokens, attributes);
  for (;;) {
    if (tokens.accept('.')) steps.push(readName(tokens, attributes));
    else if (tokens.accept('[')) {
      const place = tokens.take();
      if (!/^\d+$/.test(place)) tokens.fail(`Syntax error; token: "${place}"`);
      steps.push(Number(place));
      tokens.expect(']');
    } else return [first, ...steps];
  }
}

function readName(tokens: Tokens, attributes: Attributes): string {
  const token = tokens.take();
  if (!/^[#A-Za-z]/.test(token)) tokens.fail(`Syntax error; token: "${token}"`);
  return attributes.name(token, tokens.expression);
}

export function readOperand(tokens: Tokens, attributes: Attributes): Operand {
  if (tokens.next?.startsWith(':') === true) {
    return { kind: 'value', value: attributes.value(tokens.take(), tokens.expression) };
  }
  if (tokens.afterNext !== '(') return { kind: 'path', path: readPath(tokens, attributes) };
  const name = tokens.take();
  if (name !== 'size') tokens.fail(`The function is not allowed to be used this way; function: ${name}`);
  tokens.expect('(');
  const path = readPath(tokens, attributes);
  tokens.expect(')');
  return { kind: 'size', path };
}

/** Several, separated by commas. */
export function readList<T>(tokens: Tokens, read: () => T): T[] {
  const list = [read()];
  while (tokens.accept(',')) list.push(read());
  return list;
}

export function operandValue(operand: Operand, item: Item): Value | undefined {
  if (operand.kind === 'value') return operand.value;
  const value = valueAt(item, operand.path);
  if (operand.kind === 'path' || value === undefined) return value;
  const size = sizeOf(value);
  return size === undefined ? undefined : { N: String(size) };
}

function sizeOf(value: Value): number | undefined {
  if (value.L !== undefined) return value.L.length;
  if (value.M !== undefined) return Object.keys(value.M).length;
  return membersOf(value)?.length ?? orderedBytes(value)?.length;
}
