import { marshall } from '@aws-sdk/util-dynamodb';
import { encodeSignal, newSignal } from '../../../lib/event/signal';
import { decodeRecord, recordsOfHome } from '../../../lib/relay/record';
import { anItem, insertOf } from '../../builders/items';

const home = { region: 'eu-west-1', publishesFor: ['eu-west-1'] };
const west = insertOf(anItem({ region: 'eu-west-1' }));
const central = insertOf(anItem({ region: 'eu-central-1' }));
const signal = newSignal('order#42', 1, {
  kind: 'drain' as const,
  from: '0000000000000001',
  request: { by: 'me', at: 1, why: 'a test' },
});
const signalRecord = insertOf(marshall(encodeSignal(signal)));

test('records of other regions are removed, signals are kept', () => {
  expect(recordsOfHome([central, west, signalRecord], home)).toEqual([west, signalRecord]);
});

test('without a home region all records stay as they are', () => {
  const records = [central, west];
  expect(recordsOfHome(records, undefined)).toBe(records);
});

test('the stream is named with the regions', () => {
  const [record] = recordsOfHome([{ ...west, eventSourceARN: 'arn:stream' }], home);
  expect(record?.eventSourceARN).toBe('arn:stream#eu-west-1');
});

test('the control items of another region are no events', () => {
  const hold = { pk: { S: '$outbox#control@eu-central-1' }, sk: { S: 'hold#order#42' } };
  expect(decodeRecord(insertOf(hold))).toEqual({ kind: 'ignored' });
});
