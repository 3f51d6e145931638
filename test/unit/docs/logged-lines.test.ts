import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OPERATOR_PAGES } from './documented-commands';

const ROOT = join(__dirname, '../../..');
const sources = ['lib', 'bin', 'lambdas', 'local'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(ROOT, folder, file), 'utf8')),
);
/** The printed text: joins a text with its continuation in the next line of the source. */
const printed = sources.join('\n').replaceAll(/["'`]\s*\+\s*["'`]/g, '');

/** Texts of AWS, a broker or a person. */
const NOT_OURS: ReadonlySet<string> = new Set(['Throttle', 'You must specify a region']);

/** Quotations in sentences; commands and their output are in code. */
const quoted = OPERATOR_PAGES.flatMap((page) => {
  const prose = readFileSync(join(ROOT, page), 'utf8')
    .replaceAll(/^( *)```[\s\S]*?^ *```$/gm, '')
    .replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/"([^"\n]+)"/g)].map(([, text = '']): [string, string] => [text, page]);
});

test.each(quoted.filter(([text]) => !NOT_OURS.has(text)))('"%s" (%s) is what the product says', (text) => {
  const parts = text
    .replace(/[.,]$/, '')
    .split(/\s*…\s*/)
    .filter((part) => part !== '');
  for (const part of parts) expect(printed).toContain(part);
});
