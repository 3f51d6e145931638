import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DeleteItemCommand, DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { positionOfVersion } from '../../lib/event/position';
import { OutboxCli } from './harness/cli';
import {
  holdOfKey,
  limitSmall,
  putNote,
  TOO_LARGE,
  settled,
  startWorld,
  STARTUP_MS,
  until,
  type World,
} from './harness/world';

let world: World;
let client: DynamoDBClient;
const cli = new OutboxCli();
const copyFile = join(dirname(cli.stackFile), 'item.json');

beforeAll(async () => {
  world = await startWorld({ stackFile: cli.stackFile });
  client = new DynamoDBClient(world.stack.clientConfig);
}, STARTUP_MS);

afterAll(async () => {
  client.destroy();
  await world.stop();
  cli.remove();
});

const BECAUSE = ['--by', 'the test', '--why', 'the limit is raised'];

const put = (key: string, version: number, text = '') => putNote(world, key, version, text);
const limitTopic = (bytes: number) => limitSmall(world, bytes);
const holdOf = (key: string) => holdOfKey(world, key);

/** Version 2 is parked, then deleted by hand. By now, the topic would accept it. */
async function withoutItem2(key: string): Promise<void> {
  for (const version of [1, 2, 3]) await put(key, version, version === 2 ? TOO_LARGE : '');
  await until('the hold', async () => (await holdOf(key)) !== undefined);
  await settled(world);
  const Key = marshall({ pk: `order#${key}`, sk: positionOfVersion(2) });
  const { Item } = await client.send(
    new GetItemCommand({ TableName: world.stack.tableName, Key, ConsistentRead: true }),
  );
  writeFileSync(copyFile, JSON.stringify({ Item }));
  await client.send(new DeleteItemCommand({ TableName: world.stack.tableName, Key }));
  await limitTopic(100_000);
}

const gone = (key: string): unknown => expect.stringMatching(new RegExp(`order#${key}.*the item at 2 is gone`));

it('a parked item that was deleted by hand is missed, restored, and published in its place', async () => {
  await withoutItem2('r');

  for (const command of [['status'], ['held'], ['show', 'order#r']]) {
    expect(await cli.run(...command)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/the item at 2 is gone[\s\S]*outbox restore "order#r" 2 --from FILE/) as unknown,
    });
  }
  expect(await cli.run('redrive', 'order#r', ...BECAUSE, '--follow')).toMatchObject({ code: 1, stdout: gone('r') });
  expect(await cli.run('redrive', '--all', ...BECAUSE, '--follow')).toMatchObject({ code: 1, stdout: gone('r') });
  await settled(world);
  expect(world.reader.firstIds('r')).toEqual(['r.1']);

  const restore = ['restore', 'order#r', '2', '--from', copyFile];
  expect(await cli.run(...restore)).toMatchObject({ code: 2, stderr: 'Nothing was changed. Add --yes to do it.\n' });
  expect(await cli.run('redrive', 'order#r', ...BECAUSE, '--follow')).toMatchObject({ code: 1 });
  expect(await cli.run(...restore, '--yes')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/refused before: message-too-large: .*then outbox redrive order#r/) as unknown,
  });
  expect(await cli.run(...restore, '--yes')).toMatchObject({ code: 2 });
  await settled(world);
  expect(world.reader.firstIds('r')).toEqual(['r.1']);

  expect(await cli.run('redrive', 'order#r', ...BECAUSE, '--follow')).toMatchObject({
    code: 0,
    stdout: '1 of 1 key released.\n',
  });
  await until('the rest', () => world.reader.firstIds('r').length === 3);
  expect(world.reader.firstIds('r')).toEqual(['r.1', 'r.2', 'r.3']);
  expect(await cli.run('held')).toMatchObject({ code: 0 });
  expect(await cli.run('verify', '--since', '1h', '--key', 'order#r')).toMatchObject({ code: 0 });
  await limitTopic(2_000);
});

it('a drain that the sweeper asks for does not release it; a recorded decision does, and show keeps it', async () => {
  await withoutItem2('s');
  expect(await cli.run('verify', '--since', '1h', '--key', 'order#s')).toMatchObject({ code: 1, stdout: gone('s') });
  // A sweep does not concern itself with an item that is younger than a second.
  await until('the refusal of the relay', async () => {
    await cli.run('sweep', '--after', '1s', '--by', 'the test');
    return (await holdOf('s'))?.['reason'] === 'item-gone';
  });
  await settled(world);
  expect(world.reader.firstIds('s')).toEqual(['s.1']);

  const skip = ['skip', 'order#s', '--at', '2', ...BECAUSE];
  expect(await cli.run(...skip)).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('1 item is gone already') as unknown,
  });
  expect(await cli.run('skip', '--all', ...BECAUSE, '--yes')).toMatchObject({
    code: 1,
    stdout: gone('s'),
  });
  expect(await cli.run(...skip, '--yes', '--follow')).toMatchObject({ code: 0, stdout: '1 of 1 key released.\n' });

  await until('the rest', () => world.reader.firstIds('s').length === 2);
  expect(world.reader.firstIds('s')).toEqual(['s.1', 's.3']);
  expect(await cli.run('show', 'order#s')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/2: item gone, gap recorded .* by the test: the limit is raised/) as unknown,
  });
  expect(await cli.run('verify', '--since', '1h', '--key', 'order#s')).toMatchObject({ code: 0 });
  await limitTopic(2_000);
});
