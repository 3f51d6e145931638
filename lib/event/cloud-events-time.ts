const READ_BY_ALL = /^.{10}T.{8}(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-7]):\d\d)$/;
const PARTS = /^(.{19})(?:\.(\d+))?(.+)$/;
/** Nanoseconds, the finest resolution of Java and Go. */
const FRACTION_DIGITS = 9;
/** Java's OffsetDateTime allows up to 18 hours; this is more than any offset in use. */
const MAX_OFFSET_HOURS = 17;

/**
 * Normalizes a valid time of the item so that the CloudEvents SDKs of all languages can read it. RFC 3339 also allows
 * lower case, which Go refuses, more fraction digits than nanoseconds have, and offsets of a day, which Java refuses.
 * The instant stays the same, to the nanosecond.
 */
export function cloudEventsTime(time: string): string {
  if (READ_BY_ALL.test(time)) return time;
  const [, seconds = '', fraction = '', offset = ''] = PARTS.exec(time.toUpperCase()) ?? [];
  const fine = fraction === '' ? '' : `.${fraction.slice(0, FRACTION_DIGITS)}`;
  const isNear = offset === 'Z' || Number(offset.slice(1, 3)) <= MAX_OFFSET_HOURS;
  if (isNear) return `${seconds}${fine}${offset}`;
  return `${new Date(`${seconds}${offset}`).toISOString().slice(0, seconds.length)}${fine}Z`;
}
