import { refuse } from './service-error';

const TOKEN = /\s*(?:([#:][A-Za-z0-9_]+)|([A-Za-z][A-Za-z0-9_]*)|(\d+)|(<>|<=|>=|[-+=<>()[\],.]))/y;

/** The words, numbers and signs of one expression, read from left to right. */
export class Tokens {
  /** What messages call the expression, such as `ConditionExpression`. */
  readonly expression: string;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(expression: string, text: string) {
    this.expression = expression;
    if (text.trim() === '') this.fail('The expression can not be empty;');
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

  /** To be called once all is read. */
  end(): void {
    if (this.next !== undefined) this.fail(`Syntax error; token: "${this.next}"`);
  }

  fail(why: string): never {
    return refuse(`Invalid ${this.expression}: ${why}`);
  }
}
