import { OutboxError } from './errors';
import { shown } from './options';

const VERSION_DIGITS = 16;
const MAX_VERSION = String(Number.MAX_SAFE_INTEGER);
/** 16 digits, up to the largest safe integer: any smaller number has a smaller digit at the first difference. */
const VERSION_SYNTAX = Array.from(MAX_VERSION)
  .map((digit, at) => ({ digit: Number(digit), at }))
  .filter(({ digit }) => digit > 0)
  .map(({ digit, at }) => `${MAX_VERSION.slice(0, at)}[0-${digit - 1}][0-9]{${VERSION_DIGITS - 1 - at}}`)
  .concat(MAX_VERSION)
  .join('|');
const UUID_V7_SYNTAX = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
const VERSION_PATTERN = new RegExp(`^(?:${VERSION_SYNTAX})$`);
/** Syntax of a sort key that is a position; also stated in `item.schema.json`. */
export const POSITION_SYNTAX = `(?:${VERSION_SYNTAX}|${UUID_V7_SYNTAX})`;
const POSITION_PATTERN = new RegExp(`^${POSITION_SYNTAX}$`);

/** The sort key of a version: zero-padded, so that DynamoDB's byte order is the version order. */
export function positionOfVersion(version: number): string {
  if (!Number.isSafeInteger(version) || version < 0) {
    throw new OutboxError(
      'invalid-version',
      `Version ${shown(version)} is not allowed: it must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}. Pass the aggregate's version after this transaction, or none at all.`,
      { version },
    );
  }
  return String(version).padStart(VERSION_DIGITS, '0');
}

/** The version of a position; `undefined` if the position is a UUIDv7. */
export const versionOfPosition = (position: string): number | undefined =>
  VERSION_PATTERN.test(position) ? Number(position) : undefined;

/** The position for people: a version without leading zeros, any other sort key unchanged. */
export const shownPosition = (position: string): string =>
  // Handled as text: as a number, a version above 2^53-1 would be rounded to another item's version.
  VERSION_PATTERN.test(position) ? position.replace(/^0+(?=\d)/, '') : position;

/** Whether a sort key is a position: a padded version up to the largest safe integer, or a UUIDv7. */
export const isPosition = (sk: string): boolean => POSITION_PATTERN.test(sk);

/** Sorts before every position. */
export const FIRST_POSITION = ' ';

/** Signals sort after every position of their key and are never positions. */
export const SIGNAL_PREFIX = '~signal#';

/** Distinguishes the position of one key from all others. */
export const positionKey = (pk: string, sk: string): string => `${pk}\n${sk}`;

/** The runs of consecutive versions among positions of one key, in order. A position without a version stands alone. */
export function positionRuns(positions: readonly string[]): { readonly from: string; readonly to: string }[] {
  const runs: { from: string; to: string }[] = [];
  for (const position of [...new Set(positions)].toSorted()) {
    const last = runs.at(-1);
    const version = versionOfPosition(position);
    const isNext = last !== undefined && version !== undefined && versionOfPosition(last.to) === version - 1;
    if (isNext) last.to = position;
    else runs.push({ from: position, to: position });
  }
  return runs;
}

const SEQUENCE = new RegExp(`^(\\d{${VERSION_DIGITS}})\\.(\\d{4})$`);

/** A parsed `ce_sequence`: the aggregate's version, and the event's index within its key and transaction. */
export interface Sequence {
  readonly version: number;
  readonly index: number;
}

/** `undefined` if the text is not `<16-digit version>.<4-digit index>`, or its version is no safe integer. */
export function parseSequence(text: string): Sequence | undefined {
  const [, version, index] = SEQUENCE.exec(text) ?? [];
  if (version === undefined || index === undefined || !Number.isSafeInteger(Number(version))) return undefined;
  return { version: Number(version), index: Number(index) };
}

/** Zero-padded, so that the text order is the order of the events. */
export const formatSequence = ({ version, index }: Sequence): string =>
  `${String(version).padStart(VERSION_DIGITS, '0')}.${String(index).padStart(4, '0')}`;
