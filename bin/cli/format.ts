const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** `3 h 12 min`: the two largest units that are not zero; `0 s` below a second. */
export function duration(ms: number): string {
  let rest = Math.max(0, ms);
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count === 0 && parts.length === 0) continue;
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    if (parts.length === 2 || unit === 's') break;
  }
  return parts.join(' ') || '0 s';
}

/** `2026-01-02 03:04:05Z`; the number itself if it is no time, as in an item of a faulty writer. */
export function time(epochMs: number): string {
  const date = new Date(epochMs);
  if (Number.isNaN(date.getTime())) return String(epochMs);
  return `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** `1,234` */
export const number = (n: number): string => n.toLocaleString('en-US');

/** `1 key`, `12 keys` */
export const count = (n: number, noun: string, plural = `${noun}s`): string =>
  `${number(n)} ${n === 1 ? noun : plural}`;

export { shellArgument as argument } from '../../lib/operate/shell-command';

/** One key of 2 KB must not push the columns of all others off the screen. */
const MAX_WIDTH = 60;

/** Columns as wide as their widest cell, up to a limit; the last one has no limit. */
export function columns(rows: readonly (readonly string[])[], indent = '  '): string[] {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, at) => Math.max(widest[at] ?? 0, Math.min(cell.length, MAX_WIDTH))),
    [],
  );
  return rows.map((row) =>
    `${indent}${row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  ')}`.trimEnd(),
  );
}

const TERMINAL_WIDTH = 80;

/** Text as lines of at most 80 columns, each behind the indent; a word that is longer stays whole. */
export function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    const longer = current === '' ? word : `${current} ${word}`;
    if (current !== '' && indent.length + longer.length > TERMINAL_WIDTH) {
      lines.push(`${indent}${current}`);
      current = word;
    } else current = longer;
  }
  return [...lines, `${indent}${current}`];
}
