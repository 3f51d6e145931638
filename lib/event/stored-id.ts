import type { AttributeValue, Image } from './item';

/** The name of an item's `id`, even if it is invalid: then its attribute as DynamoDB's JSON, binaries as base64. */
export interface NamedId {
  /** A valid id: a non-empty text. */
  readonly id?: string;
  /** Any other attribute that a faulty writer may have put there: a number, NULL, an empty text. */
  readonly storedId?: string;
}

export function namedIdOf(image: Image): NamedId {
  const value = image['id'];
  if (value === undefined) return {};
  return value.S === undefined || value.S === '' ? { storedId: JSON.stringify(value, base64) } : { id: value.S };
}

export function attributeOfId({ id, storedId }: NamedId): AttributeValue | undefined {
  if (storedId !== undefined) return JSON.parse(storedId, bytes) as AttributeValue;
  return id === undefined ? undefined : { S: id };
}

const base64 = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array
    ? Buffer.from(value).toString('base64')
    : value instanceof Set
      ? [...(value as Set<unknown>)]
      : value;

const fromBase64 = (text: unknown): Uint8Array => Uint8Array.from(Buffer.from(String(text), 'base64'));

/** Under `B` and `BS`, only DynamoDB's own type names have an array or a text; attribute maps are one level deeper. */
const bytes = (name: string, value: unknown): unknown => {
  if (name === 'B' && typeof value === 'string') return fromBase64(value);
  return name === 'BS' && Array.isArray(value) ? value.map(fromBase64) : value;
};
