import { setTimeout as sleep } from 'node:timers/promises';
import {
  allArrived,
  allMarked,
  Committed,
  expectCompleteAndInOrder,
  keysNamed,
  startWorld,
  STARTUP_MS,
  until,
  write,
  type World,
} from './harness/world';
import { FaultyDynamoDb } from './harness/faulty-dynamodb';

let world: World;
const dynamodb = new FaultyDynamoDb();

beforeAll(async () => {
  // A test pauses, kills and starts the broker.
  world = await startWorld({ ownKafka: true, relayDynamodbEndpoint: (endpoint) => dynamodb.start(endpoint) });
}, STARTUP_MS);

afterAll(async () => {
  await world.stop();
  await dynamodb.stop();
});

/** Writes until `trouble` is over, then waits until every event has arrived and every item is marked. */
async function writeDuring(prefix: string, events: number, trouble: () => Promise<void>): Promise<Committed> {
  const committed = new Committed();
  const over = new AbortController();
  const writers = [0, 1].map(async (n) => {
    const keys = keysNamed(`${prefix}-${n}`, 10);
    await write(world, { keys, events, pauseMs: 20 }, committed);
    while (!over.signal.aborted) await write(world, { keys, events: 10, pauseMs: 20 }, committed);
  });
  await Promise.all([...writers, trouble().finally(() => over.abort())]);
  await allArrived(world, committed, 300_000);
  await allMarked(world);
  return committed;
}

/** Resolves after an invocation for current records has failed: all of the relay's own attempts have failed. */
async function aFailedInvocation(): Promise<void> {
  const failed = (): number => world.stack.mapping.metrics().FailedInvokeEventCount;
  const before = failed();
  await until('a failed invocation', () => failed() > before);
}

const duplicates = (committed: Committed): number =>
  committed.keys.reduce((sum, key) => sum + world.reader.ofKey(key).length - committed.ids(key).length, 0);

it('a broker that is unavailable for 30 seconds under load loses nothing, reorders nothing and parks nothing', async () => {
  const [node] = world.stack.kafka?.nodes ?? [];
  const committed = await writeDuring('outage', 400, async () => {
    await sleep(2_000);
    await node?.stop();
    await sleep(30_000);
    await node?.start();
  });

  expect(committed.count).toBeGreaterThanOrEqual(800);
  expectCompleteAndInOrder(world, committed);
  expect(await world.holds()).toEqual([]);
  console.log(`broker unavailable for 30 s: ${committed.count} events, ${duplicates(committed)} duplicates`);
});

it('a relay that is killed in the middle of a batch ten times loses nothing and reorders nothing', async () => {
  let kills = 0;
  const committed = await writeDuring('killed', 400, async () => {
    while (kills < 10) {
      await sleep(400 + Math.random() * 400);
      // While the proxy holds the mark back, the invocation is between the acknowledgement and the end of its marks.
      await dynamodb.holdNextMark(() => world.stack.relay.kill());
      kills++;
    }
  });

  expect(kills).toBe(10);
  expectCompleteAndInOrder(world, committed);
  expect(duplicates(committed)).toBeGreaterThan(0);
  console.log(
    `relay killed ten times between acknowledgement and mark: ${committed.count} events, ${duplicates(committed)} duplicates`,
  );
});

it('a mark that fails is made up for without publishing again', async () => {
  const committed = await writeDuring('unmarked', 50, async () => {
    await sleep(500);
    dynamodb.failMarks = true;
    await aFailedInvocation();
    dynamodb.failMarks = false;
  });

  expect(dynamodb.failedMarks).toBeGreaterThan(0);
  expectCompleteAndInOrder(world, committed);
  expect(duplicates(committed)).toBe(0);
});

it('a table that does not respond delays everything and loses nothing', async () => {
  const committed = await writeDuring('unanswered', 50, async () => {
    await sleep(500);
    dynamodb.failEverything = true;
    await aFailedInvocation();
    dynamodb.failEverything = false;
  });

  expectCompleteAndInOrder(world, committed);
  expect(await world.holds()).toEqual([]);
});
