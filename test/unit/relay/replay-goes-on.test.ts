import { positionOfVersion } from '../../../lib/event/position';
import { newSignal } from '../../../lib/event/signal';
import type { Failure } from '../../../lib/relay/ports';
import { anItem } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';

const request = { by: 'someone', at: 1, why: 'a test' };
const outage: Failure = { kind: 'outage', message: 'NOT_ENOUGH_REPLICAS' };

async function processed(count: number) {
  const world = aRelayOverTable();
  const { table, kafka, clock } = world;
  table.pageSize = 100;
  for (let at = 0; at < count; at += 1_000) {
    const items = Array.from({ length: Math.min(1_000, count - at) }, (_, n) => anItem({ version: at + n + 1 }));
    await world.handle(
      items.map((item) => table.put({ ...item, committedAt: clock.at })),
      plentyOfTime,
    );
  }
  const before = kafka.log.length;
  const signal = table.putSignal(newSignal('order#42', clock.at, { kind: 'replay', replayId: 'r', request }));
  const advance = jest.spyOn(table, 'advance');
  return { ...world, signal, advance, replayed: () => kafka.log.slice(before) };
}

it('resumes where an outage stopped it, under the same id, with one write for each outage', async () => {
  const { handle, kafka, table, signal, advance, replayed } = await processed(600);
  for (let attempt = 1; attempt <= 4; attempt++) {
    const start = replayed().length;
    kafka.refuse = () => (replayed().length - start >= 200 ? outage : undefined);
    await handle([signal], plentyOfTime);
  }

  expect(replayed()).toHaveLength(600);
  expect(new Set(replayed().map(({ id }) => id)).size).toBe(600);
  expect(new Set(replayed().map(({ replayId }) => replayId))).toEqual(new Set(['r']));
  expect(advance.mock.calls.length).toBeLessThanOrEqual(4);
  expect(table.signals.get('order#42')?.size).toBe(0);
});

it('writes nothing while an outage lasts', async () => {
  const { handle, kafka, signal, advance } = await processed(10);
  kafka.refuse = () => outage;

  for (let attempt = 0; attempt < 5; attempt++) expect(await handle([signal], plentyOfTime)).toBe(0);

  expect(advance).not.toHaveBeenCalled();
});

it('repeats a bounded number of items after its process died', async () => {
  const { table, kafka, newProcess, signal, replayed } = await processed(2_000);
  const publish = kafka.publish.bind(kafka);
  const dying = newProcess();
  kafka.publish = (batches) => (replayed().length >= 1_500 ? new Promise(() => undefined) : publish(batches));
  void dying.handle([signal], plentyOfTime);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(replayed().length).toBeGreaterThanOrEqual(1_500);
  const beforeDeath = replayed().length;
  kafka.publish = publish;

  expect(await newProcess().handle([signal], plentyOfTime)).toBeUndefined();

  expect(new Set(replayed().map(({ id }) => id)).size).toBe(2_000);
  expect(replayed().length - 2_000).toBeLessThanOrEqual(350);
  expect(beforeDeath).toBeLessThan(2_000);
  expect(table.signals.get('order#42')?.size).toBe(0);
});

it('ends if another signal has replaced its own meanwhile', async () => {
  const { handle, table, signal, kafka, replayed } = await processed(1_000);
  kafka.refuse = () => {
    if (replayed().length >= 200) table.signals.clear();
    return undefined;
  };

  expect(await handle([signal], plentyOfTime)).toBeUndefined();

  expect(replayed().length).toBeLessThan(1_000);
});

it('is not moved back by a relay that was frozen', async () => {
  const { table, signal } = await processed(3);
  const [stored] = [...table.signals.get('order#42')!.values()];
  if (stored?.kind !== 'replay' || signal.dynamodb === undefined) throw new Error('no replay');

  await table.advance(stored, positionOfVersion(3));
  await table.advance(stored, positionOfVersion(2));

  expect(await table.find(stored)).toMatchObject({ from: positionOfVersion(3) });
});
