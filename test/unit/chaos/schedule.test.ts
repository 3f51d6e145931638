import type { ChaosFault } from '../../chaos/faults/fault';
import { FaultSchedule } from '../../chaos/faults/schedule';
import type { World } from '../../chaos/world/world';

const world = {} as World;

beforeEach(() => jest.useFakeTimers({ now: 0 }));
afterEach(() => jest.useRealTimers());

const fault = (name: string, part: Partial<ChaosFault> = {}): ChaosFault => ({
  ...{ name, group: 'relay', title: name, apply: () => Promise.resolve() },
  ...part,
});

async function played(faults: readonly ChaosFault[], minutes: number, seed = 1): Promise<FaultSchedule> {
  const end = Date.now() + minutes * 60_000;
  const isOver = (): boolean => Date.now() >= end;
  const schedule = new FaultSchedule({ world, seed, faults, isOver, onFault: () => undefined });
  const ended = schedule.run();
  await jest.advanceTimersByTimeAsync((minutes + 2) * 60_000);
  await ended;
  return schedule;
}

const lasting = (ms: number): Partial<ChaosFault> => ({
  apply: () => new Promise<void>((resolve) => setTimeout(resolve, ms)),
});

it('applies each fault once before it repeats one', async () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const { history } = await played(
    names.map((name) => fault(name)),
    1,
  );
  expect(history.length).toBeGreaterThan(10);
  for (let round = 0; round + 5 <= history.length; round += 5) {
    expect(
      history
        .slice(round, round + 5)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(names);
  }
});

it('applies the same faults in the same order for the same seed, and others for another', async () => {
  const faults = Array.from('abcdefgh', (name) => fault(name));
  const [first, second, other] = [await played(faults, 1), await played(faults, 1), await played(faults, 1, 2)];
  const order = ({ history }: FaultSchedule): string => history.map(({ name }) => name).join('');
  expect(order(second).slice(0, 8)).toBe(order(first).slice(0, 8));
  expect(order(other).slice(0, 8)).not.toBe(order(first).slice(0, 8));
});

it('counts faults that were applied alone, and those at the same time as one of the brokers', async () => {
  const broker = fault('broker', { group: 'brokers', ...lasting(60_000) });
  const { applied } = await played([broker, fault('short', lasting(100))], 1);
  expect(applied.get('broker')).toEqual({ alone: 0, together: 1 });
  expect(applied.get('short')?.together).toBeGreaterThan(5);
});

it('does not count a fault that had nothing to happen to', async () => {
  const { applied, history } = await played([fault('none', { apply: () => Promise.resolve(false) })], 1);
  expect(applied.has('none')).toBe(false);
  expect(history.length).toBeGreaterThan(0);
});

it('tries a fault that had nothing to happen to again after the others, and after the end', async () => {
  const end = 40_000;
  const late = fault('late', { apply: () => Promise.resolve(Date.now() > end) });
  const { applied, history } = await played([late, fault('a', lasting(8_000))], end / 60_000);
  expect(applied.get('late')).toEqual({ alone: 1, together: 0 });
  const tries = history.filter(({ name, at }) => name === 'late' && at < end).length;
  expect(tries).toBeGreaterThan(history.filter(({ name }) => name === 'a').length);
});

it('ends without a fault that never has anything to happen to', async () => {
  const { applied } = await played([fault('never', { apply: () => Promise.resolve(false) }), fault('a')], 0.5);
  expect([...applied.keys()]).toEqual(['a']);
});

it('leaves out a fault that is not possible in the world', async () => {
  const { history } = await played([fault('a'), fault('impossible', { unavailable: () => 'no disk' })], 1);
  expect(new Set(history.map(({ name }) => name))).toEqual(new Set(['a']));
});

it('notes how long a fault has consequences', async () => {
  const { history } = await played([fault('zombie', { apply: () => Promise.resolve(20_000) })], 0.1);
  expect(history[0]?.until).toBe((history[0]?.at ?? 0) + 20_000);
});

it('goes on after a fault that could not be applied, and names it', async () => {
  const broken = fault('broken', { apply: () => Promise.reject(new Error('no such broker')) });
  const { failures, applied } = await played([broken, fault('a')], 1);
  expect(failures[0]).toBe('broken: no such broker');
  expect(applied.has('broken')).toBe(false);
  expect(applied.get('a')?.alone).toBeGreaterThan(1);
});
