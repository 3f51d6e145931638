import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');
const text = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');

/** The kinds of changes of Keep a Changelog 1.1, in its order. */
const KINDS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];

const releases = text
  .split(/^## /m)
  .slice(1)
  .map((release) => ({
    heading: release.split('\n')[0] ?? '',
    kinds: [...release.matchAll(/^### (.*)$/gm)].map(([, kind = '']) => kind),
    parts: release.split(/^#{3,4} .*$/m).slice(1),
  }));

test('the changelog begins with the changes that are not released', () => {
  expect(releases[0]?.heading).toBe('[Unreleased]');
});

test('each later heading is a version and a date', () => {
  const version = /^\[\d+\.\d+\.\d+(?:-[\w.]+)?\] - \d{4}-\d{2}-\d{2}(?: \[YANKED\])?$/;
  expect(releases.slice(1).filter(({ heading }) => !version.test(heading))).toEqual([]);
});

test.each(releases)('$heading has kinds of changes in their order, each with entries', ({ kinds, parts }) => {
  expect(kinds).toEqual(KINDS.filter((kind) => kinds.includes(kind)));
  // A kind may begin with a heading of its first part.
  expect(parts.filter((part) => part.trim() !== '' && !part.trimStart().startsWith('- '))).toEqual([]);
});
