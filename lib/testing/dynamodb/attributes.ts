import { isReservedWord } from './reserved-words';
import { refuse } from './service-error';
import type { Value } from './value';

/** The placeholders of a request: what `#name` and `:value` stand for in its expressions. */
export class Attributes {
  readonly #names: Readonly<Record<string, string>>;
  readonly #values: Readonly<Record<string, Value>>;
  readonly #used = new Set<string>();

  constructor({
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  }: {
    readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
    readonly ExpressionAttributeValues?: Readonly<Record<string, Value>>;
  }) {
    if (names !== undefined && Object.keys(names).length === 0) refuse('ExpressionAttributeNames must not be empty');
    if (values !== undefined && Object.keys(values).length === 0) refuse('ExpressionAttributeValues must not be empty');
    this.#names = names ?? {};
    this.#values = values ?? {};
  }

  /** The attribute that a name in an expression means. */
  name(token: string, expression: string): string {
    if (!token.startsWith('#')) {
      if (isReservedWord(token)) {
        refuse(`Invalid ${expression}: Attribute name is a reserved keyword; reserved keyword: ${token}`);
      }
      return token;
    }
    this.#used.add(token);
    return (
      this.#names[token] ??
      refuse(
        `Invalid ${expression}: An expression attribute name used in the document path is not defined; attribute name: ${token}`,
      )
    );
  }

  value(token: string, expression: string): Value {
    this.#used.add(token);
    return (
      this.#values[token] ??
      refuse(
        `Invalid ${expression}: An expression attribute value used in expression is not defined; attribute value: ${token}`,
      )
    );
  }

  /** To be called once all expressions of the request are read. */
  refuseUnused(): void {
    const unused = (placeholders: Readonly<Record<string, unknown>>): string[] =>
      Object.keys(placeholders).filter((token) => !this.#used.has(token));
    const [names, values] = [unused(this.#names), unused(this.#values)];
    if (names.length > 0) {
      refuse(`Value provided in ExpressionAttributeNames unused in expressions: keys: {${names.join(', ')}}`);
    }
    if (values.length > 0) {
      refuse(`Value provided in ExpressionAttributeValues unused in expressions: keys: {${values.join(', ')}}`);
    }
  }
}
