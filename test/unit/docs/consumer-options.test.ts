import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONSUMER_DEFAULTS } from '../../../lib/consume/settings';

const page = readFileSync(join(__dirname, '../../../docs/consumer.md'), 'utf8');

/** A default as TypeScript source, without separators of digits. */
const shown = (value: unknown): string =>
  typeof value === 'function'
    ? String(value)
    : JSON.stringify(value)
        .replaceAll('"', "'")
        .replaceAll(/'(\w+)':/g, '$1:');

const withoutSpaces = (text: string): string => text.replaceAll(/[\s_]/g, '');

test('the page has each option with its default', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` +\| `([^`]+)` +\|/gm)].map(([, name = '', value = '']) => [
    name,
    withoutSpaces(value),
  ]);
  const { clock: _, ...documented } = CONSUMER_DEFAULTS;
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(documented).map(([name, value]) => [name, withoutSpaces(shown(value))])),
  );
});
