import { InvalidArgumentError } from 'commander';

const UNITS_MS = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `15m`, `2h` or `1d`, in milliseconds. */
export function parseDuration(text: string): number {
  const ms = durationOf(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a number with a unit, such as 90s, 15m, 2h or 1d.');
  return ms;
}

function durationOf(text: string): number | undefined {
  const [, amount, unit] = /^(\d{1,9})\s*(s|min|m|h|d)$/.exec(text.trim()) ?? [];
  return amount === undefined ? undefined : Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS];
}

/** Parses a duration within a range, which a refusal names. */
export const durationWithin = (least: string, most: string): ((text: string) => number) => {
  const [leastMs, mostMs] = [parseDuration(least), parseDuration(most)];
  const range = `from ${least} to ${most}`;
  return (text) => {
    const ms = durationOf(text);
    if (ms === undefined || ms < leastMs || ms > mostMs) {
      throw new InvalidArgumentError(`It must be ${range}, with a unit, such as 90s, 15m, 2h or 1d.`);
    }
    return ms;
  };
};

/** How long `--follow` waits. */
export const parseTimeout = durationWithin('1s', '1d');

/** No outbox is older. */
const EARLIEST = Date.UTC(2000, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);
/** How far clocks may differ. */
const SKEW_MS = 60_000;

/** Parses a time to epoch milliseconds: RFC 3339 with a zone, a day, or a duration before now. */
export function parseTime(text: string): number {
  const ago = durationOf(text);
  const isTime = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d))?$/.test(text);
  const at = ago === undefined ? (isTime ? Date.parse(text) : NaN) : Date.now() - ago;
  if (at >= EARLIEST && at <= LATEST) return at;
  throw new InvalidArgumentError(
    'It must be a time such as 2026-01-31T08:00:00Z, a day such as 2026-01-31 (UTC), or how long ago, such as 2h; from the year 2000 to 2100.',
  );
}

/** Parses a start time, and refuses the future: its empty result would look like an all-clear. */
export function parseSince(text: string): number {
  const at = parseTime(text);
  if (at <= Date.now() + SKEW_MS) return at;
  throw new InvalidArgumentError(`It must not be in the future: it is ${new Date().toISOString()} now.`);
}

/** Parses an integer within a range, which a refusal names. */
export const parseCount =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be an integer from ${least} to ${most}.`);
  };

/** Parses a list of brokers, each `host:port`. */
export function parseBrokers(text: string): readonly string[] {
  const brokers = text.split(',').map((broker) => broker.trim());
  if (brokers.every(isBroker)) return brokers;
  throw new InvalidArgumentError('It must be host:port of brokers, separated by commas, such as b-1:9098,b-2:9098.');
}

function isBroker(text: string): boolean {
  const [, port] = /^[^\s]+:(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}
