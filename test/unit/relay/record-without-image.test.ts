import { positionOfVersion } from '../../../lib/event/position';
import { newSignal } from '../../../lib/event/signal';
import type { StreamRecord } from '../../../lib/relay/record';
import { anItem } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';

const request = { by: 'someone', at: 1, why: 'a test' };
/** The record of a stream that contains only keys. */
const keysOnly = ({ dynamodb, ...record }: StreamRecord): StreamRecord => ({
  ...record,
  dynamodb: { ...dynamodb, NewImage: undefined },
});

it('requests a drain of its key, and nothing is parked', async () => {
  const { handle, table, kafka, telemetry } = aRelayOverTable();
  const records = [1, 2, 3].map((version) => table.put(anItem({ version })));

  expect(await handle(records.map(keysOnly), plentyOfTime)).toBeUndefined();

  expect(kafka.log.map(({ id }) => id)).toEqual(['id-order-42-1', 'id-order-42-2', 'id-order-42-3']);
  expect(telemetry.parked).not.toHaveBeenCalled();
  expect(table.stateAt('order#42', positionOfVersion(3))).toBe('processed');
});

it('keeps the order with the records of its key that show one', async () => {
  const { handle, table, kafka } = aRelayOverTable();
  const [first, second, third] = [1, 2, 3].map((version) => table.put(anItem({ version })));

  expect(await handle([first!, keysOnly(second!), third!], plentyOfTime)).toBeUndefined();

  expect(kafka.log.map(({ id }) => id)).toEqual(['id-order-42-1', 'id-order-42-2', 'id-order-42-3']);
});

it('does not retry the parked item, and does not delete its own item', async () => {
  const { handle, table, kafka } = aRelayOverTable();
  kafka.refuse = () => ({ kind: 'poison', reason: 'message-refused', message: 'no' });
  await handle([table.put(anItem({ version: 1 }))], plentyOfTime);
  const hold = table.holds.get('order#42');
  kafka.refuse = () => undefined;

  expect(await handle([keysOnly(table.put(anItem({ version: 2 })))], plentyOfTime)).toBeUndefined();

  expect(kafka.log).toEqual([]);
  expect(table.holds.get('order#42')).toEqual(hold);
  expect(table.stateAt('order#42', positionOfVersion(2))).toBe('pending');
});

it('of an item that is gone settles', async () => {
  const { handle, table, kafka } = aRelayOverTable();
  const record = table.put(anItem());
  table.items.clear();

  expect(await handle([keysOnly(record)], plentyOfTime)).toBeUndefined();
  expect(kafka.log).toEqual([]);
});

it('of a signal is executed as stored in the table', async () => {
  const { handle, table, kafka, clock } = aRelayOverTable();
  table.put(anItem());
  const signal = table.putSignal(
    newSignal('order#42', clock.at, { kind: 'drain', from: positionOfVersion(1), request }),
  );

  expect(await handle([keysOnly(signal)], plentyOfTime)).toBeUndefined();

  expect(kafka.log).toHaveLength(1);
  expect(table.signals.get('order#42')?.size).toBe(0);
  expect(await handle([keysOnly(signal)], plentyOfTime)).toBeUndefined();
});
