import fc from '../../builders/fast-check';
import { formatReceipt, parseReceipt } from '../../../lib';

test('a receipt is read as it was written, whatever the topic is called', () => {
  const topic = fc.stringMatching(/^[A-Za-z0-9._-]{1,30}$/);
  fc.assert(
    fc.property(topic, fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (name, partition, offset) => {
      const receipt = { topic: name, partition, offset };
      expect(parseReceipt(formatReceipt(receipt))).toEqual(receipt);
    }),
  );
});

test.each(['', 'orders', 'orders-3', 'orders@5', '-3@5', 'orders-x@5', 'orders-3@'])('%p is no receipt', (text) => {
  expect(parseReceipt(text)).toBeUndefined();
});
