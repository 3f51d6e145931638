import type { Goal } from './goals';

export const count = (value: number): string => Math.round(value).toLocaleString('en-US');

export const judged = (value: string, goal: Goal | undefined): string =>
  goal === undefined ? value : `${value} (goal ${goal.text}: ${goal.met ? 'met' : 'missed'})`;

/** Columns are padded as prettier does, so that a pasted table stays as it is. */
export function table(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(...[head, ...body].map((row) => (row[column] ?? title).length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)];
}
