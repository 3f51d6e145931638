import { deadLetterTopic, type RunningConsumer } from '../../lib/consumer';
import { createTopics } from '../../local/kafka/topics';
import { OutboxCli } from './harness/cli';
import {
  aConsumer,
  counted,
  createConsumerTables,
  effectsOf,
  INBOX_TABLE,
  kafkaOf,
  putVersion,
  run,
} from './harness/consumers';
import { startWorld, STARTUP_MS, until, type World } from './harness/world';

let world: World;
const cli = new OutboxCli();
const isFixed: Record<string, boolean> = {};
const consumers: RunningConsumer[] = [];

beforeAll(async () => {
  world = await startWorld({ stackFile: cli.stackFile });
  await createConsumerTables(world);
}, STARTUP_MS);
afterAll(async () => {
  await Promise.all(consumers.map((running) => running.stop()));
  await world.stop();
  cli.remove();
});

const put = (key: string, version: number) => putVersion(world, key, version);

/** The consumer refuses the second event of each key until the key is fixed. */
async function start(name: string, redriveIntervalMs = 200): Promise<RunningConsumer> {
  const consumer = aConsumer(world, name, {
    redriveIntervalMs,
    attempts: 2,
    retry: { initialDelayMs: 10, maxDelayMs: 20 },
    handlers: {
      'order.changed': ({ id }, context) => {
        if (context.version === 2 && isFixed[context.key] !== true) throw new Error('no stock');
        return [counted(name, context, id)];
      },
    },
  });
  const running = await run(world, consumer);
  consumers.push(running);
  return running;
}

const ids = async (name: string, key: string): Promise<string[]> =>
  (await effectsOf(world, name, key)).ids.map((entry) => entry.split(' ')[1] ?? '');

const inbox = (name: string): string[] => ['--inbox', INBOX_TABLE, '--consumer', name];
const BECAUSE = ['--by', 'the test', '--why', 'to see it'];

interface Parked {
  readonly key: string;
  readonly waiting: number;
  readonly why: string;
  readonly head: { readonly partition: number; readonly offset: string; readonly id: string };
}
/** The table does not know the consumer until its first event is applied. */
async function parked(name: string): Promise<Parked[]> {
  const { code, stdout, stderr } = await cli.run('consumer', 'parked', ...inbox(name), '--json');
  if (code === 0) return JSON.parse(stdout) as Parked[];
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('holds nothing of') });
  return [];
}

async function parkFive(name: string, key: string): Promise<Parked> {
  for (let version = 1; version <= 5; version++) await put(key, version);
  let found: Parked | undefined;
  await until(`the parking of ${key}`, async () => {
    found = (await parked(name)).find((each) => each.key === key && each.waiting === 3);
    return found !== undefined;
  });
  return found!;
}

it('a key is parked, shown, fixed, redriven and applied in order', async () => {
  await start('shipping');
  const shown = await parkFive('shipping', 'a');
  expect(shown).toMatchObject({
    consumer: 'shipping',
    source: '/shop/order',
    topic: 'orders',
    why: 'Error: no stock',
    head: { topic: 'orders', type: 'order.changed', id: 'a.2', sequence: '0000000000000002.0000' },
  });
  expect(await cli.json('consumer', 'parked', '--inbox', INBOX_TABLE)).toEqual(await parked('shipping'));
  const text = await cli.run('consumer', 'parked', ...inbox('shipping'));
  expect(text.stdout).toMatch(/shipping +order#a +orders +\/shop\/order +orders-\d+@\d+ +order\.changed +\d+ s +3\n/);
  expect(text.stdout).toMatch(/^order#a: parked since 20[-\d: ]+Z: Error: no stock$/m);

  const redrive = ['consumer', 'redrive', 'a', ...inbox('shipping'), ...BECAUSE, '--follow'];
  const refused = await cli.run(...redrive);
  expect(refused).toMatchObject({
    code: 1,
    stdout: '  order#a  failed again  Error: no stock\n0 of 1 key released.\n',
  });
  expect(await parked('shipping')).toMatchObject([{ key: 'a', waiting: 3 }]);

  isFixed['a'] = true;
  await put('a', 6);
  expect(await cli.run(...redrive)).toMatchObject({ code: 0, stdout: '1 of 1 key released.\n' });
  await until('all effects', async () => (await ids('shipping', 'a')).length === 6);
  expect(await ids('shipping', 'a')).toEqual([1, 2, 3, 4, 5, 6].map((version) => `a.${version}`));
  expect(await parked('shipping')).toEqual([]);
  expect(await cli.run(...redrive)).toMatchObject({ code: 0, stdout: 'a: nothing is parked.\n' });
});

it('the lag of a key is what the outbox has and the consumer has not applied', async () => {
  await parkFive('shipping', 'lag');
  const lag = ['consumer', 'lag', 'order#lag', 'order#a', ...inbox('shipping')];
  const { code, stdout } = await cli.run(...lag, '--json');
  expect({ code, result: JSON.parse(stdout) as unknown }).toMatchObject({
    code: 1,
    result: [
      { pk: 'order#lag', topics: [{ topic: 'orders', isApplied: false, versionsBehind: 4, isParked: true }] },
      { pk: 'order#a', topics: [{ isApplied: true, versionsBehind: 0, isParked: false }] },
    ],
  });
  const text = (await cli.run(...lag)).stdout;
  expect(text).toMatch(/order#lag +orders +5 +\d+ s +no: parked +4\n/);
  expect(text).toMatch(/^order#lag: parked on orders since 20[-\d: ]+Z: Error: no stock$/m);
  expect(text).toMatch(/^Next, when the cause is fixed: outbox consumer redrive order#lag .* --follow$/m);
  isFixed['lag'] = true;
  const redrive = ['consumer', 'redrive', 'lag', ...inbox('shipping'), ...BECAUSE, '--follow'];
  expect(await cli.run(...redrive)).toMatchObject({ code: 0 });
  expect(await cli.run(...lag)).toMatchObject({ code: 0 });
  const none = await cli.run('consumer', 'lag', 'order#none', ...inbox('shipping'));
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('has nothing of order#none') });
});

it.each([
  ['parked', []],
  ['redrive', ['a', ...BECAUSE]],
  ['skip', ['a', ...BECAUSE]],
  ['lag', ['order#a']],
])('%s of a consumer that the table does not know names those it knows', async (command, args) => {
  const { code, stdout, stderr } = await cli.run('consumer', command, ...args, ...inbox('nosuch'));
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/holds nothing of consumer "nosuch"\. It knows .*shipping/);
});

it('a key that is not parked is no all-clear: the next command is named', async () => {
  const { code, stdout } = await cli.run('consumer', 'parked', 'nosuch', ...inbox('shipping'));
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: 'nosuch: not parked. Next: outbox explain nosuch --inbox inbox\n',
  });
});

it.each([
  ['the outbox table', () => world.stack.tableName, /holds nothing of any consumer: it is no inbox/],
  ['a table with other keys', () => 'business', /ValidationException.*\n.*has other keys .* check --table and --inbox/],
])('%s is no inbox', async (_, table, message) => {
  const { code, stdout, stderr } = await cli.run('consumer', 'parked', '--inbox', table(), '--consumer', 'shipping');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
});

it('a message that heads a key is discarded with a reason, and what waits behind it is applied', async () => {
  const { head } = await parkFive('shipping', 'b');
  const place = `orders-${head.partition}@${head.offset}`;
  const skip = ['consumer', 'skip', 'b', ...inbox('shipping'), ...BECAUSE];
  const preview = await cli.run(...skip);
  expect(preview).toMatchObject({ code: 2, stderr: 'Nothing was changed. Add --yes to do it.\n' });
  expect(preview.stdout).toContain(`(with --at ${place})`);
  expect(JSON.parse((await cli.run(...skip, '--json')).stdout)).toMatchObject({
    wouldDiscard: { key: 'b', message: { value: '{"n":2}', headers: { ce_id: 'b.2' } } },
  });
  expect(await cli.run(...skip, '--yes')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`--at ${place} is the first parked one of b`),
  });
  expect(await cli.run(...skip, '--at', 'orders-0@9999', '--yes')).toMatchObject({ code: 2, stdout: '' });
  expect(await ids('shipping', 'b')).toEqual(['b.1']);

  expect(await cli.run(...skip, '--at', place, '--yes', '--follow')).toMatchObject({
    code: 0,
    stdout: '1 of 1 key released.\n',
  });
  expect(await ids('shipping', 'b')).toEqual([1, 3, 4, 5].map((version) => `b.${version}`));
  const { Items = [] } = await world.document.scan({ TableName: INBOX_TABLE, ConsistentRead: true });
  expect(Items.filter((item) => 'discarded' in item)).toMatchObject([
    { eventId: 'b.2', offset: head.offset, why: 'Error: no stock', discarded: { by: 'the test', why: 'to see it' } },
  ]);
  expect(await cli.run(...skip, '--at', place, '--yes')).toMatchObject({
    code: 2,
    stderr: 'skip: nothing of b is parked.\n',
  });
});

it('a request waits for an instance, and two instances do each once', async () => {
  await start('later', 0);
  const keys = ['c', 'd', 'e'];
  for (const key of keys) await parkFive('later', key);
  for (const key of keys) isFixed[key] = true;
  const asked = (await cli.json('consumer', 'redrive', '--all', ...inbox('later'), ...BECAUSE)) as { asked: unknown[] };
  // The topic also has the keys of the other tests.
  expect(asked.asked.length).toBeGreaterThanOrEqual(3);
  expect((await cli.run('consumer', 'parked', ...inbox('later'))).stdout).toMatch(
    /redrive requested 20[-\d: ]+Z by the test: to see it/,
  );
  const command = ['consumer', 'redrive', 'c', ...inbox('later'), ...BECAUSE, '--follow', '--timeout', '1s'];
  expect(await cli.run(...command)).toMatchObject({ code: 1, stdout: expect.stringContaining('not done in time') });

  await Promise.all([start('later'), start('later')]);
  await until('the releases', async () => (await parked('later')).every(({ key }) => !keys.includes(key)));
  for (const key of keys) {
    expect(await ids('later', key)).toEqual([1, 2, 3, 4, 5].map((version) => `${key}.${version}`));
  }
});

it('dead letters are listed with their reason and their place', async () => {
  const command = ['consumer', 'dead-letters', '--topic', 'orders', '--consumer', 'picky'];
  expect(await cli.run(...command)).toMatchObject({ code: 1, stdout: expect.stringContaining('does not exist') });
  await createTopics(world.stack.brokers, [{ topic: deadLetterTopic('orders', 'picky'), partitions: 2 }]);
  expect(await cli.run(...command)).toMatchObject({ code: 0, stdout: 'orders.picky.dlt has no dead letter.\n' });
  // A mistyped name must not look like an empty topic, and its topic must not be created.
  const mistyped = ['consumer', 'dead-letters', '--topic', 'orders', '--consumer', 'pickie'];
  expect(await cli.run(...mistyped)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('Is --consumer right? Other consumers of orders have orders.picky.dlt.'),
  });
  expect(await cli.run(...mistyped, '--inbox', INBOX_TABLE)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('holds nothing of consumer "pickie". It knows '),
  });
  expect(await cli.run('consumer', 'dead-letters', '--topic', 'ordres', '--consumer', 'picky')).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('Topic ordres does not exist either: check --topic.'),
  });
  const consumer = aConsumer(world, 'picky', {
    onFailure: 'dead-letter',
    attempts: 1,
    handlers: {
      'order.changed': ({ id }, context) => {
        if (id === 'f.1') throw new Error('unreadable address');
        return [counted('picky', context, id)];
      },
    },
  });
  consumers.push(await run(world, consumer));
  for (const version of [1, 2]) await put('f', version);
  await until('the second', async () => (await ids('picky', 'f')).length === 1);
  expect(await cli.json(...command, '--since', '1h')).toMatchObject({
    exists: true,
    letters: [
      {
        reason: 'handler-failed',
        message: 'Error: unreadable address',
        key: 'f',
        id: 'f.1',
        type: 'order.changed',
        from: { topic: 'orders' },
      },
    ],
  });
  expect((await cli.run(...command)).stdout).toMatch(
    /handler-failed +f +order\.changed +orders-\d+@\d+ +Error: unreadable address\n/,
  );
});

describe('dead letters come back', () => {
  const NAME = 'returning';
  const list = ['consumer', 'dead-letters', '--topic', 'orders', '--consumer', NAME];
  const resend = (as: string, ...more: string[]) => [
    ...[...list, '--resend', '--as', as, '--inbox', INBOX_TABLE, ...BECAUSE],
    ...more,
  ];
  const letters = async (...more: string[]): Promise<{ key: string; from: { partition: number; offset: string } }[]> =>
    ((await cli.json(...list, ...more)) as { letters: { key: string; from: { partition: number; offset: string } }[] })
      .letters;
  const versions = (key: string, order: readonly number[]) => order.map((version) => `${key}.${version}`);

  beforeAll(async () => {
    await createTopics(world.stack.brokers, [{ topic: deadLetterTopic('orders', NAME), partitions: 2 }]);
    const consumer = aConsumer(world, NAME, {
      ...{
        onFailure: 'dead-letter',
        redriveIntervalMs: 200,
        attempts: 2,
        retry: { initialDelayMs: 10, maxDelayMs: 20 },
      },
      handlers: {
        'order.changed': ({ id }, context) => {
          if (context.version === 2 && isFixed[context.key] !== true) throw new Error('no stock');
          return [counted(NAME, context, id)];
        },
      },
    });
    consumers.push(await run(world, consumer));
  });

  async function setAside(key: string): Promise<string> {
    for (const version of [1, 2, 3]) await put(key, version);
    await until('the third', async () => (await ids(NAME, key)).length === 2);
    const [letter] = await letters('--key', key);
    return `orders-${letter?.from.partition}@${letter?.from.offset}`;
  }

  it('before the later events of their key, which wait if they fail again', async () => {
    const place = await setAside('come-first');
    const command = resend('parked', '--key', 'come-first', '--reason', 'handler-failed');
    const preview = await cli.run(...command);
    expect(preview).toMatchObject({ code: 2, stderr: expect.stringContaining('Nothing was changed. Add --yes') });
    expect(preview.stdout).toMatch(/1 message of orders\.returning\.dlt would be sent again, to this consumer alone/);
    expect(preview.stdout).toContain(place);
    expect(JSON.parse((await cli.run(...command, '--json')).stdout)).toMatchObject({
      wouldResend: { as: 'parked', letters: [{ key: 'come-first' }], refused: [], alreadyAsked: [] },
    });
    expect(await cli.run(...resend('parked', '--key', 'come-first', '--reason', 'late'))).toMatchObject({
      code: 0,
      stdout: 'Nothing of orders.returning.dlt can be sent again.\n',
    });

    const refused = await cli.run(...command, '--yes', '--follow');
    expect(refused).toMatchObject({
      code: 1,
      stdout: `  ${place} (order#come-first)  failed again  Error: no stock\n0 of 1 dead letter applied.\n`,
    });
    await put('come-first', 4);
    await until('the parking', async () => (await parked(NAME)).some(({ waiting }) => waiting === 1));
    isFixed['come-first'] = true;
    expect(await cli.run('consumer', 'redrive', 'come-first', ...inbox(NAME), ...BECAUSE, '--follow')).toMatchObject({
      code: 0,
    });
    expect(await ids(NAME, 'come-first')).toEqual(versions('come-first', [1, 3, 2, 4]));
  });

  it('late, once, however often they are sent again, and for no other consumer', async () => {
    const place = await setAside('come-late');
    const ends = await endsOf('orders');
    const command = resend('late', '--at', place, '--yes', '--follow');
    expect(await cli.run(...command)).toMatchObject({ code: 1, stdout: expect.stringContaining('failed again') });
    await put('come-late', 4);
    await until('the fourth', async () => (await ids(NAME, 'come-late')).length === 3);
    isFixed['come-late'] = true;

    expect(await cli.run(...command)).toMatchObject({ code: 0, stdout: '1 of 1 dead letter applied.\n' });

    expect(await ids(NAME, 'come-late')).toEqual(versions('come-late', [1, 3, 4, 2]));
    const again = await cli.run(...command);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('it had its effect before') });
    expect(await ids(NAME, 'come-late')).toEqual(versions('come-late', [1, 3, 4, 2]));
    // Only the fourth event was added to the topic.
    expect(await endsOf('orders')).toBe(ends + 1n);
  });

  it('unless nothing identifies their event', async () => {
    const producer = kafkaOf(world.stack.brokers).producer();
    await producer.connect();
    await producer.send({
      topic: 'orders',
      messages: [{ key: 'strange', value: 'hello', headers: { own: ['a', 'b'] } }],
    });
    await producer.disconnect();
    await until('its dead letter', async () => (await letters('--key', 'strange')).length === 1);

    const { code, stdout } = await cli.run(...resend('late', '--key', 'strange', '--yes'));

    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringMatching(/^orders-\d@\d+: cannot be sent again: not-a-cloudevent: .*Publish it again/),
    });
  });

  async function endsOf(topic: string): Promise<bigint> {
    const admin = kafkaOf(world.stack.brokers).admin();
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(topic);
    await admin.disconnect();
    return offsets.reduce((sum, { high }) => sum + BigInt(high), 0n);
  }
});

it.each<[string, readonly string[], RegExp]>([
  ['a resend without an order', ['dead-letters', '--topic', 'orders', '--resend'], /needs --as parked .* or --as late/],
  ['a resend without a reason', ['dead-letters', '--topic', 'orders', '--resend', '--as', 'late'], /needs --why/],
  ['a resend in no order', ['dead-letters', '--topic', 'orders', '--resend', '--as', 'x'], /choices are parked, late/],
  ['a list that is to be confirmed', ['dead-letters', '--topic', 'orders', '--yes'], /--(inbox|yes) needs --resend/],
  ['a redrive of nothing', ['redrive', '--why', 'x'], /name keys, or give --all/],
  ['a redrive of both', ['redrive', 'a', '--all', '--why', 'x'], /name keys, or give --all/],
  ['a redrive without a reason', ['redrive', '--all'], /required option '--why <text>' not specified/],
  ['a skip without a reason', ['skip', 'a'], /required option '--why <text>' not specified/],
  ['a table that is not there', ['parked', '--inbox', 'none'], /ResourceNotFoundException/],
])('%s changes nothing and reports it', async (_, args, message) => {
  const [command = '', ...rest] = args;
  const table = rest.includes('--inbox') ? [] : inbox('shipping');
  const { code, stdout, stderr } = await cli.run('consumer', command, ...table, ...rest);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
});

it('a read costs half a read unit, for a page of up to 4 KB', async () => {
  // DynamoDB Local reports no units for an empty page; DynamoDB bills the minimum.
  const Item = { pk: 'idle#$requests', sk: 'unknown', padding: 'x'.repeat(4_000) };
  await world.document.put({ TableName: INBOX_TABLE, Item });
  const consumer = aConsumer(world, 'idle');
  const units: number[] = [];
  const { client: document } = consumer.settings;
  const query = document.query.bind(document);
  document.query = async (input) => {
    const answer = await query({ ...input, ReturnConsumedCapacity: 'TOTAL' } as typeof input);
    units.push((answer as { ConsumedCapacity?: { CapacityUnits?: number } }).ConsumedCapacity?.CapacityUnits ?? NaN);
    return answer;
  };
  expect(await consumer.requests.poll(new AbortController().signal)).toBe(false);
  expect(units).toEqual([0.5]);
});
