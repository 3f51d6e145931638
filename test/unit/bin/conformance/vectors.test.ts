import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { derivedUuidV7 } from '../../../../lib/event/uuid';
import { abbreviate, expand, type VectorFile } from '../../../../bin/cli/conformance/vectors';
import { INVALID, VALID } from '../../../../scripts/conformance-changes';
import { vectorFile, VECTORS_FILE } from '../../../../scripts/conformance-vectors';

const committed = JSON.parse(readFileSync(VECTORS_FILE, 'utf8')) as VectorFile;

test('the committed vectors are what the write helper makes; "npm run conformance:update" writes them', async () => {
  expect(committed).toEqual(await vectorFile());
});

test('docs/item-format.md derives an id as the write helper does', () => {
  const page = readFileSync(join(__dirname, '../../../../docs/item-format.md'), 'utf8');
  expect(page).toContain('`["r1","order#42",0]`');
  expect(page).toContain(`\`${derivedUuidV7(1_767_323_045_678, '["r1","order#42",0]')}\``);
});

test('each vector has a name of its own', () => {
  const names = committed.vectors.map(({ name }) => name);
  expect(names).toHaveLength(VALID.length + INVALID.length);
  expect(new Set(names).size).toBe(names.length);
});

test('an abbreviated value expands to itself', () => {
  const value = { a: ['é'.repeat(1000), '{"n":1}'.repeat(200), 'short', 'aab', { n: 5, none: null }] };
  const short = abbreviate(value);
  expect(JSON.stringify(short).length).toBeLessThan(200);
  expect(expand(short)).toEqual(value);
});
