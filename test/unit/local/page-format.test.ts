import { duration } from '../../../local/console/page/format';

it.each([
  [0, '0 ms'],
  [0.25, '0.3 ms'],
  [0.75, '0.8 ms'],
  [9.94, '9.9 ms'],
  [12.3, '12 ms'],
  [1_500, '1.5 s'],
  [90_000, '1.5 min'],
  [5_400_000, '1.5 h'],
])('shows %p ms as %p', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
