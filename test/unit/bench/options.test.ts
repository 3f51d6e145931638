import { BenchOptionError, parseBenchOptions } from '../../../bench/options';

test('without arguments a bench is long enough to be steady', () => {
  expect(parseBenchOptions([])).toEqual({ events: 30_000, rounds: 5, json: false });
});

test('what is given is taken', () => {
  expect(parseBenchOptions(['--events', '2000', '--rounds', '1', '--json'])).toEqual({
    events: 2_000,
    rounds: 1,
    json: true,
  });
});

test.each([
  [['--event', '1000'], /--event/],
  [['--events', '1500'], /--events is "1500"; it must be a positive multiple of 1000/],
  [['--events', 'many'], /--events is "many"/],
  [['--rounds', '0'], /--rounds is "0"; it must be a positive integer/],
  [['quick'], /quick/],
])('%p is refused with the usage', (args, message) => {
  expect(() => parseBenchOptions(args)).toThrow(BenchOptionError);
  expect(() => parseBenchOptions(args)).toThrow(message);
  expect(() => parseBenchOptions(args)).toThrow(/npm run bench --/);
});

test('the usage names the script that was called', () => {
  expect(() => parseBenchOptions(['quick'], 'bench:consumer')).toThrow(/npm run bench:consumer --/);
});
