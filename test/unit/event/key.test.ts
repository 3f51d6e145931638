import fc from '../../builders/fast-check';
import { controlSortKey, CONTROL_PARTITION, parsePartitionKey, partitionKeyOf } from '../../../lib/event/key';
import { refusal } from '../write/order-outbox';

test('a partition key gives back its aggregate and key', () => {
  const aggregate = fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,20}$/);
  const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(aggregate, key, (a, k) => {
      expect(parsePartitionKey(partitionKeyOf({ aggregate: a, key: k }))).toEqual({ aggregate: a, key: k });
    }),
  );
});

test.each([CONTROL_PARTITION, 'order', 'order#', '#42', ''])('%p is no partition key of events', (pk) => {
  expect(parsePartitionKey(pk)).toBeUndefined();
});

test('a partition key has at most 2048 bytes', async () => {
  expect(partitionKeyOf({ aggregate: 'order', key: 'x'.repeat(2042) })).toHaveLength(2048);
  const error = await refusal('invalid-key', () => partitionKeyOf({ aggregate: 'order', key: 'x'.repeat(2043) }));
  expect(error.details).toMatchObject({ bytes: 2049, maxBytes: 2048 });
});

test('a control item of a long partition key has a sort key that DynamoDB takes', () => {
  const [one, other] = ['a', 'b'].map((end) => controlSortKey('hold', `order#${'x'.repeat(2000)}${end}`));
  expect(one).toMatch(/^hold#sha256:[0-9a-f]{64}$/);
  expect(other).not.toBe(one);
  expect(controlSortKey('hold', 'order#42')).toBe('hold#order#42');
});
