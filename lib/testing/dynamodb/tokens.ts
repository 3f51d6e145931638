import type { Attributes } from './attributes';
import { refuse } from './errors';
import type { ExpressionName } from './request';
import { isReservedWord } from './reserved-words';
import type { Value } from './value';

/** Limits of one expression: Amazon DynamoDB developer guide, "Quotas". */
const MAX_BYTES = 4096;
const MAX_OPERATORS = 300;
const MAX_INDEX = 2 ** 31 - 1;

const TOKEN = /\s*(?:([#:][A-Za-z0-9_]+)|([A-Za-z][A-Za-z0-9_]*)|(\d+)|(<>|<=|>=|[-+=<>()[\],.]))/gy;

/** The words, numbers and signs of one expression, read from left to right. */
export class Tokens {
  readonly expression: ExpressionName;
  readonly attributes: Attributes;
  readonly #tokens: readonly string[];
  #at = 0;
  #operators = 0;

  constructor(expression: ExpressionName, text: string, attributes: Attributes) {
    this.expression = expression;
    this.attributes = attributes;
    if (text.trim() === '') this.fail('The expression can not be empty;');
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_BYTES) {
      this.fail(`Expression size has exceeded the maximum allowed size; expression size: ${bytes}`);
    }
    const tokens = [...text.matchAll(TOKEN)].map(([token]) => token);
    const rest = text.slice(tokens.join('').length).trim();
    if (rest !== '') this.failSyntax(rest[0]);
    this.#tokens = tokens.map((token) => token.trim());
  }

  get next(): string | undefined {
    return this.#tokens[this.#at];
  }

  get afterNext(): string | undefined {
    return this.#tokens[this.#at + 1];
  }

  /** The token after the group of parentheses that opens at the current token. */
  get afterGroup(): string | undefined {
    return this.#tokens[this.#closing(this.#at) + 1];
  }

  take(): string {
    return this.#tokens[this.#at++] ?? this.failSyntax();
  }

  /** Takes the next token if it is this sign, or this word in any case. */
  accept(wanted: string): boolean {
    const found = this.next?.toUpperCase() === wanted;
    if (found) this.#at++;
    return found;
  }

  expect(wanted: string): void {
    if (!this.accept(wanted)) this.failSyntax(this.next, `, expected: "${wanted}"`);
  }

  /** Takes an attribute's name or its `#placeholder`. `REMOVE` is not reserved, but a keyword in every expression. */
  takeName(): string {
    const token = this.take();
    if (!/^[#A-Za-z]/.test(token) || token.toUpperCase() === 'REMOVE') this.failSyntax(token);
    if (!token.startsWith('#')) {
      if (isReservedWord(token)) this.fail(`Attribute name is a reserved keyword; reserved keyword: ${token}`);
      return token;
    }
    return (
      this.attributes.name(token) ??
      this.fail(`An expression attribute name used in the document path is not defined; attribute name: ${token}`)
    );
  }

  /** Takes the `:placeholder` of a value. */
  takeValue(): Value {
    const token = this.take();
    return (
      this.attributes.value(token) ??
      this.fail(`An expression attribute value used in expression is not defined; attribute value: ${token}`)
    );
  }

  takeIndex(): number {
    const token = this.take();
    if (!/^(0|[1-9]\d*)$/.test(token)) this.failSyntax(token);
    if (Number(token) > MAX_INDEX) this.fail(`List index is not within the allowable range; index: [${token}]`);
    return Number(token);
  }

  list<T>(read: () => T): T[] {
    const list = [read()];
    while (this.accept(',')) list.push(read());
    return list;
  }

  /** Parses an expression in parentheses. DynamoDB refuses a second pair around it. */
  group<T>(read: () => T): T {
    const [outer, inner] = [this.#closing(this.#at), this.#closing(this.#at + 1)];
    this.expect('(');
    if (this.next === '(' && inner === outer - 1) this.fail('The expression has redundant parentheses;');
    const inside = read();
    this.expect(')');
    return inside;
  }

  /** Call this for each operator and function that is read. */
  countOperator(): void {
    if (++this.#operators > MAX_OPERATORS) {
      this.fail(`The expression contains too many operators; operator count: ${this.#operators}`);
    }
  }

  /** Call this after the whole expression is read. */
  end(): void {
    if (this.next !== undefined) this.failSyntax(this.next);
  }

  fail(why: string): never {
    return refuse(`Invalid ${this.expression}: ${why}`);
  }

  failSyntax(token = '<EOF>', expected = ''): never {
    return this.fail(`Syntax error; token: "${token}"${expected}`);
  }

  #closing(opening: number): number {
    let depth = 0;
    const after = this.#tokens.slice(opening).findIndex((token) => {
      if (token === '(') depth++;
      if (token === ')') depth--;
      return depth === 0;
    });
    return opening + after;
  }
}
