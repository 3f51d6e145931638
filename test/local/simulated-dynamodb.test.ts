import { setTimeout as sleep } from 'node:timers/promises';
import { startSimulatedDynamoDb, type SimulatedDynamoDb } from '../../local/simulated-dynamodb/start';
import { LOCAL_CREDENTIALS } from '../../local/dynamodb';
import { processState } from './process-state';
import {
  allArrived,
  allMarked,
  Committed,
  expectCompleteAndInOrder,
  keysNamed,
  startWorld,
  STARTUP_MS,
  write,
  type World,
} from './harness/world';

let simulated: SimulatedDynamoDb;
let world: World;

beforeAll(async () => {
  simulated = await startSimulatedDynamoDb({ shards: 4, interleaving: 'within-call', staleMs: 20 });
  world = await startWorld({
    dynamodbEndpoint: simulated.endpoint,
    accessKeyId: LOCAL_CREDENTIALS.accessKeyId,
    pollIntervalMs: 50,
  });
}, STARTUP_MS);

afterAll(async () => {
  await world.stop();
  await simulated.stop();
});

it('delivers 600 events of 40 keys in order and marks them, while the shards of the table split', async () => {
  const { tableName } = world.stack;
  const committed = new Committed();
  const keys = keysNamed('split', 40);
  const writing = Promise.all(
    [0, 1, 2, 3].map((writer) =>
      write(world, { keys: keys.filter((_, at) => at % 4 === writer), events: 150, pauseMs: 10 }, committed),
    ),
  );
  const parents: string[] = [];
  for (let at = 0; at < 6; at++) {
    const split = at % 3 === 2 ? simulated.rollShard : simulated.splitShard;
    parents.push((await split(tableName)).parent);
    await sleep(200);
  }
  await writing;

  expect(committed.count).toBe(600);
  await allArrived(world, committed);
  expectCompleteAndInOrder(world, committed);
  await allMarked(world);
  // Each shard has seen writes before and after a split, or the test has no effect.
  const shards = await simulated.shards(tableName);
  const written = shards.filter(({ records }) => records > 0).map(({ shardId }) => shardId);
  expect(written.filter((shardId) => parents.includes(shardId)).length).toBeGreaterThan(2);
  expect(shards.filter(({ isOpen }) => isOpen).length).toBeGreaterThan(5);
});

it('ends with its process, also while it is paused', async () => {
  const another = await startSimulatedDynamoDb();
  another.pause();
  await another.stop();
  expect(processState(another.pid)).toBeUndefined();
});
