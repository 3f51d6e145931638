import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { PAGES as COMMAND_PAGES } from './documented-commands';

/** A reader looks for the thing that acts. These words hide it. */
const HIDDEN_SUBJECT = /^(?:What|Who|Whoever|Whatever|Nobody|Somebody|Anybody)\s(?![^.!]*\?)/;

/** Words that the field does not use, each with the one that it does. */
const UNUSUAL: readonly (readonly [word: RegExp, usual: string])[] = [
  [/\bmend(?:s|ed|ing)?\b/i, 'fix'],
  [/\banew\b/i, 'again'],
  [/\bwho(?:so)?ever\b/i, 'the name of the caller'],
  [/\b(?:no|some|any)body\b/i, 'the name of the person or program'],
  [/\bimitat(?:e|es|ed|ing|ions?)\b/i, 'simulate'],
  [/\bbeside\b/i, 'next to'],
  [/\b(?:is|are|was|were|be|been) away\b/i, 'unavailable'],
  [/\bthr(?:ow|ows|own|ew) away\b/i, 'discard'],
  [/\btells? of\b/i, 'name'],
  [/\bfor ever\b/i, 'forever'],
  [/\bfor good\b/i, 'permanently'],
];

interface Text {
  readonly place: string;
  readonly text: string;
}

const FOLDERS = ['bench', 'bin', 'examples', 'lambdas', 'lib', 'local', 'scripts', 'test'];
/** It names the words that it forbids. */
const THIS_FILE = join('test', 'unit', 'docs', 'plain-english.test.ts');
const PAGES = [...COMMAND_PAGES, 'CHANGELOG.md'];

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.m?ts$/.test(name) && !name.includes('node_modules'))
    .map((name) => join(folder, name)),
).filter((path) => path !== THIS_FILE);

/** Each comment without its marks, as one line. */
function commentsOf(path: string): Text[] {
  const source = readFileSync(path, 'utf8');
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, false, ts.LanguageVariant.Standard, source);
  const comments: Text[] = [];
  for (let kind = scanner.scan(); kind !== ts.SyntaxKind.EndOfFileToken; kind = scanner.scan()) {
    if (kind !== ts.SyntaxKind.SingleLineCommentTrivia && kind !== ts.SyntaxKind.MultiLineCommentTrivia) continue;
    const line = source.slice(0, scanner.getTokenStart()).split('\n').length;
    const text = scanner.getTokenText().replaceAll(/^\/\*\*?|\*\/$|^\s*\*(?!\/) ?|^\/\/ ?/gm, '');
    comments.push({ place: `${path}:${line}`, text: plain(text) });
  }
  return comments;
}

/** Each text of a source that is a sentence or a part of one: an error, a log line, an output, a description. */
function stringsOf(path: string): Text[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const strings: Text[] = [];
  const visit = (node: ts.Node): void => {
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
    if (isText && node.text.includes(' ')) {
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      strings.push({ place: `${path}:${line}`, text: node.text.replaceAll(/\s+/g, ' ') });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return strings;
}

/** Each line of prose. Headings, the first row of a table and code are left out: they are names, not sentences. */
function proseOf(page: string): Text[] {
  const lines = readFileSync(page, 'utf8').split('\n');
  let isCode = false;
  return lines.flatMap((line, at) => {
    if (line.trimStart().startsWith('```')) isCode = !isCode;
    const isHeader = /^\s*\|[\s:|-]+\|\s*$/.test(lines[at + 1] ?? '');
    if (isCode || isHeader || /^\s*(?:#|```)/.test(line)) return [];
    return line.split(' | ').map((cell): Text => ({
      place: `${page}:${at + 1}`,
      text: plain(cell.replaceAll(/^[\s|>]*(?:[-*]|\d+\.)?\s*|\*\*|\]\([^)]*\)|\[/g, '')),
    }));
  });
}

/** What stands in backticks or quotation marks belongs to a program. */
const plain = (text: string): string =>
  text
    .replaceAll(/```[\s\S]*?```/g, '')
    .replaceAll(/`[^`]*`|"[^"]*"/g, '…')
    .replaceAll(/\s+/g, ' ')
    .trim();

const sentencesOf = ({ place, text }: Text): Text[] =>
  text.split(/(?<=[.!?:;]) (?=[A-Z])/).map((sentence) => ({ place, text: sentence }));

const shown = ({ place, text }: Text): string => `${place}: ${text.slice(0, 100)}`;

const hidden = (texts: readonly Text[]): string[] =>
  texts
    .flatMap(sentencesOf)
    .filter(({ text }) => HIDDEN_SUBJECT.test(text))
    .map(shown);

const unusual = (texts: readonly Text[]): string[] =>
  texts.flatMap((each) =>
    UNUSUAL.filter(([word]) => word.test(each.text)).map(([, usual]) => `${shown(each)} (usual: ${usual})`),
  );

test('the check finds what it is there to find', () => {
  const bad = [{ place: 'here', text: 'The relay stops. Whoever mends it starts anew.' }];
  expect(hidden(bad)).toEqual(['here: Whoever mends it starts anew.']);
  expect(unusual(bad)).toHaveLength(3);
  expect(hidden([{ place: 'here', text: 'What does the relay do?' }])).toEqual([]);
});

test('comments name the thing that acts, in the words of the field', () => {
  const comments = sources.flatMap(commentsOf);
  expect(comments.length).toBeGreaterThan(1_000);
  expect([...hidden(comments), ...unusual(comments)]).toEqual([]);
});

test('texts of the product use the words of the field', () => {
  const strings = sources.filter((path) => /^(?:bin|lambdas|lib\/)/.test(path)).flatMap(stringsOf);
  expect(strings.length).toBeGreaterThan(1_000);
  expect(unusual(strings)).toEqual([]);
});

test('pages name the thing that acts, in the words of the field', () => {
  const prose = PAGES.flatMap(proseOf);
  expect(prose.length).toBeGreaterThan(1_000);
  expect([...hidden(prose), ...unusual(prose)]).toEqual([]);
});
