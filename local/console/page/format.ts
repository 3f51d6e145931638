const COMPACT = new Intl.NumberFormat('en', { maximumFractionDigits: 1, notation: 'compact' });
const PLAIN = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });

/** A duration in the largest unit that keeps it readable. */
export function duration(ms: number): string {
  // On an axis below 10 ms, whole numbers would repeat.
  if (ms < 10) return `${PLAIN.format(Math.round(ms * 10) / 10)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${PLAIN.format(Math.round(ms / 100) / 10)} s`;
  if (ms < 3_600_000) return `${PLAIN.format(Math.round(ms / 6_000) / 10)} min`;
  return `${PLAIN.format(Math.round(ms / 360_000) / 10)} h`;
}

export const number = (value: number): string => (Math.abs(value) >= 10_000 ? COMPACT : PLAIN).format(value);

/** Values of an axis whose label is `ms` are durations. */
export const valueOn = (axisLabel: string | undefined, value: number): string =>
  axisLabel === 'ms' ? duration(value) : number(value);

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const clockTime = (atMs: number): string => new Date(atMs).toLocaleTimeString('en-GB');

/** A hue for a key, the same each time. */
export function hueOf(key: string): number {
  let hash = 0;
  for (const character of key) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 3_600;
  return (hash * 137) % 360;
}

/** `#/keys/order/42` for `order#42`. */
export function keyLink(key: string): string {
  const at = key.indexOf('#');
  return `#/keys/${encodeURIComponent(key.slice(0, at))}/${encodeURIComponent(key.slice(at + 1))}`;
}

/** `order#42` for `#/keys/order/42`; `undefined` for another place. */
export function keyOfLink(hash: string): string | undefined {
  const [, aggregate, key] = /^#\/keys\/([^/]+)\/(.+)$/.exec(hash) ?? [];
  return aggregate === undefined || key === undefined
    ? undefined
    : `${decodeURIComponent(aggregate)}#${decodeURIComponent(key)}`;
}
