import { parseReceipt } from '../../../lib/event/receipt';

test('a text with more digits than an offset can have is no receipt, and is not converted to a number', () => {
  expect(parseReceipt('orders-0@9223372036854775807')?.offset).toBe(9_223_372_036_854_775_807n);
  expect(parseReceipt(`orders-0@${'1'.repeat(20)}`)).toBeUndefined();
  expect(parseReceipt(`orders-${'1'.repeat(11)}@0`)).toBeUndefined();
  // The conversion of as many digits took half a minute.
  expect(parseReceipt(`orders-0@${'1'.repeat(3_000_000)}`)).toBeUndefined();
});
