import { bytesOf, detached, headersByName } from '../../../lib/consume/record';
import { aRecord } from '../../builders/consume';

it('a detached message is the same, in memory of its own', () => {
  const batch = Buffer.from('keyvalueheader');
  const record = {
    ...aRecord(),
    key: batch.subarray(0, 3),
    value: batch.subarray(3, 8),
    headers: headersByName([
      ['one', batch.subarray(8)],
      ['two', [batch.subarray(0, 1), batch.subarray(1, 2)]],
      ['text', 'ü'],
      ['empty', null],
      ['__proto__', batch.subarray(0, 2)],
      ['constructor', batch.subarray(0, 2)],
    ]),
  };
  const own = detached(record);
  expect(own).toEqual(record);
  expect(Object.keys(own.headers)).toEqual(Object.keys(record.headers));
  expect(Object.getPrototypeOf(own.headers)).toBe(Object.prototype);

  const before = structuredClone({ ...own, offset: '' });
  batch.fill(0);
  expect({ ...own, offset: '' }).toEqual(before);
  expect(own.value?.toString()).toBe('value');
});

it('a message without key, value and headers stays one', () => {
  const record = { ...aRecord(), key: null, value: null, headers: {} };
  expect(detached(record)).toEqual(record);
  expect(bytesOf(record)).toBe(0);
});

it('counts the bytes of key, value and headers', () => {
  const headers = headersByName([
    ['four', Buffer.alloc(10)],
    ['two', [Buffer.alloc(1), 'ab']],
  ]);
  expect(bytesOf({ key: Buffer.alloc(5), value: Buffer.alloc(100), headers })).toBe(5 + 100 + 14 + 6);
});
