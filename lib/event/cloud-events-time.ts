const READ_BY_ALL = /^.{10}T.{8}(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-7]):\d\d)$/;
const PARTS = /^(.{19})(?:\.(\d+))?(.+)$/;
/** Nanoseconds: the finest that Java and Go hold. */
const FRACTION_DIGITS = 9;
/** Java's OffsetDateTime ends at 18 hours; this is less than any offset in use. */
const MAX_OFFSET_HOURS = 17;

/**
 * A time that keeps the rule of the item, as the CloudEvents SDKs of all languages read it: RFC 3339 also allows lower
 * case, which Go refuses, more digits of a second than nanoseconds have, and offsets of a day, which Java refuses. The
 * instant stays the same, to the nanosecond.
 */
export function cloudEventsTime(time: string): string {
  if (READ_BY_ALL.test(time)) return time;
  const [, seconds = '', fraction = '', offset = ''] = PARTS.exec(time.toUpperCase()) ?? [];
  const fine = fraction === '' ? '' : `.${fraction.slice(0, FRACTION_DIGITS)}`;
  const isNear = offset === 'Z' || Number(offset.slice(1, 3)) <= MAX_OFFSET_HOURS;
  if (isNear) return `${seconds}${fine}${offset}`;
  return `${new Date(`${seconds}${offset}`).toISOString().slice(0, seconds.length)}${fine}Z`;
}
