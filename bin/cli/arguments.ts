import { InvalidArgumentError } from 'commander';

const UNITS_MS = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `15m`, `2h` or `1d`, in milliseconds. */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d{1,9})\s*(s|min|m|h|d)$/.exec(text.trim()) ?? [];
  if (amount === undefined)
    throw new InvalidArgumentError('It must be a number with a unit, such as 90s, 15m, 2h or 1d.');
  return Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS];
}

/** A time as epoch milliseconds: RFC 3339 with a zone, or a duration, which means so long ago. */
export function parseTime(text: string): number {
  const at = Date.parse(text);
  if (/^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d))?$/.test(text) && !Number.isNaN(at)) return at;
  try {
    return Date.now() - parseDuration(text);
  } catch {
    throw new InvalidArgumentError(
      'It must be a time such as 2026-01-31T08:00:00Z, a day such as 2026-01-31 (UTC), or how long ago, such as 2h.',
    );
  }
}

/** Parses an integer within a range, which a refusal names. */
export const parseCount =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be an integer from ${least} to ${most}.`);
  };
