import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGE = join(__dirname, '../../SUPPORT.md');

/** The columns *supported* and *tested* of a row of SUPPORT.md. */
export function rowOf(row: string): { readonly supported: string; readonly tested: string } {
  const line = readFileSync(PAGE, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`| ${row} `));
  const cells = line?.split('|') ?? [];
  return { supported: cells[2]?.trim() ?? '', tested: cells.at(-2) ?? '' };
}

/** The versions in code that a row of SUPPORT.md has in its column *tested*, such as `4.1.0`. */
export function testedVersions(row: string): string[] {
  const { tested } = rowOf(row);
  const versions = [...tested.matchAll(/`([^`]+)`/g)].map(([, version = '']) => version);
  if (versions.length === 0) throw new Error(`SUPPORT.md has no row "${row}" with tested versions in its last column.`);
  return versions;
}
