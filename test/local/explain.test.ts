import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { deadLetterTopic, type RunningConsumer } from '../../lib/consumer';
import { createTopics } from '../../local/kafka/topics';
import { OutboxCli } from './harness/cli';
import { aConsumer, counted, createConsumerTables, effectsOf, INBOX_TABLE, putVersion, run } from './harness/consumers';
import { settled, startWorld, STARTUP_MS, until, type World } from './harness/world';

let world: World;
const cli = new OutboxCli();
const consumers: RunningConsumer[] = [];

beforeAll(async () => {
  world = await startWorld({ stackFile: cli.stackFile });
  await createConsumerTables(world);
  await createTopics(world.stack.brokers, [{ topic: deadLetterTopic('orders', 'picky'), partitions: 2 }]);
  await start('shipping', { onFailure: 'park-key' });
  await start('picky', { onFailure: 'dead-letter' });
}, STARTUP_MS);
afterAll(async () => {
  await Promise.all(consumers.map((running) => running.stop()));
  await world.stop();
  cli.remove();
});

/** The consumer refuses the second event of the keys whose names ask for it. */
async function start(name: string, options: object): Promise<RunningConsumer> {
  const consumer = aConsumer(world, name, {
    ...options,
    attempts: 1,
    handlers: {
      'order.changed': ({ id }, context) => {
        if (context.version === 2 && context.key.startsWith(`bad-${name}`)) throw new Error('no stock');
        return [counted(name, context, id)];
      },
    },
  });
  const running = await run(world, consumer);
  consumers.push(running);
  return running;
}

const effects = async (name: string, key: string): Promise<number> => (await effectsOf(world, name, key)).ids.length;

async function explain(key: string, ...more: readonly string[]) {
  const { code, stdout, stderr } = await cli.run('explain', key, ...more);
  return { code, stdout, stderr, last: stdout.trimEnd().split('\n').slice(-2).join('\n') };
}

it('an applied key ends well, by its long and its short name, and a program gets it whole', async () => {
  for (const version of [1, 2]) await putVersion(world, '42', version);
  for (const name of ['shipping', 'picky'])
    await until(`the effects of ${name}`, async () => (await effects(name, '42')) === 2);
  const { code, stdout, last } = await explain('order#42');
  expect({ code, last }).toEqual({
    code: 0,
    last: expect.stringContaining('All 2 items of order#42 in the table are published. Applied by picky, shipping'),
  });
  expect(stdout).toMatch(/ 2 +processed +20\S+ \S+Z +order\.changed +orders-\d+@\d+\n/);
  expect(stdout).toMatch(
    /At consumer shipping \(table inbox, 1 member in its group\):\n {2}orders: applied up to 2\.0, /,
  );
  expect(await explain('42')).toMatchObject({ code: 0, last: expect.stringContaining('Applied by') });
  expect(await cli.json('explain', '42', '--inbox', INBOX_TABLE, '--consumer', 'shipping')).toMatchObject({
    keys: [
      {
        pk: 'order#42',
        verdict: 'applied',
        items: [{ state: 'processed' }, { state: 'processed' }],
        consumers: [{ consumer: 'shipping', members: 1, events: [{ state: 'applied' }, { state: 'applied' }] }],
      },
    ],
  });
});

it('a key that is unknown everywhere is no all-clear, and others of that name are suggested', async () => {
  await putVersion(world, 'known', 1);
  const unknown = await explain('order#nosuch');
  expect(unknown).toMatchObject({ code: 2, last: expect.stringContaining('Next: check the name with the writer') });
  expect(unknown.stdout).toContain(
    'order#nosuch is unknown: nothing of it is in the table and the consumers picky, shipping',
  );
  expect(await explain('ordr#known')).toMatchObject({
    code: 2,
    last: expect.stringContaining('Known with the same name: order#known'),
  });
  expect(await explain('nosuch')).toMatchObject({ code: 2 });
  expect(await explain('order#known', '--inbox', INBOX_TABLE, '--consumer', 'nosuch')).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/holds nothing of consumer "nosuch". It knows picky, shipping/),
  });
});

it('a key that is parked at one consumer names the event, since when, why, and the redrive', async () => {
  for (const version of [1, 2, 3]) await putVersion(world, 'bad-shipping', version);
  await until('the other consumer', async () => (await effects('picky', 'bad-shipping')) === 3);
  await until('the parking', async () =>
    (await explain('order#bad-shipping')).stdout.includes('1 event waits behind it'),
  );
  const { code, stdout, last } = await explain('order#bad-shipping');
  expect(code).toBe(1);
  expect(last).toMatch(
    /^shipping has parked order#bad-shipping at orders-\d+@\d+ since 20\S+Z: Error: no stock\. 1 event waits/,
  );
  expect(last).toMatch(
    /outbox consumer redrive order#bad-shipping --inbox inbox --consumer shipping --local \S+ --why "…" --follow$/,
  );
  expect(stdout).toMatch(/ 2 +order\.changed +orders-\d+@\d+ +parked\n +3 +order\.changed +orders-\d+@\d+ +parked\n/);
  // The other consumer has every event.
  expect(await explain('order#bad-shipping', '--inbox', INBOX_TABLE, '--consumer', 'picky')).toMatchObject({ code: 0 });
});

it('a dead letter is shown with its reason, and how to list it', async () => {
  for (const version of [1, 2, 3]) await putVersion(world, 'bad-picky', version);
  await until('the third', async () => (await effects('picky', 'bad-picky')) === 2);
  const { code, last } = await explain('order#bad-picky');
  expect(code).toBe(1);
  expect(last).toMatch(
    /^picky has sent order#bad-picky at 2 \(orders-\d+@\d+\) to its dead letters.*handler-failed, Error: no stock/,
  );
  expect(last).toMatch(
    / \(handler-failed\), then outbox consumer dead-letters --topic orders --inbox \S+ --consumer picky --key order#bad-picky .*--resend/,
  );
});

it('a key that is held in the outbox names the reason, and the redrive', async () => {
  const put = (version: number, type: 'order.lost' | 'order.changed') =>
    world.outbox.transact(world.document, {
      changes: [{ aggregate: 'order', key: 'held', version, events: [{ type, data: { n: version } }] }],
    });
  await put(1, 'order.lost');
  await put(2, 'order.changed');
  await until('the hold', async () => (await world.holds()).some(({ key }) => key === 'order#held'));
  await settled(world);
  const { code, stdout, last } = await explain('held');
  expect(code).toBe(1);
  expect(last).toMatch(/^order#held is held at 1 since 20\S+Z: unknown-topic: .* 1 item waits behind it\.\n/);
  expect(last).toMatch(
    /Next: ask the owner of the writer .* Then outbox redrive order#held --local \S+ --why "…" --follow$/,
  );
  expect(stdout).toMatch(/ 1 +parked .*\n +2 +waiting /);
});

it('doctor names the topic that pending items need, the dead-letter topics and groups that are missing, and what it did not check', async () => {
  const { code, stdout } = await cli.run('doctor');
  expect(code).toBe(1);
  expect(stdout).toMatch(/ok +brokers reachable from here +1 of 1\n/);
  expect(stdout).toMatch(
    /wrong +topics of pending items .*nowhere \(1 item waits\)\n +→ A typo\? Fix the writer\. Otherwise .*topic create nowhere/,
  );
  expect(stdout).toMatch(
    /wrong +dead-letter topics +orders\.shipping\.dlt does not exist; orders\.picky\.dlt takes \d+ bytes and needs \d+: /,
  );
  expect(stdout).toMatch(/ok +consumer groups +picky: 1, up to date; shipping: 1, up to date\n/);
  expect(stdout).toMatch(/ok +time to live +ENABLED on expiresAt\n/);
  expect(stdout).toMatch(/unknown +\d+ checks +not checked on the local stack: .*mapping, .*sweeper: schedule/);
});

it('an event that is published and not consumed names a group without members', async () => {
  for (const running of consumers.splice(0)) await running.stop();
  await putVersion(world, '42', 3);
  await settled(world);
  const { code, stdout, last } = await explain('order#42');
  expect(code).toBe(1);
  expect(last).toMatch(
    /order#42 at 3 \(orders-\d+@\d+\) is published, and picky has not applied it: its group has no members/,
  );
  expect(last).toMatch(
    /Next: start an instance of picky, then outbox explain order#42 --inbox inbox --consumer picky --local \S+$/,
  );
  expect(stdout).toMatch(/orders: applied up to 2\.0, .*/);
  expect((await cli.run('doctor')).stdout).toMatch(
    /wrong +consumer groups +no members, so no instance runs: picky, shipping\n/,
  );
});

it('an item that waits for the relay is not yet published, and the output names what to check', async () => {
  await world.stack.mapping.stop();
  await putVersion(world, 'late', 1);
  const young = await explain('order#late');
  expect(young).toMatchObject({
    code: 1,
    last: expect.stringMatching(/not published, for \d+ s; 1 of 1 items.*\nNext: wait/),
  });
  await world.document.send(
    new UpdateCommand({
      TableName: world.stack.tableName,
      Key: { pk: 'order#late', sk: '0000000000000001' },
      UpdateExpression: 'SET committedAt = :then',
      ExpressionAttributeValues: { ':then': Date.now() - 120_000 },
    }),
  );
  expect(await explain('order#late')).toMatchObject({ code: 1, last: expect.stringContaining('Next: outbox status') });
});

it('the output names what could not be checked, and gives no all-clear without consumers', async () => {
  const { code, stdout } = await explain('order#42', '--brokers', '127.0.0.1:1', '--auth', 'none');
  expect(code).toBe(1);
  expect(stdout).toMatch(/Not checked: Kafka: .*none can be reached from here: 127\.0\.0\.1:1 \(ECONNREFUSED\)/);
});
