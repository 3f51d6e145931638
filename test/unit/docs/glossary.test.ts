import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAGES } from './documented-commands';

const ROOT = join(__dirname, '../../..');

/** Terms of art: a stranger does not know them, or knows another meaning. */
const TERMS: readonly (readonly [word: string, form: RegExp])[] = [
  ['parked', /\bpark(?:s|ed|ing)?\b/i],
  [
    'hold, held key',
    /\bheld keys?\b|\b(?:holds?|held) (?:a|its|the|their) keys?\b|\bkeys? (?:is|are|was|were) held\b/i,
  ],
  ['drain', /\bdrain(?:s|ed|ing)?\b/i],
  ['redrive', /\bredriv(?:e|es|en|ing)\b/i],
  ['receipt', /\breceipts?\b/i],
  ['signal', /\bsignals?\b/i],
  ['gap suspected', /\bsuspects? a gap\b|\bgap [^.|]{0,20}suspected\b/i],
  ['circuit breaker', /\bbreaker\b/i],
  ['dead letter', /\bdead[- ]letter(?:s|ed)?\b/i],
  ['sweeper', /\bsweeper\b/i],
];

const GLOSSARY = 'docs/architecture.md';
const pages = PAGES.filter((page) => /^(README|docs\/(?!adr\/)[\w/-]+)\.md$/.test(page) && page !== GLOSSARY);

/** The sentences of a page. Headings, header rows, comments, code and quotations become spaces, so that places stay the same. */
function proseOf(text: string): string {
  const blank = (part: string): string => part.replaceAll(/[^\n]/g, ' ');
  return text
    .replaceAll(/^( *)```[\s\S]*?^ *```$/gm, blank)
    .replaceAll(/<!--.*?-->/g, blank)
    .replaceAll(/^#.*$|^\|.*\|\n(?=\|[ :|-]+\|$)/gm, blank)
    .replaceAll(/`[^`\n]+`|"[^"\n]*"/g, blank);
}

const linkedPlaces = (prose: string): [number, number][] =>
  [...prose.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(({ index, 0: link }) => [index, index + link.length]);

test('the glossary has each of the terms', () => {
  const rows = [...readFileSync(join(ROOT, GLOSSARY), 'utf8').matchAll(/^\| ([a-z, ]+?) +\|/gm)].map(
    ([, word]) => word,
  );
  expect(rows).toEqual(expect.arrayContaining(TERMS.map(([word]) => word)));
});

test.each(pages)('%s links each term where it first uses it', (page) => {
  const prose = proseOf(readFileSync(join(ROOT, page), 'utf8'));
  const links = linkedPlaces(prose);
  const unlinked = TERMS.flatMap(([word, form]) => {
    const at = form.exec(prose)?.index;
    return at === undefined || links.some(([from, to]) => from <= at && at < to)
      ? []
      : [`${word}: ${prose.slice(at, at + 40)}`];
  });
  expect(unlinked).toEqual([]);
});
