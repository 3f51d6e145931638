import { positionOfVersion } from '../../../lib/event/position';
import { anEvent, anItem } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';

/** An old record that is alone in its batch may have an item that kills the process. The relay counts its attempts. */

const MINUTE = 60_000;

/** One item whose events go to two topics in turn, so that each event takes its own round. */
function aWorld(count: number) {
  const world = aRelayOverTable();
  const { table, kafka, clock } = world;
  kafka.topics.set('audit', 1);
  const events = Array.from({ length: count }, (_, at) =>
    anEvent({ id: `e${at}`, topic: at % 2 === 0 ? 'orders' : 'audit' }),
  );
  const record = table.put(anItem({ committedAt: clock.at, events }));
  clock.at += 2 * MINUTE;
  const countAttempt = jest.spyOn(table, 'countAttempt');
  return { ...world, record, countAttempt, ids: () => kafka.log.map(({ id }) => id) };
}

it.each([3, 6, 20])('an item of %i events in as many rounds is one attempt', async (count) => {
  const w = aWorld(count);

  expect(await w.handle([w.record], plentyOfTime)).toBeUndefined();

  expect(w.ids()).toEqual(Array.from({ length: count }, (_, at) => `e${at}`));
  expect(w.table.stateAt('order#42', positionOfVersion(1))).toBe('processed');
  expect(w.countAttempt).toHaveBeenCalledTimes(1);
  expect(w.table.holds.size).toBe(0);
});

it('and one death in its last round does not park it', async () => {
  const w = aWorld(6);
  const publish = w.kafka.publish.bind(w.kafka);
  let rounds = 0;
  jest
    .spyOn(w.kafka, 'publish')
    .mockImplementation((batches) => (++rounds === 6 ? new Promise(() => undefined) : publish(batches)));
  void w.handle([w.record], plentyOfTime);
  while (rounds < 6) await new Promise((resolve) => setImmediate(resolve));

  expect(await w.newProcess().handle([w.record], plentyOfTime)).toBeUndefined();

  expect(w.table.stateAt('order#42', positionOfVersion(1))).toBe('processed');
  expect(w.telemetry.parked).not.toHaveBeenCalled();
});
