import { refuse } from './errors';
import type { Path } from './path';
import type { Request } from './request';
import { bytesOf, MAX_NAME_BYTES, storedValue, type Value } from './value';

/** Limits of a placeholder and of all values of a request: Amazon DynamoDB developer guide, "Quotas". */
const MAX_PLACEHOLDER_BYTES = 255;
const MAX_VALUES_BYTES = 2 * 1024 * 1024;

/** The placeholders of a request, and the `#name` and `:value` that each stands for. */
export class Attributes {
  readonly #names: ReadonlyMap<string, string>;
  readonly #values: ReadonlyMap<string, Value>;
  readonly #keyNames: readonly string[];
  readonly #used = new Set<string>();

  /** @param keyNames - the key attributes of the table */
  constructor(request: Request, keyNames: readonly string[]) {
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
    const stored = Object.entries(values).map(([placeholder, value]) => [placeholder, storedValue(value)] as const);
    if (bytesOf(Object.fromEntries(stored)) > MAX_VALUES_BYTES) refuse('ExpressionAttributeValues exceeds max size');
    this.#names = new Map(Object.entries(names));
    this.#values = new Map(stored);
    this.#keyNames = keyNames;
  }

  /** A key attribute is a scalar: no path leads into it. */
  checkScalarKey([name, ...below]: Path): void {
    if (below.length === 0 || !this.#keyNames.includes(name)) return;
    refuse(`Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: ${name}`);
  }

  name(placeholder: string): string | undefined {
    this.#used.add(placeholder);
    return this.#names.get(placeholder);
  }

  value(placeholder: string): Value | undefined {
    this.#used.add(placeholder);
    return this.#values.get(placeholder);
  }

  /** Call this after all expressions of the request are read. */
  refuseUnused(): void {
    const placeholders = { ExpressionAttributeNames: this.#names, ExpressionAttributeValues: this.#values };
    for (const [parameter, map] of Object.entries(placeholders)) {
      const unused = [...map.keys()].filter((placeholder) => !this.#used.has(placeholder));
      if (unused.length > 0)
        refuse(`Value provided in ${parameter} unused in expressions: keys: {${unused.join(', ')}}`);
    }
  }
}

/** DynamoDB refuses empty placeholders next to an expression, and ignores them without one. */
function checkFilled(request: Request): void {
  const hasExpression = Object.entries(request).some(
    ([name, value]) => name.endsWith('Expression') && value !== undefined,
  );
  if (!hasExpression) return;
  for (const name of ['ExpressionAttributeNames', 'ExpressionAttributeValues'] as const) {
    const placeholders = request[name];
    if (placeholders !== undefined && Object.keys(placeholders).length === 0) refuse(`${name} must not be empty`);
  }
}
