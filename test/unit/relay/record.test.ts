import fc from '../../builders/fast-check';
import { anEvent, anItem, imageOf, insertOf } from '../../builders/items';
import { decodeRecord } from '../../../lib/relay/record';

it('reads an item from an insert, bytes included', () => {
  const item = anItem({
    events: [anEvent({ id: 'a', data: Uint8Array.of(0, 255), contentType: 'application/octet-stream' })],
  });

  const decoded = decodeRecord(insertOf(item));

  expect(decoded).toMatchObject({ kind: 'item', item: { pk: 'order#42', sk: '0000000000000001', id: 'a' } });
  expect(decoded.kind === 'item' && [...(decoded.item.events[0]?.data as Uint8Array)]).toEqual([0, 255]);
});

it("ignores the relay's own writes, and every record that is not an insert", () => {
  const insert = insertOf(anItem());

  expect(decodeRecord({ ...insert, eventName: 'MODIFY' })).toEqual({ kind: 'ignored' });
  expect(decodeRecord({ ...insert, eventName: 'REMOVE' })).toEqual({ kind: 'ignored' });
  expect(decodeRecord(insertOf({ pk: { S: '$outbox#control' }, sk: { S: '!state' } }))).toEqual({ kind: 'ignored' });
});

it('names the field of an item that cannot be decoded', () => {
  const { committedAt, ...image } = imageOf(anItem());

  expect(decodeRecord(insertOf(image))).toMatchObject({
    kind: 'undecodable',
    pk: 'order#42',
    sk: '0000000000000001',
    message: expect.stringContaining('"committedAt" must be a number of epoch milliseconds') as unknown,
  });
});

it('never throws, whatever the attributes are', () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.record({ S: fc.string() }),
      fc.record({ N: fc.string() }),
      fc.record({ BOOL: fc.boolean() }),
      fc.record({ L: fc.array(tie('value')) }),
      fc.record({ M: fc.dictionary(fc.string(), tie('value')) }),
    ),
  })).value;
  const names = fc.constantFrom('pk', 'sk', 'id', 'events', 'source', 'region', 'committedAt', 'traceparent');
  fc.assert(
    fc.property(fc.dictionary(names, value), (image) => {
      const decoded = decodeRecord({ eventName: 'INSERT', dynamodb: { NewImage: image as never } });
      expect(['undecodable', 'unknown', 'ignored']).toContain(decoded.kind);
    }),
  );
});
