import { invalidOption } from '../invalid-option';

/** CDK context: texts from `-c`, any JSON from cdk.json. */
export type Context = Readonly<Record<string, unknown>>;

/** Removes the CDK's own keys (`@aws-cdk/…`, `aws:cdk:…`, cached look-ups). */
export const ownKeys = (context: Context): Context =>
  Object.fromEntries(Object.entries(context).filter(([key]) => !/[@:]/.test(key)));

export function text(context: Context, key: string): string | undefined {
  const value = context[key];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  throw invalidOption(key, value, 'a non-empty text', 'Leave the key out to use what happens without it.');
}

export function list(context: Context, key: string): string[] | undefined {
  const value = context[key];
  if (value === undefined) return undefined;
  const entries: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
  const texts = entries.map((entry) => (typeof entry === 'string' ? entry.trim() : ''));
  if (texts.length > 0 && !texts.includes('')) return texts;
  throw invalidOption(
    key,
    value,
    'a list of non-empty texts',
    'Write a JSON array, or separate the entries by commas, such as "a,b".',
  );
}

export function oneOf<T extends string>(context: Context, key: string, allowed: readonly T[]): T | undefined {
  const value = context[key];
  if (value === undefined) return undefined;
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw invalidOption(key, value, `one of ${allowed.join(', ')}`, 'Names are in lower case.');
}

export function flag(context: Context, key: string): boolean | undefined {
  const value = context[key];
  if (value === undefined) return undefined;
  // `-c` passes every value as text.
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw invalidOption(key, value, 'true or false', 'Leave the key out to use what happens without it.');
}

export function wholeNumber(context: Context, key: string): number | undefined {
  const value = context[key];
  if (value === undefined) return undefined;
  // `-c` passes every value as text.
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw invalidOption(key, value, 'a whole number of at least 0', 'Write digits only, without a unit.');
}
