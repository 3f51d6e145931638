import { setTimeout as sleep } from 'node:timers/promises';
import { dynamoDbStores } from '../../lib/relay/dynamodb/stores';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { positionOfVersion } from '../../lib/event/position';
import { OutboxCli } from './harness/cli';
import {
  holdOfKey,
  limitSmall,
  putNote,
  TOO_LARGE,
  allArrived,
  Committed,
  expectCompleteAndInOrder,
  keysNamed,
  settled,
  startWorld,
  STARTUP_MS,
  until,
  write,
  type World,
} from './harness/world';

let world: World;
let client: DynamoDBClient;
const cli = new OutboxCli();

beforeAll(async () => {
  world = await startWorld({ stackFile: cli.stackFile });
  client = new DynamoDBClient(world.stack.clientConfig);
}, STARTUP_MS);

afterAll(async () => {
  client.destroy();
  await world.stop();
  cli.remove();
});

const BECAUSE = ['--by', 'the test', '--why', 'the cause is fixed'];
const at = positionOfVersion;

const put = (key: string, version: number, text = '') => putNote(world, key, version, text);
const holdOf = (key: string) => holdOfKey(world, key);
const itemOf = async (key: string, version: number) => (await itemsOf(key)).find(({ sk }) => sk === at(version));
const itemsOf = (key: string) => world.items(`order#${key}`);
/** Parks as the relay does, at a time that the test chooses. */
const parkingStore = (now: () => number) =>
  dynamoDbStores(client, { tableName: world.stack.tableName, retentionSeconds: 0 }, { now }).items.park;
const ids = (key: string, versions: readonly number[]) => versions.map((version) => `${key}.${version}`);
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

const limitTopic = (bytes: number) => limitSmall(world, bytes);

it('poison amid 200 events of a key delays no other key, and a drain brings the rest once the cause is fixed', async () => {
  const unsettled: string[] = [];
  const watch = ({ failedFrom }: { failedFrom?: string }): void => {
    if (failedFrom !== undefined) unsettled.push(failedFrom);
  };
  world.stack.mapping.on('invocation', watch);
  const committed = new Committed();
  const others = write(world, { keys: keysNamed('other', 20), events: 400 }, committed);
  for (const version of numbers(1, 200)) await put('p', version, version === 100 ? TOO_LARGE : '');
  await others;
  await allArrived(world, committed);
  expectCompleteAndInOrder(world, committed);
  await until('the hold', async () => (await holdOf('p')) !== undefined);
  await settled(world);
  world.stack.mapping.off('invocation', watch);
  // Each invocation settled its whole batch: no record of another key was delivered again.
  expect(unsettled).toEqual([]);
  expect(world.reader.firstIds('p')).toEqual(ids('p', numbers(1, 99)));

  expect(await cli.run('redrive', 'order#p', ...BECAUSE, '--follow')).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/order#p +refused again +.*\n0 of 1 key released\./),
  });
  expect(await holdOf('p')).toMatchObject({ attempts: 2 });
  await settled(world);
  expect(world.reader.firstIds('p')).toEqual(ids('p', numbers(1, 99)));

  await limitTopic(100_000);
  expect(await cli.run('redrive', 'order#p', ...BECAUSE, '--follow')).toMatchObject({
    code: 0,
    stdout: '1 of 1 key released.\n',
  });
  expect(await holdOf('p')).toBeUndefined();
  await until('the rest', () => world.reader.firstIds('p').length === 200);
  expect(world.reader.firstIds('p')).toEqual(ids('p', numbers(1, 200)));
  expect(await itemOf('p', 100)).toMatchObject({
    parked: { attempts: 2 },
    redriven: { by: 'the test', why: 'the cause is fixed' },
    receipts: [expect.any(String)],
  });
  await limitTopic(2_000);
});

it('a skip leaves a gap that records who, when and why', async () => {
  for (const version of numbers(1, 5)) await put('s', version, version === 3 ? TOO_LARGE : '');
  await until('the hold', async () => (await holdOf('s')) !== undefined);
  const skip = ['skip', 'order#s', '--at', '3', ...BECAUSE];

  expect(await cli.run(...skip)).toMatchObject({ code: 2, stderr: 'Nothing was changed. Add --yes to do it.\n' });
  expect(await cli.run(...skip, '--yes', '--follow')).toMatchObject({ code: 0, stdout: '1 of 1 key released.\n' });
  // A second run discards no second item.
  expect(await cli.run(...skip, '--yes')).toMatchObject({ code: 2, stderr: expect.stringContaining('not held') });
  await until('the rest', () => world.reader.firstIds('s').length === 4);

  expect(world.reader.firstIds('s')).toEqual(ids('s', [1, 2, 4, 5]));
  const gap = await itemOf('s', 3);
  expect(gap).toMatchObject({
    discarded: { by: 'the test', at: expect.any(Number), why: 'the cause is fixed' },
    parked: { reason: 'message-too-large' },
  });
  expect(gap).not.toHaveProperty('processedAt');
});

it('1,000 parked keys are released by one command, each in order', async () => {
  const keys = keysNamed('parked', 1_000);
  await world.stack.mapping.disable();
  // Parked an hour ago, so that the relay does not see a sudden outage.
  const park = parkingStore(() => Date.now() - 3_600_000);
  const lanes = Array.from({ length: 10 }, (_, lane) => keys.filter((_, n) => n % 10 === lane));
  await Promise.all(
    lanes.map(async (lane) => {
      for (const key of lane) {
        for (const version of numbers(1, 3)) await put(key, version);
        const item = { pk: `order#${key}`, sk: at(1), id: `${key}.1` };
        await park({ ...item, reason: 'unknown-topic', message: 'no topic', attempts: 0, isHead: false });
      }
    }),
  );
  world.stack.mapping.enable();
  await settled(world, 300_000);
  expect(world.reader.firstIds('parked-0')).toEqual([]);

  const { code, stdout } = await cli.run('redrive', '--reason', 'unknown-topic', ...BECAUSE, '--follow');
  expect({ code, stdout }).toEqual({ code: 0, stdout: '1,000 of 1,000 keys released.\n' });
  expect(await world.holds()).toEqual([]);
  await until('every event', () => keys.every((key) => world.reader.firstIds(key).length === 3), 300_000);
  for (const key of keys) expect(world.reader.firstIds(key)).toEqual(ids(key, [1, 2, 3]));
}, 900_000);

it('a key is redriven while it is written to at full speed and the relay is killed 20 times', async () => {
  const committed = new Committed();
  const keys = ['hot'];
  await write(world, { keys, events: 20 }, committed);
  await allArrived(world, committed);
  await world.stack.mapping.disable();
  await write(world, { keys, events: 20 }, committed);
  const park = parkingStore(Date.now);
  const head = await itemOf('hot', 21);
  await park({
    pk: 'order#hot',
    sk: at(21),
    id: head?.id,
    reason: 'unknown-topic',
    message: 'no topic',
    attempts: 0,
    isHead: false,
  });
  const load = new AbortController();
  const writing = (async (): Promise<void> => {
    while (!load.signal.aborted) await write(world, { keys, events: 10 }, committed);
  })();
  world.stack.mapping.enable();
  const codes: (number | null)[] = [];
  for (let kill = 0; kill < 20; kill++) {
    const redriving = cli.run('redrive', 'order#hot', ...BECAUSE);
    await sleep(100 + Math.random() * 900);
    await world.stack.relay.kill();
    codes.push((await redriving).code);
  }
  load.abort();
  await writing;
  expect(codes).toEqual(codes.map(() => 0));
  // Releases the key if events still wait.
  await cli.run('redrive', 'order#hot', ...BECAUSE, '--follow');

  await allArrived(world, committed, 300_000);
  await until('the release', async () => (await holdOf('hot')) === undefined);
  await until('every signal', async () => (await world.items()).every(({ sk }) => !sk.startsWith('~signal#')));
  expectCompleteAndInOrder(world, committed);
  await until('every mark', async () => (await itemsOf('hot')).every(({ processedAt }) => processedAt !== undefined));
  const arrivals = world.reader.ofKey('hot').length;
  console.log(
    `redrive with 20 kills: ${committed.count} events, ${arrivals - committed.count} duplicates, 0 lost, 0 reordered`,
  );
}, 900_000);
