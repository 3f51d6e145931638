import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { positionOfVersion } from '../../lib/event/position';
import { OutboxCli } from './harness/cli';
import { leaveHold, settled, startWorld, STARTUP_MS, until, type World } from './harness/world';

let world: World;
const cli = new OutboxCli();

beforeAll(async () => {
  world = await startWorld({ stackFile: cli.stackFile });
}, STARTUP_MS);
afterAll(async () => {
  await world.stop();
  cli.remove();
});

const put = (key: string, version: number, type: 'order.changed' | 'order.lost' = 'order.changed') =>
  world.outbox.transact(world.document, {
    changes: [{ aggregate: 'order', key, version, events: [{ type, id: `${key}.${version}`, data: { n: version } }] }],
  });
const parked = async (key: string): Promise<void> => {
  await put(key, 1);
  await put(key, 2, 'order.lost');
  await put(key, 3);
  await until(`the hold of ${key}`, async () => (await world.holds()).some((hold) => hold['key'] === `order#${key}`));
};
const OPERATIONS = readFileSync(join(__dirname, '../../docs/operations.md'), 'utf8');
const documentedStatus = (): string => /\$ npx outbox status\n([^`]*)```/.exec(OPERATIONS)?.[1] ?? '';
const BECAUSE = ['--by', 'the test', '--why', 'to see it'];

it('help is what docs/cli.md shows', async () => {
  const { code, stdout } = await cli.run('--help');
  expect(code).toBe(0);
  expect(readFileSync(join(__dirname, '../../docs/cli.md'), 'utf8')).toContain(`\`\`\`text\n${stdout}\`\`\`\n`);
});

it('status, held, show and where agree on a key that is held', async () => {
  await parked('7');
  await until('the mark', async () => (await world.items()).some(({ receipts }) => receipts !== undefined));

  expect(JSON.parse((await cli.run('status', '--json')).stdout)).toMatchObject({
    tableName: world.stack.tableName,
    processed: 1,
    parked: 1,
    waiting: 1,
    pending: 0,
    heldKeys: 1,
  });
  const text = await cli.run('status');
  expect(text).toMatchObject({ code: 1, stderr: '' });
  expect(text.stdout).toMatch(/waiting +1 +pending, and their key is held/);
  expect(text.stdout).toMatch(/Next: outbox held\n$/);
  const labels = (shown: string): string[] =>
    [...shown.matchAll(/^ {2}(\w+(?: \w+)?) {2,}[\d,]+/gm)].map(([, label]) => label ?? '');
  expect(labels(text.stdout)).toEqual(labels(documentedStatus()));
  // The output is not a terminal, so it has no colours.
  expect(text.stdout).not.toContain('\u001b');

  expect(await cli.json('held')).toEqual([
    expect.objectContaining({ pk: 'order#7', reason: 'unknown-topic', attempts: 1, waiting: 1, state: 'holding' }),
  ]);
  expect((await cli.run('held')).stdout).toMatch(/order#7 +unknown-topic +2 +1 +\d+ s +1\n/);
  expect(await cli.json('show', 'order#7')).toMatchObject({
    hold: { reason: 'unknown-topic' },
    items: [{ state: 'processed' }, { state: 'parked' }, { state: 'pending' }],
  });
  await settled(world);
  const [arrived] = world.reader.ofKey('7');
  expect(await cli.json('where', 'order#7')).toEqual([
    expect.objectContaining({
      eventId: '7.1',
      topic: 'orders',
      partition: arrived?.partition,
      offset: arrived?.offset,
    }),
  ]);
});

it('a replay is published with its header, to the topic that it names', async () => {
  for (const version of [1, 2, 3]) await put('r', version);
  await until('the marks', async () =>
    (await world.items('order#r')).every(({ processedAt }) => processedAt !== undefined),
  );
  const command = ['replay', 'order#r', '--from', '2', '--topic', 'audit', ...BECAUSE];
  expect(await cli.run(...command)).toMatchObject({
    code: 2,
    stdout: 'The processed events of 1 key would be published again, to audit.\n',
    stderr: 'Nothing was changed. Add --yes to do it.\n',
  });

  const { replayId } = (await cli.json(...command, '--yes')) as { replayId: string };
  const replayed = (): string[] =>
    world.reader.arrivals
      .filter(({ topic, headers }) => topic === 'audit' && headers['outbox-replay'] === replayId)
      .map(({ headers }) => headers['ce_id'] ?? '');
  await until('the replay', () => replayed().length >= 2);
  expect(replayed()).toEqual(['r.2', 'r.3']);
});

it('a replay by time finds its keys itself', async () => {
  const since = new Date().toISOString();
  await put('t', 1);
  await until('the mark', async () => (await world.items('order#t')).some(({ receipts }) => receipts !== undefined));
  expect(await cli.json('replay', '--since', since, ...BECAUSE, '--yes')).toMatchObject({ asked: ['order#t'] });
  await until('the replay', () => world.reader.ofKey('t').some(({ headers }) => 'outbox-replay' in headers));
});

it('a sweep asks for what is pending', async () => {
  await world.stack.mapping.disable();
  await put('lost', 1);
  await world.stack.mapping.trim();
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  expect(await cli.json('sweep', '--after', '1s', '--by', 'the test')).toMatchObject({
    signalsSent: 1,
    gapSuspicion: 'none',
  });
  world.stack.mapping.enable();
  await until('the lost event', () => world.reader.firstIds('lost').length === 1);
});

it('the JSON output of a redrive has the request and its outcome', async () => {
  await parked('8');
  const { code, stdout } = await cli.run(
    'redrive',
    'order#8',
    ...BECAUSE,
    '--skip',
    '--at',
    '2',
    '--yes',
    '--follow',
    '--json',
  );
  expect({ code, result: JSON.parse(stdout) as unknown }).toMatchObject({
    code: 0,
    result: { asked: [{ pk: 'order#8', signal: { kind: 'skip' } }], failed: [], followed: [{ outcome: 'released' }] },
  });
});

it('a key that is held without an item is released', async () => {
  await leaveHold(world, 'empty', positionOfVersion(4));
  expect(await cli.run('redrive', 'order#empty', ...BECAUSE, '--follow')).toMatchObject({
    code: 0,
    stdout: '1 of 1 key released.\n',
  });
});

it('of several keys those of which nothing waits keep no other from being asked for', async () => {
  await parked('9');
  const command = ['redrive', 'order#none', 'order#9', ...BECAUSE];
  expect(await cli.run(...command)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^order#none: nothing waits\.\nThe relay has 1 signal to act on/),
  });
});

it('an item that is pending before a processed one is found and asked for', async () => {
  await put('gap', 2);
  await until('the mark', async () => (await world.items('order#gap')).some(({ receipts }) => receipts !== undefined));
  await world.stack.mapping.disable();
  await put('gap', 1);
  await world.stack.mapping.trim();
  world.stack.mapping.enable();
  expect(await cli.run('redrive', 'order#gap', ...BECAUSE, '--follow')).toMatchObject({ code: 0 });
  await until('the first', () => world.reader.firstIds('gap').length === 2);
  expect(world.reader.firstIds('gap')).toEqual(['gap.2', 'gap.1']);
});

it('a drain that is at work has no item to skip, and a named key needs the item named', async () => {
  await parked('10');
  const skip = ['skip', 'order#10', ...BECAUSE];
  expect(await cli.run(...skip)).toMatchObject({ code: 2, stdout: expect.stringContaining('(with --at 2)') });
  expect(await cli.run(...skip, '--yes')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--at 2 is the one'),
  });
  expect(await cli.run(...skip, '--at', '1', '--yes')).toMatchObject({
    code: 2,
    stderr: 'skip: order#10 is held at 2, not at 1. Nothing was discarded.\n',
  });
  await leaveHold(world, '11', positionOfVersion(1));
  const { code, stdout } = await cli.run('skip', 'order#11', '--at', '1', ...BECAUSE, '--yes');
  expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining('a redrive of the key is in progress') });
});

it.each<[string, readonly string[], RegExp]>([
  ['an unknown command', ['dance'], /unknown command 'dance'/],
  ['an unknown option', ['status', '--al'], /unknown option '--al'/],
  ['a key that is none', ['show', '42'], /"42" is no key\. Write <aggregate>#<key>, such as order#42\./],
  ['a redrive of nothing', ['redrive', '--why', 'x'], /name keys, or give --all, or --reason CODE/],
  ['a redrive without a reason', ['redrive', '--all'], /required option '--why <text>' not specified/],
  ['a reason that does not exist', ['redrive', '--reason', 'bad', '--why', 'x'], /there is no reason "bad"/],
  ['a replay of everything', ['replay', '--why', 'x'], /everything would be published again/],
  ['a time that is none', ['replay', '--since', 'soon', '--why', 'x'], /--since <time>' argument 'soon' is invalid/],
  ['a position without receipt', ['where', 'order#7', '2'], /at 2 is parked: it has not been acknowledged/],
])('%s changes nothing and reports it', async (_, args, message) => {
  const { code, stdout, stderr } = await cli.run(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
});

it('verify prints nothing but its result', async () => {
  expect((await cli.run('verify', '--since', '1h')).stderr).toBe('');
});

it('everything that is not parked is marked in the end', async () => {
  // First the keys that only need a redrive, then the keys whose items are refused again.
  await cli.run('redrive', '--all', ...BECAUSE, '--follow');
  await cli.run('skip', '--all', '--yes', ...BECAUSE, '--follow');
  await until('nothing pending', async () => {
    const { stdout } = await cli.run('status', '--json');
    const { pending, waiting, heldKeys } = JSON.parse(stdout) as Record<string, number>;
    return pending === 0 && waiting === 0 && heldKeys === 0;
  });
});

it('in the end what was written in order is proved to be there, and the table is as it must be', async () => {
  const { code, stdout, stderr } = await cli.run(
    'verify',
    '--since',
    '1h',
    '--key',
    'order#7',
    'order#r',
    'order#t',
    'order#lost',
  );
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/\n\nNothing is missing, duplicated, reordered or misplaced\.\n$/),
    stderr: '',
  });
  const health = await cli.run('doctor');
  expect(health.code).toBe(0);
  expect(health.stdout).toMatch(/^ {2}ok +\S/m);
  expect(health.stdout).not.toMatch(/^ {2}wrong/m);
});
