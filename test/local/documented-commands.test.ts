import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, commandsOf, needsAws, outboxArguments, PAGES } from '../unit/docs/documented-commands';
import { OutboxCli } from './harness/cli';
import { aConsumer, counted, createConsumerTables, INBOX_TABLE, run } from './harness/consumers';
import { startWorld, STARTUP_MS, until, type World } from './harness/world';

let world: World;
let stop: () => Promise<unknown>;
const cli = new OutboxCli();

/** Values for a reader's placeholders: a held key, and a running consumer. */
const VALUES: Readonly<Record<string, string>> = {
  KEY: 'order#42',
  'ordr#42': 'order#42',
  POSITION: '2',
  VERSION: '1',
  TABLE: INBOX_TABLE,
  NAME: 'shipping',
  TOPIC: 'orders',
  'shipping-inbox': INBOX_TABLE,
};

beforeAll(async () => {
  world = await startWorld({ stackFile: cli.stackFile });
  await createConsumerTables(world);
  const handlers = { 'order.changed': ({ id }: { id: string }, context: never) => [counted('shipping', context, id)] };
  const running = await run(
    world,
    aConsumer(world, 'shipping', { redriveIntervalMs: 200, handlers: handlers as never }),
  );
  stop = () => running.stop();
  for (const [version, type] of [
    [1, 'order.changed'] as const,
    [2, 'order.lost'] as const,
    [3, 'order.changed'] as const,
  ]) {
    const event = { type, id: `42.${version}`, data: { n: version } };
    await world.outbox.transact(world.document, {
      changes: [{ aggregate: 'order', key: '42', version, events: [event] }],
    });
  }
  await until('the hold', async () => (await world.holds()).length === 1);
  writeCatalogue(cli.folder);
}, STARTUP_MS);
afterAll(async () => {
  await stop();
  await world.stop();
  cli.remove();
});

/** The compiled catalogue that the pages name, as a service's build creates it. */
function writeCatalogue(folder: string): void {
  mkdirSync(join(folder, 'dist'));
  writeFileSync(
    join(folder, 'dist', 'events.js'),
    `const { defineEvents } = require(${JSON.stringify(join(__dirname, '../../dist/lib'))});
     const { z } = require(${JSON.stringify(require.resolve('zod'))});
     const type = { topic: 'orders', schema: z.object({ n: z.number() }) };
     exports.events = defineEvents({ 'order.changed': type, 'order.placed': type, 'order.shipped': type });`,
  );
}

const commands = PAGES.flatMap(blocksOf)
  .filter((block) => !needsAws(block))
  .flatMap((block) =>
    commandsOf(block).flatMap((command): [string, string, string[]][] => {
      const args = outboxArguments(command);
      return args === undefined ? [] : [[command, `${block.page}:${block.line}`, args]];
    }),
  )
  // A key can be released only once, so the commands that read it run before.
  .toSorted(([, , a], [, , b]) => Number(a[0] === 'skip') - Number(b[0] === 'skip'));

/** Shortens the waits, because a test has no time. Adds no confirmation that the page does not have. */
const filledIn = (args: readonly string[]): string[] => [
  ...args.map((word) => VALUES[word] ?? word),
  ...(args.includes('--follow') ? ['--timeout', '5s'] : []),
];

/** A refusal because of this test's state, which the page describes; not because of the command's syntax. */
const BY_STATE =
  /Nothing was changed|is (not held|held at)|Nothing was discarded|exists, with|holds nothing of|nothing of .* is parked|(does not|cannot) |is unknown/;

test.each(commands)('"%s" (%s) does something on a local stack', async (_command, _place, args) => {
  const { code, stdout, stderr } = await cli.run(...filledIn(args));
  const said = stdout + stderr;
  expect(said).not.toMatch(/^error: |^\s+at .*\(.*:\d+:\d+\)$|TypeError|undefined/m);
  expect(said.trim()).not.toBe('');
  expect(code === 2 ? said : 'done').toMatch(code === 2 ? BY_STATE : 'done');
});

test('the stack file has each value that docs/local.md reads from it', () => {
  const stack = JSON.parse(readFileSync(cli.stackFile, 'utf8')) as Record<string, unknown>;
  const paths = blocksOf('docs/local.md')
    .flatMap(commandsOf)
    .flatMap((command) => /jq -r '?\.([\w.]+)/.exec(command)?.[1] ?? []);
  const values = paths.map((path) =>
    path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], stack),
  );
  expect(values.length).toBeGreaterThan(5);
  expect(values).not.toContain(undefined);
});
