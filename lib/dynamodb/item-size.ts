import { OutboxError } from '../event/errors';

/**
 * The bytes that DynamoDB counts for an item, by the rules of its developer guide ("DynamoDB item sizes and formats").
 *
 * Accepts the values of `@aws-sdk/lib-dynamodb`. `undefined` attributes count nothing, as they are not written.
 *
 * @throws OutboxError `nested-too-deep` for a value whose nesting would overflow the stack, here or in the SDK
 */
export const itemBytes = (item: Readonly<Record<string, unknown>>): number =>
  Object.entries(item).reduce((bytes, [name, value]) => bytes + attributeBytes(name, value, 0), 0);

/** A write costs a unit for each started KB of the item; in a transaction it costs two. */
export const WRITE_UNIT_BYTES = 1024;

/** The write units of an outbox item: of its commit, which is a transaction, and of its mark. */
export const itemWriteUnits = (bytes: number, markedBytes: number): number =>
  2 * Math.ceil(bytes / WRITE_UNIT_BYTES) + Math.ceil(markedBytes / WRITE_UNIT_BYTES);

/** DynamoDB's own limit, which DynamoDB checks. Far beyond it, recursion would overflow the stack. */
const MAX_LEVELS = 32;
const REFUSED_LEVEL = 100;

const LIST_OR_MAP_BYTES = 3;
const ELEMENT_BYTES = 1;
const FLAG_BYTES = 1;

const attributeBytes = (name: string, value: unknown, level: number): number =>
  value === undefined ? 0 : Buffer.byteLength(name) + valueBytes(value, level);

function valueBytes(value: unknown, level: number): number {
  switch (typeof value) {
    case 'string':
      return Buffer.byteLength(value);
    case 'number':
    case 'bigint':
      return numberBytes(String(value));
    case 'boolean':
      return FLAG_BYTES;
    case 'object':
      return value === null ? FLAG_BYTES : objectBytes(value, level + 1);
    default:
      // DynamoDB cannot store the value, and the client refuses it.
      return 0;
  }
}

function objectBytes(value: object, level: number): number {
  if (level > REFUSED_LEVEL) {
    throw new OutboxError(
      'nested-too-deep',
      `An attribute is nested more than ${REFUSED_LEVEL} levels deep, or holds itself; DynamoDB takes ${MAX_LEVELS}. Store it as JSON text.`,
      { maxLevels: MAX_LEVELS },
    );
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
  if (value instanceof Set)
    return [...(value as Set<unknown>)].reduce<number>((sum, each) => sum + valueBytes(each, level), 0);
  if (Array.isArray(value)) {
    return value.reduce<number>((sum, each) => sum + ELEMENT_BYTES + valueBytes(each, level), LIST_OR_MAP_BYTES);
  }
  const wrapped = wrappedNumber(value);
  if (wrapped !== undefined) return numberBytes(wrapped);
  return Object.entries(value).reduce<number>(
    (sum, [name, each]) => sum + (each === undefined ? 0 : ELEMENT_BYTES + attributeBytes(name, each, level)),
    LIST_OR_MAP_BYTES,
  );
}

/** The SDK's `NumberValue`: an instance of a class whose only property is the number as text. */
function wrappedNumber(value: object): string | undefined {
  if (Object.getPrototypeOf(value) === Object.prototype || Object.keys(value).join() !== 'value') return undefined;
  const text = 'value' in value ? value.value : undefined;
  return typeof text === 'string' ? text : undefined;
}

/** One byte for every two significant digits, one for the exponent, and one for a negative sign. */
function numberBytes(text: string): number {
  const mantissa = text.replace(/e.*$/i, '').replace(/[-+.]/g, '');
  const digits = mantissa.replace(/^0+/, '').replace(/0+$/, '').length;
  return Math.ceil(digits / 2) + 1 + (text.startsWith('-') ? 1 : 0);
}
