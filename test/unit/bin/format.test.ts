import { argument, columns, count, duration, time } from '../../../bin/cli/format';

test.each([
  [0, '0 s'],
  [999, '0 s'],
  [59_000, '59 s'],
  [60_000, '1 min'],
  [3_600_000 + 12 * 60_000, '1 h 12 min'],
  [86_400_000, '1 d'],
  [2 * 86_400_000 + 3_600_000 + 60_000, '2 d 1 h'],
  [3_600_000 + 5_000, '1 h 5 s'],
  [-5, '0 s'],
])('%d ms last %s', (ms, text) => expect(duration(ms)).toBe(text));

test('counts agree with their noun', () => {
  expect([count(0, 'key'), count(1, 'key'), count(1_000, 'key')]).toEqual(['0 keys', '1 key', '1,000 keys']);
});

test('times are in UTC, to the second', () => expect(time(1_767_323_045_678)).toBe('2026-01-02 03:04:05Z'));

test.each([1_795_794_741_319_000_000, Number.NaN, -1e300])('%d is no time, and shown as it is', (epochMs) =>
  expect(time(epochMs)).toBe(String(epochMs)),
);

test.each([
  ['order#42', 'order#42'],
  ['/shop/order', '/shop/order'],
  ['order#a b', `'order#a b'`],
  ['order#$(id); x', `'order#$(id); x'`],
  [`order#it's`, `'order#it'\\''s'`],
  ['#42', `'#42'`],
  ['', `''`],
])('%p is %p in a command', (text, shown) => expect(argument(text)).toBe(shown));

test('a cell that is very long leaves the others where they were', () => {
  const long = 'k'.repeat(2_000);
  expect(
    columns([
      ['KEY', 'AT'],
      [long, '1'],
      ['order#1', '2'],
    ]),
  ).toEqual([`  ${'KEY'.padEnd(60)}  AT`, `  ${long}  1`, `  ${'order#1'.padEnd(60)}  2`]);
});

test('columns are as wide as their widest cell, and nothing trails', () => {
  expect(
    columns([
      ['KEY', 'AT', 'WHY'],
      ['order#1', '2', ''],
    ]),
  ).toEqual(['  KEY      AT  WHY', '  order#1  2']);
});
