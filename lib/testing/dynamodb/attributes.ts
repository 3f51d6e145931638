import type { Path } from './path';
import type { ExpressionParameters } from './request';
import { isReservedWord } from './reserved-words';
import { refuse } from './service-error';
import { bytesOf, MAX_NAME_BYTES, storedValue, type Value } from './value';

/** Limits of a placeholder and of all values of a request: Amazon DynamoDB developer guide, "Quotas". */
const MAX_PLACEHOLDER_BYTES = 255;
const MAX_VALUES_BYTES = 2 * 1024 * 1024;

/** The placeholders of a request, and the `#name` and `:value` that each stands for. */
export class Attributes {
  readonly #names: Readonly<Record<string, string>>;
  readonly #values: Readonly<Record<string, Value>>;
  readonly #keyNames: readonly string[];
  readonly #used = new Set<string>();

  /** @param keyNames - the key attributes of the table */
  constructor(request: ExpressionParameters, keyNames: readonly string[]) {
    const { ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = request;
    checkFilled(request);
    for (const placeholder of [...Object.keys(names), ...Object.keys(values)]) {
      if (Buffer.byteLength(placeholder) > MAX_PLACEHOLDER_BYTES) {
        refuse(`The expression attribute map contains a key that is too long; size of key: ${placeholder.length}`);
      }
    }
    for (const [placeholder, name] of Object.entries(names)) {
      const bytes = Buffer.byteLength(name);
      if (bytes === 0 || bytes > MAX_NAME_BYTES) {
        refuse(
          `ExpressionAttributeNames contains invalid value: an attribute name has 1 to ${MAX_NAME_BYTES} bytes, this one ${bytes}, for key ${placeholder}`,
        );
      }
    }
    this.#names = names;
    this.#values = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, storedValue(value)]));
    this.#keyNames = keyNames;
    if (bytesOf(this.#values) > MAX_VALUES_BYTES) refuse('ExpressionAttributeValues exceeds max size');
  }

  /** A key attribute is a scalar: no path leads into it. */
  checkScalarKey([name, ...below]: Path): void {
    if (below.length === 0 || !this.#keyNames.includes(name)) return;
    refuse(`Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: ${name}`);
  }

  /** Resolves a name in an expression to its attribute. */
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

  /** Call this after all expressions of the request are read. */
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

/** DynamoDB refuses empty placeholders next to an expression, and ignores them without one. */
function checkFilled(request: ExpressionParameters): void {
  const hasExpression = Object.entries(request).some(
    ([name, value]) => name.endsWith('Expression') && value !== undefined,
  );
  if (!hasExpression) return;
  for (const name of ['ExpressionAttributeNames', 'ExpressionAttributeValues'] as const) {
    const placeholders = request[name];
    if (placeholders !== undefined && Object.keys(placeholders).length === 0) refuse(`${name} must not be empty`);
  }
}
