import { createHash } from 'node:crypto';
import { refuse } from './errors';
import { compare, equal, orderedBytes, storedItem, typeOf, type Item, type Value } from './value';

/** A table's key attributes with their types: the partition key first, then the sort key if there is one. */
export type KeySchema = Readonly<Record<string, 'S' | 'N' | 'B'>>;

/** Limits of the partition key and of the sort key in bytes: Amazon DynamoDB developer guide, "Quotas". */
const MAX_KEY_BYTES = [2048, 1024] as const;

export class Table {
  readonly name: string;
  /** The partition key, and the sort key if the table has one. */
  readonly keyNames: readonly string[];
  readonly partitionKey: string;
  readonly sortKey: string | undefined;
  readonly #schema: KeySchema;
  readonly #items = new Map<string, Item>();

  constructor(name: string, schema: KeySchema) {
    this.name = name;
    this.keyNames = Object.keys(schema);
    this.#schema = schema;
    const [partitionKey = '', sortKey] = this.keyNames;
    this.partitionKey = partitionKey;
    this.sortKey = sortKey;
  }

  /** The key of a whole item. Its types and sizes are not checked yet. */
  keyOfItem(item: Item): Item {
    for (const name of this.keyNames) {
      if (item[name] === undefined) {
        refuse(`One or more parameter values were invalid: Missing the key ${name} in the item`);
      }
    }
    return this.#filledKey(this.keyIn(item));
  }

  /** The key that a request gives: all key attributes and no other. Its types and sizes are not checked yet. */
  namedKey(key: Item | undefined): Item {
    const names = Object.keys(key ?? {});
    if (key === undefined || names.length !== this.keyNames.length || this.keyNames.some((name) => !(name in key))) {
      return refuse('The provided key element does not match the schema');
    }
    return this.#filledKey(key);
  }

  /** The key that a request gives, checked. */
  key(key: Item | undefined): Item {
    const named = this.namedKey(key);
    this.checkKey(named);
    return named;
  }

  /** Refuses a key attribute of another type than the table's, and one that is too long. */
  checkKey(key: Item): void {
    for (const [at, name] of this.keyNames.entries()) {
      const value = key[name] ?? {};
      this.checkKeyValue(name, value);
      const max = MAX_KEY_BYTES[at] ?? 0;
      if (keyBytes(value) > max) {
        refuse(
          `One or more parameter values were invalid: Size of key ${name} has exceeded the maximum size limit of ${max} bytes`,
        );
      }
    }
  }

  /** Refuses a value of another type than the key attribute, and an empty one. */
  checkKeyValue(name: string, value: Value): void {
    const expected = this.#schema[name];
    const actual = typeOf(value);
    if (actual !== expected) {
      refuse(
        `One or more parameter values were invalid: Type mismatch for key ${name} expected: ${expected ?? 'none'} actual: ${actual}`,
      );
    }
    checkFilled(name, value);
  }

  #filledKey(key: Item): Item {
    const stored = storedItem(key);
    for (const name of this.keyNames) {
      const value = stored[name] ?? {};
      if (value.N === undefined && orderedBytes(value) === undefined) refuse('Invalid attribute value type');
      if (typeOf(value) === this.#schema[name]) checkFilled(name, value);
    }
    return stored;
  }

  /** A string that identifies an item in its table. */
  nameOf(key: Item): string {
    return JSON.stringify(this.keyNames.map((name) => key[name]));
  }

  get(key: Item): Item | undefined {
    return this.#items.get(this.nameOf(key));
  }

  put(item: Item): void {
    this.#items.set(this.nameOf(item), item);
  }

  delete(key: Item): void {
    this.#items.delete(this.nameOf(key));
  }

  /** The items of one partition key, in sort key order. */
  partition(value: Value): Item[] {
    return [...this.#items.values()]
      .filter((item) => equal(item[this.partitionKey] ?? {}, value))
      .toSorted((a, b) => this.bySortKey(a, b));
  }

  /** All items. Those of one partition key stay together; partition keys are ordered by a hash. */
  all(): Item[] {
    const partitions = Map.groupBy(this.#items.values(), (item) => JSON.stringify(item[this.partitionKey]));
    return [...partitions]
      .map(([key, items]) => ({ hash: createHash('sha256').update(key).digest('hex'), items }))
      .toSorted((a, b) => (a.hash < b.hash ? -1 : 1))
      .flatMap(({ items }) => items.toSorted((a, b) => this.bySortKey(a, b)));
  }

  bySortKey(a: Item, b: Item): number {
    return this.sortKey === undefined ? 0 : (compare(a[this.sortKey] ?? {}, b[this.sortKey] ?? {}) ?? 0);
  }

  /** The key attributes of an item, unchecked. */
  keyIn(item: Item): Item {
    return Object.fromEntries(this.keyNames.map((name) => [name, item[name] ?? {}]));
  }
}

/** The length of a text or a binary value. Other values count as not empty: numbers and wrong types. */
const keyBytes = (value: Value): number => orderedBytes(value)?.length ?? 1;

function checkFilled(name: string, value: Value): void {
  if (keyBytes(value) > 0) return;
  refuse(
    `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty value. Key: ${name}`,
  );
}
