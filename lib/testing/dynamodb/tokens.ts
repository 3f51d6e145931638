import { refuse } from './service-error';

/** Limits of one expression: Amazon DynamoDB developer guide, "Quotas". */
const MAX_BYTES = 4096;
const MAX_OPERATORS = 300;

const TOKEN = /\s*(?:([#:][A-Za-z0-9_]+)|([A-Za-z][A-Za-z0-9_]*)|(\d+)|(<>|<=|>=|[-+=<>()[\],.]))/y;

/** The words, numbers and signs of one expression, read from left to right. */
export class Tokens {
  /** The expression's name in error messages, such as `ConditionExpression`. */
  readonly expression: string;
  readonly #tokens: readonly string[];
  #at = 0;
  #operators = 0;

  constructor(expression: string, text: string) {
    this.expression = expression;
    if (text.trim() === '') this.fail('The expression can not be empty;');
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_BYTES) {
      this.fail(`Expression size has exceeded the maximum allowed size; expression size: ${bytes}`);
    }
    const tokens: string[] = [];
    TOKEN.lastIndex = 0;
    let end = 0;
    for (let found = TOKEN.exec(text); found !== null; found = TOKEN.exec(text)) {
      tokens.push(found[0].trim());
      end = TOKEN.lastIndex;
    }
    if (text.slice(end).trim() !== '') this.fail(`Syntax error; token: "${text.slice(end).trim()[0] ?? ''}"`);
    this.#tokens = tokens;
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
    const token = this.#tokens[this.#at++];
    return token ?? this.fail('Syntax error; token: "<EOF>"');
  }

  /** Takes the next token if it is this sign, or this word in any case. */
  accept(wanted: string): boolean {
    const found = this.next?.toUpperCase() === wanted;
    if (found) this.#at++;
    return found;
  }

  expect(wanted: string): void {
    if (!this.accept(wanted)) this.fail(`Syntax error; token: "${this.next ?? '<EOF>'}", expected: "${wanted}"`);
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
    if (this.next !== undefined) this.fail(`Syntax error; token: "${this.next}"`);
  }

  fail(why: string): never {
    return refuse(`Invalid ${this.expression}: ${why}`);
  }

  /** The index of the parenthesis that closes the one at `opening`. */
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
