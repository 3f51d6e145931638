import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');

export const markdownIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !/node_modules|site-packages/.test(file))
    .map((file) => join(folder, file));

/** A test runs each command of `outbox` in their blocks, unless the block is marked as needing an AWS account. */
export const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'SUPPORT.md',
  ...['docs', 'examples'].flatMap(markdownIn),
];

/** Pages for an operator on call: their blocks have no other commands. */
export const OPERATOR_PAGES = ['docs/operations.md', ...markdownIn('docs/runbooks')];

/** A fenced block of a page. */
export interface Block {
  readonly page: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** The info string of the fence: a language, then the block's requirements. */
  readonly info: string;
  readonly text: string;
}

export const needsAws = ({ info }: Pick<Block, 'info'>): boolean => info.split(' ').includes('aws');

export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^( *)```(.*)\n([\s\S]*?)^ *```$/gm)].map((match) => {
    const [, indent = '', info = '', body = ''] = match;
    return {
      page,
      line: text.slice(0, match.index).split('\n').length,
      info,
      text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    };
  });
}

/** The commands that a reader copies: in a transcript, the lines with a prompt and their continuation lines. */
export function commandsOf({ info, text }: Pick<Block, 'info' | 'text'>): string[] {
  const lines = text.replaceAll(/ *\\\n */g, ' ').split('\n');
  const commands = /^sh\b/.test(info) ? lines : lines.flatMap((line) => /^\$ (.*)$/.exec(line)?.[1] ?? []);
  return commands.map(withoutComment).filter((command) => command !== '');
}

const withoutComment = (command: string): string => command.replace(/(^|\s+)#( .*)?$/, '').trim();

/** Splits a simple command into words as a shell does. */
export const wordsOf = (command: string): string[] =>
  [...command.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replaceAll(/["']/g, ''));

const OUTBOX = /^(?:npx |npm run )?outbox(?: --)?(?: |$)/;

/** The arguments of a command of `outbox`; `undefined` for another program. */
export const outboxArguments = (command: string): string[] | undefined =>
  OUTBOX.test(command) ? wordsOf(command.replace(OUTBOX, '')) : undefined;

/** `outbox …` in the sentences of a page: often only a command's name. */
export function mentionsOf(page: string): string[] {
  const prose = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^( *)```[\s\S]*?^ *```$/gm, '');
  return [...prose.matchAll(/`([^`]+)`/g)]
    .map(([, code = '']) => code.trim())
    .filter((code) => outboxArguments(code) !== undefined);
}
