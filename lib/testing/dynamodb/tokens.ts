import { refuse } from './service-error';

/** Amazon DynamoDB developer guide, "Quotas": of one expression. */
const MAX_BYTES = 4096;
const MAX_OPERATORS = 300;

const TOKEN = /\s*(?:([#:][A-Za-z0-9_]+)|([A-Za-z][A-Za-z0-9_]*)|(\d+)|(<>|<=|>=|[-+=<>()[\],.]))/y;

/** The words, numbers and signs of one expression, read from left to right. */
export class Tokens {
  /** What messages call the expression, such as `ConditionExpression`. */
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

  /** The token behind the parentheses that open here. */
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

  /** Reads what stands in parentheses; DynamoDB refuses a second pair around it. */
  group<T>(read: () => T): T {
    const [outer, inner] = [this.#closing(this.#at), this.#closing(this.#at + 1)];
    this.expect('(');
    if (this.next === '(' && inner === outer - 1) this.fail('The expression has redundant parentheses;');
    const inside = read();
    this.expect(')');
    return inside;
  }

  /** To be called for each operator and function that is read. */
  countOperator(): void {
    if (++this.#operators > MAX_OPERATORS) {
      this.fail(`The expression contains too many operators; operator count: ${this.#operators}`);
    }
  }

  /** To be called once all is read. */
  end(): void {
    if (this.next !== undefined) this.fail(`Syntax error; token: "${this.next}"`);
  }

  fail(why: string): never {
    return refuse(`Invalid ${this.expression}: ${why}`);
  }

  /** Where the parentheses end that open at a token. */
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
