import {
  durationWithin,
  parseBrokers,
  parseCount,
  parseDuration,
  parseSince,
  parseTime,
  parseTimeout,
} from '../../../bin/cli/arguments';

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

// A time without a zone means another moment on another machine.
test.each(['2026-01-31T08:00:00', '31.1.2026', 'yesterday', '2026-13-01'])('%p is no time', (text) =>
  expect(() => parseTime(text)).toThrow('such as 2026-01-31T08:00:00Z'),
);

test.each(['0s', '2d', '99999999d', '999999999s', 'soon', ''])('%p is refused with the range', (text) =>
  expect(() => parseTimeout(text)).toThrow('It must be from 1s to 1d, with a unit, such as 90s, 15m, 2h or 1d.'),
);

test('the ends of a range belong to it', () => {
  expect(['1s', '24h'].map(durationWithin('1s', '1d'))).toEqual([1_000, 86_400_000]);
  expect(['1', '12'].map(parseCount(1, 12))).toEqual([1, 12]);
});

test.each(['0', '13', '-1', '1.5', '1e1', '', ' 1', 'NaN', '0x1'])('%p is no count from 1 to 12', (text) =>
  expect(() => parseCount(1, 12)(text)).toThrow('It must be an integer from 1 to 12.'),
);

// No dead letter has a future time: an empty list would look like an all-clear.
test.each(['2099-01-31', '2099-01-31T08:00:00Z'])('to look from %p on is refused', (text) => {
  expect(parseTime(text)).toBeGreaterThan(Date.now());
  expect(() => parseSince(text)).toThrow('It must not be in the future');
});

test.each(['99999999d', '1970-01-01', '0001-01-01', '9999-12-31'])('%p is a time that nobody means', (text) =>
  expect(() => parseSince(text)).toThrow('from the year 2000 to 2100'),
);

test('from now on, a clock that is a little ahead included, is possible', () => {
  expect(parseSince(new Date(Date.now() + 30_000).toISOString())).toBeGreaterThan(Date.now());
});

test('brokers are host:port, separated by commas', () =>
  expect(parseBrokers('b-1:9098, [::1]:9098')).toEqual(['b-1:9098', '[::1]:9098']));

test.each(['', ',', 'b-1', 'b-1:', ':9098', 'b-1:0', 'b-1:99999', 'b-1:9098,', 'b 1:9098'])(
  '%p is no list of brokers',
  (text) => expect(() => parseBrokers(text)).toThrow('such as b-1:9098,b-2:9098'),
);
