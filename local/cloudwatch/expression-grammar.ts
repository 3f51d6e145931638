import { ExpressionError } from './expression-error';

/** The syntax tree of an expression. */
export type Node =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'call'; readonly name: string; readonly parameters: readonly Node[] }
  | { readonly kind: 'operation'; readonly operator: string; readonly left: Node; readonly right: Node };

/** From the weakest to the strongest. Operators of one row are evaluated from left to right. */
const PRECEDENCE: readonly (readonly string[])[] = [
  ['OR', '||'],
  ['AND', '&&'],
  ['==', '!=', '<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/'],
];

const SYNONYMS: Readonly<Record<string, string>> = { '||': 'OR', '&&': 'AND' };

const TOKEN = /\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_]\w*|&&|\|\||[<>=!]=|[-+*/<>(),])/y;

/** Parses the arithmetic part of CloudWatch's metric math. */
export function parseExpression(expression: string): Node {
  const tokens = tokenize(expression);
  let next = 0;
  const fail = (): never => {
    const found = tokens[next] === undefined ? 'its end' : `"${tokens[next]}"`;
    throw new ExpressionError(`The expression ${expression} cannot be read at ${found}.`);
  };
  const take = (token: string): void => {
    if (tokens[next] !== token) fail();
    next += 1;
  };

  const operation = (level: number): Node => {
    const operators = PRECEDENCE[level];
    if (operators === undefined) return operand();
    let left = operation(level + 1);
    for (let token = tokens[next]; token !== undefined && operators.includes(token); token = tokens[next]) {
      next += 1;
      left = { kind: 'operation', operator: SYNONYMS[token] ?? token, left, right: operation(level + 1) };
    }
    return left;
  };

  const operand = (): Node => {
    const token = tokens[next] ?? fail();
    next += 1;
    if (token === '(') {
      const inner = operation(0);
      take(')');
      return inner;
    }
    if (token === '-')
      return { kind: 'operation', operator: '-', left: { kind: 'number', value: 0 }, right: operand() };
    if (/^\d/.test(token)) return { kind: 'number', value: Number(token) };
    if (!/^[A-Za-z_]/.test(token)) {
      next -= 1;
      return fail();
    }
    return tokens[next] === '('
      ? { kind: 'call', name: token.toUpperCase(), parameters: parameters() }
      : { kind: 'id', id: token };
  };

  const parameters = (): Node[] => {
    take('(');
    const found = [operation(0)];
    while (tokens[next] === ',') {
      next += 1;
      found.push(operation(0));
    }
    take(')');
    return found;
  };

  const root = operation(0);
  return next < tokens.length ? fail() : root;
}

function tokenize(expression: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.trimEnd().length) {
    const from = TOKEN.lastIndex;
    const token = TOKEN.exec(expression)?.[1];
    if (token === undefined) {
      throw new ExpressionError(`The expression ${expression} cannot be read at "${expression.slice(from).trim()}".`);
    }
    tokens.push(token);
  }
  return tokens;
}
