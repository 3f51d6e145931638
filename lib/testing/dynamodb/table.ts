import { hash } from 'node:crypto';
import { compareNumbers } from './decimal';
import { refuse } from './errors';
import { SortedList, type Compare } from './sorted-list';
import { orderedBytes, storedItem, typeOf, type Item, type Value } from './value';

/** A table's key attributes with their types: the partition key first, then the sort key if there is one. */
export type KeySchema = Readonly<Record<string, 'S' | 'N' | 'B'>>;

/** Limits of the partition key and of the sort key in bytes: Amazon DynamoDB developer guide, "Quotas". */
const MAX_KEY_BYTES = [2048, 1024] as const;

/** A part of a parallel scan. */
export interface Segment {
  /** From 0. */
  readonly index: number;
  /** The number of all segments. */
  readonly of: number;
}

/** An item as JSON: a million of them are a million objects for the garbage collector, instead of thirty million. */
export interface StoredItem {
  readonly text: string;
  /** As `bytesOf` counts them. */
  readonly bytes: number;
}

interface Entry extends StoredItem {
  /** The sort key, to be compared. */
  readonly order: string;
}

/** An item that a query or a scan reads. */
export interface FoundItem {
  readonly item: Item;
  readonly bytes: number;
}

interface Partition {
  /** The hash of the partition key: 64 hexadecimal digits. */
  readonly hash: string;
  readonly items: SortedList<string, Entry>;
}

/** An item that a table stores as JSON. */
export const parseItem = (text: string): Item => JSON.parse(text) as Item;

export class Table {
  readonly name: string;
  /** Called with the size of the items that each read of the table has read. */
  onRead: (bytes: number) => void = () => undefined;
  /** The partition key, and the sort key if the table has one. */
  readonly keyNames: readonly string[];
  readonly partitionKey: string;
  readonly sortKey: string | undefined;
  readonly #schema: KeySchema;
  /** By `orderOf` the partition key. */
  readonly #partitions = new Map<string, Partition>();
  readonly #byHash = new SortedList<string, Partition>(({ hash: own }) => own, byCodeUnits);
  readonly #compareSortKeys: Compare<string>;

  constructor(name: string, schema: KeySchema) {
    this.name = name;
    this.keyNames = Object.keys(schema);
    this.#schema = schema;
    const [partitionKey = '', sortKey] = this.keyNames;
    this.partitionKey = partitionKey;
    this.sortKey = sortKey;
    this.#compareSortKeys = schema[sortKey ?? ''] === 'N' ? compareNumbers : byCodeUnits;
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
      if (value.N === undefined && value.S === undefined && value.B === undefined)
        refuse('Invalid attribute value type');
      if (typeOf(value) === this.#schema[name]) checkFilled(name, value);
    }
    return stored;
  }

  /** A string that identifies an item in its table. */
  nameOf(key: Item): string {
    return JSON.stringify(this.keyNames.map((name) => key[name]));
  }

  stored(key: Item): StoredItem | undefined {
    return this.#partitions.get(this.#partitionName(key))?.items.get(this.#sortOrder(key));
  }

  /** Without an item, the one at this key is deleted. */
  store(key: Item, item: StoredItem | undefined): void {
    if (item === undefined) {
      this.#delete(key);
      return;
    }
    const name = this.#partitionName(key);
    let partition = this.#partitions.get(name);
    if (partition === undefined) {
      partition = { hash: this.#hashOf(key), items: new SortedList(orderOfEntry, this.#compareSortKeys) };
      this.#partitions.set(name, partition);
      this.#byHash.set(partition);
    }
    partition.items.set({ order: this.#sortOrder(key), text: item.text, bytes: item.bytes });
  }

  #delete(key: Item): void {
    const name = this.#partitionName(key);
    const partition = this.#partitions.get(name);
    partition?.items.delete(this.#sortOrder(key));
    if (partition?.items.isEmpty !== true) return;
    this.#partitions.delete(name);
    this.#byHash.delete(partition.hash);
  }

  /**
   * The items of one partition key, in sort key order or backwards.
   *
   * @param from - where to begin; the item with this sort key is included
   */
  *partition(value: Value, isForward: boolean, from?: string): Generator<FoundItem, void, undefined> {
    const { items } = this.#partitions.get(orderOf(value)) ?? {};
    if (items === undefined) return;
    for (const entry of isForward ? items.ascending(from) : items.descending(from)) yield foundIn(entry);
  }

  /**
   * The items after a key, or all. Those of one partition key stay together; partition keys are ordered by a hash. The
   * key's own item may be gone.
   */
  *all(after?: Item, segment: Segment = WHOLE): Generator<FoundItem, void, undefined> {
    const [first, end] = [segment.index, segment.index + 1].map((index) => index / segment.of) as [number, number];
    const [name, order] = after === undefined ? [] : [this.#partitionName(after), this.#sortOrder(after)];
    const from = after === undefined ? hashAt(first) : this.#hashOf(after);
    for (const { hash: own, items } of this.#byHash.ascending(from)) {
      if (fractionOf(own) >= end) return;
      const isCut = name !== undefined && own === from;
      for (const entry of items.ascending(isCut ? order : undefined)) {
        if (!isCut || entry.order !== order) yield foundIn(entry);
      }
    }
  }

  /** Where the partition key lies between all others: at least 0, below 1, evenly distributed. */
  fractionOf(key: Item): number {
    return fractionOf(this.#partitions.get(this.#partitionName(key))?.hash ?? this.#hashOf(key));
  }

  #partitionName(key: Item): string {
    return orderOf(key[this.partitionKey] ?? {});
  }

  #sortOrder(key: Item): string {
    return this.sortKey === undefined ? '0' : orderOf(key[this.sortKey] ?? {});
  }

  #hashOf(key: Item): string {
    return hash('sha256', JSON.stringify(key[this.partitionKey]));
  }

  /** The key attributes of an item, unchecked. */
  keyIn(item: Item): Item {
    return Object.fromEntries(this.keyNames.map((name) => [name, item[name] ?? {}]));
  }
}

const WHOLE: Segment = { index: 0, of: 1 };

const byCodeUnits: Compare<string> = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

const orderOfEntry = ({ order }: Entry): string => order;

const foundIn = ({ text, bytes }: StoredItem): FoundItem => ({ item: parseItem(text), bytes });

const fractionOf = (hexadecimal: string): number => parseInt(hexadecimal.slice(0, 8), 16) / 2 ** 32;

const hashAt = (fraction: number): string =>
  Math.ceil(fraction * 2 ** 32)
    .toString(16)
    .padStart(8, '0');

const ASCII = /^[\0-\x7f]*$/;

/** A key as text: two numbers are compared as numbers, all others as JavaScript compares texts. */
export function orderOf(key: Value): string {
  if (key.N !== undefined) return key.N;
  if (key.S !== undefined && ASCII.test(key.S)) return key.S;
  return orderedBytes(key)?.toString('latin1') ?? '';
}

/** The length of a text or a binary value. Other values count as not empty: numbers and wrong types. */
const keyBytes = (value: Value): number =>
  value.S === undefined ? (orderedBytes(value)?.length ?? 1) : Buffer.byteLength(value.S);

function checkFilled(name: string, value: Value): void {
  if (keyBytes(value) > 0) return;
  refuse(
    `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty value. Key: ${name}`,
  );
}
