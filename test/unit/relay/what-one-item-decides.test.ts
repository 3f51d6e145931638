import { BREAKER } from '../../../lib/relay/park-limits';
import type { ParkReason } from '../../../lib/event/control';
import { anEvent, anItem, imageOf, insertOf } from '../../builders/items';
import { aRelay, plentyOfTime } from '../../builders/relay-ports';

const many = BREAKER.maxHolds * 4;
const undecodable = (key: string) => insertOf({ ...imageOf(anItem({ key })), committedAt: { S: 'yesterday' } });

it('parks any number of items that cannot be decoded, and publishes the keys between them', async () => {
  const { handle, kafka, table, telemetry } = aRelay();
  const records = Array.from({ length: many }, (_, at) => [
    undecodable(`bad${at}`),
    insertOf(anItem({ key: `good${at}` })),
  ]).flat();

  expect(await handle(records, plentyOfTime)).toBeUndefined();

  expect(table.parkings).toHaveLength(many);
  expect(kafka.log).toHaveLength(many);
  expect(telemetry.breakerOpen).not.toHaveBeenCalled();
});

it('parks any number of messages of which each is too large', async () => {
  const reason: ParkReason = 'message-too-large';
  const { handle, kafka, table, telemetry } = aRelay();
  kafka.refuse = ({ messages }) =>
    messages.some(({ key }) => key.toString().startsWith('bad'))
      ? { kind: 'poison', reason, message: 'refused' }
      : undefined;
  const records = Array.from({ length: many }, (_, at) => [
    insertOf(anItem({ key: `bad${at}` })),
    insertOf(anItem({ key: `good${at}` })),
  ]).flat();

  expect(await handle(records, plentyOfTime)).toBeUndefined();

  expect(table.parkings).toHaveLength(many);
  expect(kafka.log).toHaveLength(many);
  expect(telemetry.breakerOpen).not.toHaveBeenCalled();
});

it('still treats many refusals of a topic as an outage, next to items that cannot be decoded', async () => {
  const { handle, table, telemetry } = aRelay();
  const records = [
    ...Array.from({ length: many }, (_, at) => undecodable(`bad${at}`)),
    ...Array.from({ length: many }, (_, at) =>
      insertOf(anItem({ key: `lost${at}`, events: [anEvent({ id: `l${at}`, topic: 'nowhere' })] })),
    ),
  ];

  expect(await handle(records, plentyOfTime)).toBe(many + BREAKER.maxHolds);

  expect(table.parkings).toHaveLength(many + BREAKER.maxHolds);
  expect(telemetry.breakerOpen).toHaveBeenCalledTimes(1);
});

it('parks no more keys than holds that an invocation can read', async () => {
  const { handle, table, telemetry } = aRelay();
  for (let at = 0; at < BREAKER.maxKeys - 1; at++) {
    await table.park({
      ...{ pk: `order#held${at}`, sk: '1', reason: 'undecodable-item', message: '' },
      ...{ attempts: 0, isHead: false },
    });
  }

  expect(await handle([undecodable('a'), undecodable('b')], plentyOfTime)).toBe(1);

  expect(table.holds.size).toBe(BREAKER.maxKeys);
  expect(telemetry.breakerOpen).toHaveBeenCalledTimes(1);
});
