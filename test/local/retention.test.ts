import { positionOfVersion } from '../../lib/event/position';
import { CONTROL_PARTITION } from '../../lib/event/key';
import {
  allArrived,
  allMarked,
  Committed,
  expectCompleteAndInOrder,
  keysNamed,
  leaveHold,
  settled,
  startWorld,
  STARTUP_MS,
  until,
  write,
  type World,
} from './harness/world';

/** Items older than a second are late for the relay, and overdue for the sweeper. */
const OVERDUE_MS = 1_000;

let world: World;
beforeAll(async () => {
  world = await startWorld({
    environment: { OUTBOX_LATE_AFTER_SECONDS: '1' },
    sweeperEnvironment: { OUTBOX_SWEEP_AFTER_SECONDS: '1' },
  });
}, STARTUP_MS);
afterAll(() => world.stop());

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const overdue = (): Promise<void> => pause(2 * OVERDUE_MS);
const stateOf = async (): Promise<Record<string, unknown>> => {
  const { Item } = await world.document.get({
    TableName: world.stack.tableName,
    Key: { pk: CONTROL_PARTITION, sk: '!state' },
    ConsistentRead: true,
  });
  return Item ?? {};
};
const suspectGap = (gapSuspectedSince = Date.now()): Promise<unknown> =>
  world.document.update({
    TableName: world.stack.tableName,
    Key: { pk: CONTROL_PARTITION, sk: '!state' },
    UpdateExpression: 'SET doubtSince = :since ADD revision :one',
    ExpressionAttributeValues: { ':since': gapSuspectedSince, ':one': 1 },
  });
const forgetGapSuspicion = (): Promise<unknown> =>
  world.document.update({
    TableName: world.stack.tableName,
    Key: { pk: CONTROL_PARTITION, sk: '!state' },
    UpdateExpression: 'REMOVE doubtSince ADD revision :one',
    ExpressionAttributeValues: { ':one': 1 },
  });

beforeEach(async () => {
  await world.stack.mapping.caughtUp();
  if ('doubtSince' in (await stateOf())) await forgetGapSuspicion();
});
afterEach(() => world.stack.mapping.enable());

it('what the stream dropped is published before a late record of the same key', async () => {
  const { mapping } = world.stack;
  const committed = new Committed();
  const keys = keysNamed('late', 3);
  await mapping.disable();
  await write(world, { keys, events: 30 }, committed);
  expect(await mapping.trim()).toBe(30);
  await write(world, { keys, events: 30 }, committed);
  await overdue();
  mapping.enable();

  await allArrived(world, committed);
  expectCompleteAndInOrder(world, committed);
  expect(mapping.metrics()).toMatchObject({ TrimmedEventCount: 30 });
});

it('what the stream dropped is found by the sweeper, and precedes what is written after', async () => {
  const { mapping } = world.stack;
  const committed = new Committed();
  const [quiet, busy] = [keysNamed('quiet', 20), keysNamed('busy', 5)];
  await mapping.disable();
  await write(world, { keys: [...quiet, ...busy], events: 100 }, committed);
  await overdue();
  // The stream does not move, so the sweep proves nothing. It sends signals for some keys on suspicion.
  expect(await world.stack.sweep()).toMatchObject({
    signalsSent: 12,
    gapSuspicion: 'none',
    complete: true,
    pending: 100,
  });
  // The sweeper does this when items have waited for 12 hours.
  await suspectGap();
  // Includes the signals with 13 probes and their note: after 26 hours the stream has none of them.
  expect(await mapping.trim()).toBe(126);
  await write(world, { keys: busy, events: 50 }, committed);
  mapping.enable();
  await until('the busy keys', () => busy.every((key) => world.reader.firstIds(key).length === 14));
  await settled(world);
  for (const key of busy) expect(world.reader.firstIds(key)).toEqual(committed.ids(key));
  expect(world.reader.firstIds(quiet[0]!)).toEqual([]);

  await overdue();
  expect(await world.stack.sweep()).toMatchObject({ gapSuspicion: 'continues' });

  await allArrived(world, committed);
  await allMarked(world);
  expectCompleteAndInOrder(world, committed);
  await mapping.caughtUp();
  expect(await world.stack.sweep()).toMatchObject({ signalsSent: 0, pending: 0, heldKeys: 0 });
});

it('with another stream, a key is looked up before its first record', async () => {
  const { mapping } = world.stack;
  const committed = new Committed();
  const keys = keysNamed('renewed', 5);
  await write(world, { keys, events: 20 }, committed);
  await allArrived(world, committed);
  await mapping.caughtUp();
  const before = world.stack.streamArn;
  await mapping.disable();
  await write(world, { keys, events: 20 }, committed);
  await world.stack.recreateStream();
  expect(world.stack.streamArn).not.toBe(before);
  await write(world, { keys: keys.slice(1), events: 20 }, committed);
  mapping.enable();

  await until('the keys that go on', () =>
    keys.slice(1).every((key) => world.reader.firstIds(key).length === committed.ids(key).length),
  );
  // Waits for the marks too: a sweep would send signals for unmarked items.
  await mapping.caughtUp();
  expect(await stateOf()).toMatchObject({ streamArn: world.stack.streamArn, doubtSince: expect.any(Number) });
  await overdue();
  expect(await world.stack.sweep()).toMatchObject({ signalsSent: 1 });
  await allArrived(world, committed);
  expectCompleteAndInOrder(world, committed);
});

it('1,000 events committed while the stream is off arrive with those that follow, without an operator', async () => {
  const committed = new Committed();
  const keys = keysNamed('off', 20);
  const quiet = keysNamed('silent', 20);
  await write(world, { keys: [...keys, ...quiet], events: 80 }, committed);
  await allArrived(world, committed);
  await world.stack.mapping.disable();
  await write(world, { keys: [...keys, ...quiet], events: 1_000, perTransaction: 2 }, committed);
  // The stream is switched off and on: the new one has none of the thousand items.
  await world.stack.recreateStream();
  world.stack.mapping.enable();
  await write(world, { keys, events: 100 }, committed);

  // The relay looks up active keys; the scheduled sweeper finds quiet keys.
  await until('the keys that go on', () =>
    keys.every((key) => world.reader.firstIds(key).length === committed.ids(key).length),
  );
  const swept = await world.stack.sweep();
  // More if a mark of the other keys is still in flight.
  expect(swept.signalsSent).toBeGreaterThanOrEqual(quiet.length);
  await allArrived(world, committed);
  expectCompleteAndInOrder(world, committed);
});

it('the sweeper sees another stream before the relay does', async () => {
  await world.stack.mapping.disable();
  await world.stack.recreateStream();
  expect(await world.stack.sweep()).toMatchObject({ gapSuspicion: 'began' });
  expect(await stateOf()).toMatchObject({ streamArn: world.stack.streamArn });
  world.stack.mapping.enable();
});

it('the suspected gap ends once nothing is left of the time before it', async () => {
  const suspectedSince = Date.now() - 10 * 60_000;
  await suspectGap(suspectedSince);
  expect(await world.stack.sweep()).toMatchObject({ gapSuspicion: 'ended' });
  expect(await stateOf()).not.toHaveProperty('doubtSince');
});

it('a hold that no relay works on is released', async () => {
  const committed = new Committed();
  await write(world, { keys: ['orphan'], events: 3 }, committed);
  await allArrived(world, committed);
  await allMarked(world);
  await leaveHold(world, 'orphan', positionOfVersion(4));
  expect(await world.stack.sweep()).toMatchObject({ signalsSent: 1, heldKeys: 1, oldestHoldAt: 1 });
  await until('the release', async () => (await world.holds()).length === 0);
});
