import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { createOutbox, defineEvents, readEvent, type EventCatalogue, type StandardSchemaV1 } from '../../lib';
import { OutboxCli, type Ended } from './harness/cli';
import { startWorld, STARTUP_MS, until, type World } from './harness/world';

const LIBRARY = join(__dirname, '../../dist/lib');
const folder = mkdtempSync(join(tmpdir(), 'outbox-schema-'));
const cli = new OutboxCli();
let world: World;

beforeAll(async () => {
  world = await startWorld({ stackFile: cli.stackFile });
}, STARTUP_MS);
afterAll(async () => {
  await world.stop();
  cli.remove();
  rmSync(folder, { recursive: true, force: true });
});

function fileOf(name: string, code: string): string {
  const file = join(folder, name);
  writeFileSync(file, code);
  return file;
}

/** A module as a service's build creates it. */
const moduleOf = (name: string, placed: string): string =>
  fileOf(
    name,
    `const { defineEvents } = require(${JSON.stringify(LIBRARY)});
     const { z } = require(${JSON.stringify(require.resolve('zod'))});
     exports.events = defineEvents({ 'order.placed': { topic: 'orders', ${placed} } });`,
  );
const first = moduleOf('first.cjs', 'schema: z.object({ total: z.number() })');
const second = 'schema: z.object({ amount: z.string() }), version: 2';
const changed = moduleOf('changed.cjs', 'schema: z.object({ amount: z.string() })');
const raised = moduleOf('raised.cjs', `${second}, upcasters: { 1: ({ total }) => ({ amount: String(total) }) }`);
const without = moduleOf('without.cjs', second);

const asEsModule = fileOf(
  'first.mjs',
  `import { createRequire } from 'node:module';
   export default createRequire(import.meta.url)(${JSON.stringify(first)}).events;`,
);
const several = fileOf(
  'several.mjs',
  `import first from ${JSON.stringify(asEsModule)};
   export { first };
   export const again = first;
   export const other = { ...first };`,
);
const broken = fileOf('broken.cjs', 'throw new TypeError("no such thing");');

const baseline = join(folder, 'outbox-schemas.json');
const schema = (command: string, catalogue: string, ...options: string[]): Promise<Ended> =>
  cli.run('schema', command, '--catalogue', catalogue, '--baseline', baseline, '--json', ...options);
const answer = ({ code, stdout }: Ended): unknown => ({ code, ...(JSON.parse(stdout) as object) });

const SECOND = z.object({ amount: z.string() });
const events = defineEvents({
  'order.placed': {
    schema: SECOND,
    topic: 'orders',
    version: 2,
    upcasters: { 1: ({ total }: { total: number }) => ({ amount: String(total) }) },
  },
});
const writer = (version: 1 | 2, topic = 'orders') => {
  const typed: { schema: StandardSchemaV1 } = { schema: version === 1 ? z.object({ total: z.number() }) : SECOND };
  const catalogue: EventCatalogue = defineEvents({ 'order.placed': { ...typed, topic, version } });
  const { tableName, region } = world.stack;
  const outbox = createOutbox({ tableName, region, service: 'shop', events: catalogue });
  const data = version === 1 ? { total: 5 } : { amount: '5' };
  return (key: string, position: number) =>
    outbox.transact(world.document, {
      changes: [{ aggregate: 'order', key, version: position, events: [{ type: 'order.placed', data }] }],
    });
};
const isMarked = async (key: string): Promise<boolean> =>
  (await world.items(`order#${key}`)).every(({ processedAt }) => processedAt !== undefined);

it('a consumer with the newest catalogue reads the data of every version', async () => {
  await writer(1)('1', 1);
  await writer(2)('1', 2);
  await until('both messages', () => world.reader.ofKey('1').length === 2);

  const arrivals = world.reader.ofKey('1');
  expect(arrivals.map(({ headers }) => headers['ce_type'])).toEqual(['order.placed', 'order.placed.v2']);
  const read = await Promise.all(
    arrivals.map(({ value, headers }) => readEvent(events, { value: Buffer.from(value ?? ''), headers })),
  );
  expect(read).toEqual([
    { kind: 'event', type: 'order.placed', writtenVersion: 1, data: { amount: '5' } },
    { kind: 'event', type: 'order.placed', writtenVersion: 2, data: { amount: '5' } },
  ]);
});

it('a breaking change is refused until the version is raised', async () => {
  expect(answer(await schema('snapshot', first))).toMatchObject({ code: 0, written: true });
  expect(answer(await schema('check', first))).toMatchObject({ code: 0, findings: [] });
  expect(answer(await schema('check', asEsModule))).toMatchObject({ code: 0, findings: [] });
  expect(answer(await schema('check', `${several}#other`))).toMatchObject({ code: 0, findings: [] });
  expect(answer(await schema('check', changed))).toMatchObject({
    code: 1,
    findings: [
      { mode: 'BACKWARD', path: '$.amount', rule: 'required' },
      { mode: 'FORWARD', path: '$.total', rule: 'required' },
    ],
  });
  expect(answer(await schema('snapshot', changed))).toMatchObject({ code: 1, written: false });
  expect(answer(await schema('check', raised))).toMatchObject({ code: 1, findings: [{ kind: 'not-recorded' }] });
  expect(answer(await schema('snapshot', raised))).toMatchObject({ code: 0, written: true });
  expect(answer(await schema('snapshot', raised))).toMatchObject({ code: 0, written: false });
  expect(answer(await schema('check', raised))).toMatchObject({ code: 0 });
});

it('an upcaster stays while the table holds events that need it', async () => {
  await writer(1, 'nowhere')('parked', 1);
  await until('the hold', async () => (await world.holds()).length === 1);
  await until('the marks', () => isMarked('1'));
  await world.stack.mapping.disable();
  await writer(1)('pending', 1);

  expect(answer(await schema('check', without))).toMatchObject({ code: 1, findings: [{ kind: 'upcaster-removed' }] });
  const refused = {
    code: 1,
    findings: [{ kind: 'upcaster-needed', type: 'order.placed', version: 1 }],
    stored: [
      { ceType: 'order.placed', pending: 1, parked: 1, processed: 1, isReadable: false },
      { ceType: 'order.placed.v2', pending: 0, parked: 0, processed: 1, isReadable: true },
    ],
  };
  expect(answer(await schema('check', without, '--against-table'))).toMatchObject(refused);
  const recorded = readFileSync(baseline, 'utf8');
  expect(answer(await schema('snapshot', without, '--against-table'))).toMatchObject({ ...refused, written: false });
  expect(readFileSync(baseline, 'utf8')).toBe(recorded);
  expect(answer(await schema('check', raised, '--against-table'))).toMatchObject({
    code: 0,
    stored: [{ isReadable: true }, { isReadable: true }],
  });
});

it('an upcaster may be removed once all events that need it have expired or were discarded', async () => {
  world.stack.mapping.enable();
  await until('the mark', () => isMarked('pending'));
  // Skips the held item, at any position.
  await cli.run('skip', '--all', '--yes', '--why', 'a test', '--by', 'the test', '--follow');
  // Deletes items as their time to live would.
  for (const { pk, sk, processedAt } of await world.items()) {
    if (processedAt !== undefined) await world.document.delete({ TableName: world.stack.tableName, Key: { pk, sk } });
  }
  expect(answer(await schema('snapshot', without, '--against-table'))).toMatchObject({
    code: 0,
    stored: [],
    written: true,
  });
  expect(answer(await schema('check', without))).toMatchObject({ code: 0, findings: [] });
});

it.each<[string, string[], RegExp]>([
  ['no catalogue', ['check'], /required option '--catalogue <module>' not specified/],
  ['a missing module', ['check', '--catalogue', 'none.js'], /there is no file none\.js\. Is it compiled\?/],
  [
    'a module with several catalogues',
    ['check', '--catalogue', several],
    /exports several catalogues\. Name one of them: #.+#other/,
  ],
  ['an unknown export', ['check', '--catalogue', `${several}#none`], /exports no catalogue "none"\. Name one of them/],
  [
    'a module without a catalogue',
    ['check', '--catalogue', LIBRARY + '/event/uuid.js'],
    /exports no catalogue\. Name a module/,
  ],
  ['a module that throws', ['check', '--catalogue', broken], /cannot be loaded\. TypeError: no such thing/],
  ['an unknown mode', ['check', '--catalogue', first, '--mode', 'SOME'], /'SOME' is invalid\. Allowed choices/],
  [
    'no baseline',
    ['check', '--catalogue', first, '--baseline', join(folder, 'none.json')],
    /there is no .*none\.json\. Create it with outbox schema snapshot\./,
  ],
])('%s ends with an error message and exit code 2', async (_, args, message) => {
  const { code, stdout, stderr } = await cli.run('schema', ...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
});
