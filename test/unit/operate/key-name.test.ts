import { isNamedBy, keyName } from '../../../lib/operate/key-name';

test.each([
  [{ aggregate: 'order', key: '42' }, 'order#42'],
  [{ aggregate: 'order', key: 'a#b' }, 'order#a#b'],
  [{ key: '42' }, '42'],
  [{ aggregate: 'no aggregate', key: '42' }, '42'],
  [{ aggregate: 'order', key: '' }, ''],
])('the name of %j is "%s"', (key, name) => {
  expect(keyName(key)).toBe(name);
});

test.each([
  ['order#42', true],
  ['42', true],
  ['invoice#42', false],
  ['order#4', false],
])('"%s" names the key 42 of order: %s', (text, isNamed) => {
  expect(isNamedBy(text, { aggregate: 'order', key: '42' })).toBe(isNamed);
});
