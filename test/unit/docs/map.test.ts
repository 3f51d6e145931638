import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownIn } from './documented-commands';

const linesOf = (page: string): string[] => readFileSync(join(__dirname, '../../..', page), 'utf8').split('\n');

/** The pages of a folder with an index of its own are in that index. */
const pages = markdownIn('docs')
  .map((page) => page.replace(/^docs\//, ''))
  .filter((page) => page !== 'README.md' && (!page.includes('/') || page.endsWith('/README.md')));

test('the map has each page of docs/ exactly once, with a line of its own', () => {
  const linked = linesOf('docs/README.md').flatMap((line) => {
    const [, target] = /^\| \[[^\]]+\]\(([^)]+)\) +\| \S.*\|$/.exec(line) ?? [];
    // Other pages and the entries of the package are checked by the build of the site.
    return target === undefined || target.startsWith('../') ? [] : [target];
  });
  expect(linked.toSorted()).toEqual(pages.toSorted());
});

test.each(['runbooks', 'adr'])('the index of docs/%s links each of its pages', (folder) => {
  const index = linesOf(`docs/${folder}/README.md`).join('\n');
  const missing = markdownIn(`docs/${folder}`)
    .map((page) => page.replace(`docs/${folder}/`, ''))
    .filter((page) => page !== 'README.md' && !index.includes(`](${page})`));
  expect(missing).toEqual([]);
});
