import { columns, count, duration, time } from '../../../bin/cli/format';

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

test('columns are as wide as their widest cell, and nothing trails', () => {
  expect(
    columns([
      ['KEY', 'AT', 'WHY'],
      ['order#1', '2', ''],
    ]),
  ).toEqual(['  KEY      AT  WHY', '  order#1  2']);
});
