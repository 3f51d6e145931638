import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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

let world: World;

beforeAll(async () => {
  // A test stops and starts the broker.
  world = await startWorld({ ownKafka: true, context: { publisher: 'platformatic' } });
}, STARTUP_MS);
afterAll(() => world.stop());

it('runs the relay with @platformatic/kafka', () => {
  const notice = readFileSync(join(world.stack.template.relay.codeFolder, 'NOTICE.txt'), 'utf8');
  expect(notice).toContain('@platformatic/kafka 2.12.1');
  expect(notice).not.toContain('kafkajs');
});

it('events of concurrent writers arrive complete and in order, and every item is marked', async () => {
  const committed = new Committed();
  const keys = keysNamed('busy', 40);
  const shares = [0, 1, 2, 3].map((writer) => keys.filter((_, at) => at % 4 === writer));
  await Promise.all(shares.map((share) => write(world, { keys: share, events: 500, perTransaction: 2 }, committed)));

  expect(committed.count).toBe(2_000);
  await allArrived(world, committed);
  expectCompleteAndInOrder(world, committed);
  await allMarked(world);
});

it('a broker that is unavailable for 20 seconds under load loses nothing and reorders nothing', async () => {
  const [node] = world.stack.kafka?.nodes ?? [];
  const committed = new Committed();
  const keys = keysNamed('outage', 20);
  const over = new AbortController();
  const writing = (async () => {
    while (!over.signal.aborted) await write(world, { keys, events: 20, pauseMs: 20 }, committed);
  })();
  await sleep(1_000);
  await node?.stop();
  await sleep(20_000);
  await node?.start();
  over.abort();
  await writing;

  await allArrived(world, committed, 300_000);
  await allMarked(world);
  expectCompleteAndInOrder(world, committed);
  expect(committed.count).toBeGreaterThan(100);
});

it('a message that is too large parks its key while other keys flow', async () => {
  const committed = new Committed();
  const others = write(world, { keys: keysNamed('healthy', 10), events: 200 }, committed);
  const tooLarge = randomBytes(8_000).toString('base64');
  for (const version of [1, 2, 3]) {
    const data = { n: version, text: version === 2 ? tooLarge : '' };
    const events = [{ type: 'order.noted' as const, id: `poisoned.${version}`, data }];
    await world.outbox.transact(world.document, {
      changes: [{ aggregate: 'order', key: 'poisoned', version, events }],
    });
  }
  await others;
  await allArrived(world, committed);
  expectCompleteAndInOrder(world, committed);
  await until('the hold', async () =>
    (await world.holds()).some(({ key, reason }) => key === 'order#poisoned' && reason === 'message-too-large'),
  );
  expect(world.reader.firstIds('poisoned')).toEqual(['poisoned.1']);
});
