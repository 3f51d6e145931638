import { readFileSync } from 'node:fs';
import { createProgram } from '../../../bin/cli/program';
import { CLI_PAGE, cliReference, helpOf } from '../../../scripts/cli-reference';

test('the page of the command line is what npm run docs:cli writes', () => {
  expect(readFileSync(CLI_PAGE, 'utf8')).toBe(cliReference());
});

test('the README shows the help as the command prints it', () => {
  const [, shown] = /\$ npx outbox --help\n([\s\S]*?)\n```/.exec(readFileSync('README.md', 'utf8')) ?? [];
  expect(shown).toBe(helpOf(createProgram('1.0.0')));
});
