import { marshall } from '@aws-sdk/util-dynamodb';
import { decodeItem, encodeItem } from '../../../lib/event/item';
import { anItem } from '../../builders/items';

const withCommittedAt = (N: string) => decodeItem({ ...marshall(encodeItem(anItem())), committedAt: { N } });

test.each([
  ['1700000000000', 1_700_000_000_000],
  ['1700000000000.000', 1_700_000_000_000],
  ['1.7E+12', 1_700_000_000_000],
  ['0', 0],
])('committedAt %s is the exact number %d', (text, value) => {
  expect(withCommittedAt(text).committedAt).toBe(value);
});

test.each([
  '1700000000000.0000001',
  '1700000000000.00000000000000000000001',
  '1699999999999.9999999999',
  '0.0000000000000000000000000000000000001',
  '1E-130',
  '-1E-130',
  '',
])('committedAt %s would be rounded, and is refused', (text) => {
  expect(() => withCommittedAt(text)).toThrow(expect.objectContaining({ code: 'undecodable-item' }));
});
