import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { markdownIn } from './documented-commands';

const linesOf = (page: string): string[] => readFileSync(join(__dirname, '../../..', page), 'utf8').split('\n');

/** The pages of a folder with an index of its own are in that index. */
const pages = markdownIn('docs')
  .map((page) => page.replace(/^docs\//, ''))
  .filter((page) => page !== 'README.md' && (!page.includes('/') || page.endsWith('/README.md')));

const rows = linesOf('docs/README.md').flatMap((line): [label: string, target: string][] => {
  const [, label = '', target] = /^\| \[([^\]]+)\]\(([^)]+)\) +\| \S.*\|$/.exec(line) ?? [];
  return target === undefined ? [] : [[label, target]];
});
const targets = rows.map(([, target]) => target);

test('the map has each page of docs/ exactly once, with a line of its own', () => {
  expect(targets.filter((target) => !target.startsWith('../')).toSorted()).toEqual(pages.toSorted());
});

test('the map has each entry of the API exactly once, by the name to import', () => {
  const { name, exports } = JSON.parse(linesOf('package.json').join('\n')) as {
    name: string;
    exports: Record<string, string | { types: string }>;
  };
  const entries = Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : [[posix.join(name, path), target.types.replace('./dist', '..').replace('.d.ts', '.ts')]],
  );
  expect(rows.filter(([, target]) => target.endsWith('.ts')).toSorted()).toEqual(entries.toSorted());
});

/** The title of the README is the name of the package. */
test.each(rows.filter(([, target]) => target.endsWith('.md') && target !== '../README.md'))(
  'the map names "%s" as the page is titled',
  (label, target) => {
    expect(linesOf(posix.join('docs', target))[0]).toBe(`# ${label}`);
  },
);

test.each(['runbooks', 'adr'])('the index of docs/%s links each of its pages', (folder) => {
  const index = linesOf(`docs/${folder}/README.md`).join('\n');
  const missing = markdownIn(`docs/${folder}`)
    .map((page) => page.replace(`docs/${folder}/`, ''))
    .filter((page) => page !== 'README.md' && !index.includes(`](${page})`));
  expect(missing).toEqual([]);
});
