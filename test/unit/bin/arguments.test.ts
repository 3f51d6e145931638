import { parseDuration, parseTime } from '../../../bin/cli/arguments';

test.each([
  ['90s', 90_000],
  ['15m', 900_000],
  ['15min', 900_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
])('%s is a duration', (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each(['', '5', 'h', '-1h', '1.5h', '2 weeks'])('%p is none', (text) =>
  expect(() => parseDuration(text)).toThrow('such as 90s, 15m, 2h or 1d'),
);

test('a time is RFC 3339 with a zone, a day, or how long ago', () => {
  expect(parseTime('2026-01-31T08:00:00Z')).toBe(Date.UTC(2026, 0, 31, 8));
  expect(parseTime('2026-01-31T08:00:00.5+01:00')).toBe(Date.UTC(2026, 0, 31, 7, 0, 0, 500));
  expect(parseTime('2026-01-31')).toBe(Date.UTC(2026, 0, 31));
  const before = Date.now();
  const twoHoursAgo = parseTime('2h');
  expect(twoHoursAgo).toBeGreaterThanOrEqual(before - 7_200_000);
  expect(twoHoursAgo).toBeLessThanOrEqual(Date.now() - 7_200_000);
});

// A time without a zone would be another moment on another machine.
test.each(['2026-01-31T08:00:00', '31.1.2026', 'yesterday', '2026-13-01'])('%p is no time', (text) =>
  expect(() => parseTime(text)).toThrow('such as 2026-01-31T08:00:00Z'),
);
