import type { AttributeValue, Image } from '../../lib/event/item';

/** DynamoDB has no negative zero. */
const numeral = (text: string): string => (Number(text) === 0 ? '0' : text);

const NUMBER = /^-?\d{1,38}(\.\d{1,10})?$/;

/** DynamoDB stores only attributes that are well-formed, so a mutated image is made well-formed again. */
export const imageFrom = (value: unknown): Image => (isMap(value) ? mapFrom(value) : {});

/** Keeps names such as `__proto__`. */
const mapFrom = (map: object): Image =>
  Object.fromEntries(Object.entries(map).map(([name, value]: [string, unknown]) => [name, attributeFrom(value)]));

function attributeFrom(value: unknown): AttributeValue {
  if (!isMap(value)) return plain(value);
  const [[type, content] = [], ...others] = Object.entries<unknown>(value);
  if (others.length > 0 || type === undefined) return { M: mapFrom(value) };
  if (type === 'S' && typeof content === 'string') return { S: content };
  if (type === 'N' && typeof content === 'string' && NUMBER.test(content)) return { N: numeral(content) };
  if (type === 'B' && typeof content === 'string') return { B: Buffer.from(content, 'base64').toString('base64') };
  if (type === 'BOOL' && typeof content === 'boolean') return { BOOL: content };
  if (type === 'L' && Array.isArray(content)) return { L: content.map(attributeFrom) };
  if (type === 'M' && isMap(content)) return { M: mapFrom(content) };
  return { M: mapFrom(value) };
}

function plain(value: unknown): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'boolean') return { BOOL: value };
  if (Array.isArray(value)) return { L: value.map(attributeFrom) };
  const text = String(value);
  return NUMBER.test(text) ? { N: numeral(text) } : { S: text };
}

export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
