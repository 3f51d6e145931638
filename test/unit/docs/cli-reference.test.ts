import { readFileSync } from 'node:fs';
import { CLI_PAGE, cliReference } from '../../../scripts/cli-reference';

test('the page of the command line is what npm run docs:cli writes', () => {
  expect(readFileSync(CLI_PAGE, 'utf8')).toBe(cliReference());
});
