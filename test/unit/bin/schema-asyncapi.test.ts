import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { createProgram } from '../../../bin/cli/program';
import type { KafkaTarget } from '../../../lib/operate/kafka-target';
import type { KafkaTopicAdmin } from '../../../lib/topics/kafka-admin';
import type { FoundTopic } from '../../../lib/topics/plan';
import { Printed } from '../../builders/printed';

jest.mock('../../../lib/operate/create-topic', () => ({
  ...jest.requireActual<object>('../../../lib/operate/create-topic'),
  withTopics: (kafka: KafkaTarget, work: (admin: Pick<KafkaTopicAdmin, 'find'>) => unknown) =>
    work({
      find: (topic) => Promise.resolve(kafka.brokers.includes('b1:9092') && topic === 'orders' ? ORDERS : undefined),
    }),
}));
const ORDERS: FoundTopic = { partitions: 12, replicationFactor: 3, configs: { 'retention.ms': '1000' } };

const printed = new Printed();
const folder = mkdtempSync(join(tmpdir(), 'asyncapi-'));
const at = (file: string): string => join(folder, file);

/** As a service exports it: a catalogue of any copy of the package. */
function catalogueOf(file: string, schema: object): string {
  writeFileSync(
    at(file),
    `const placed = { topic: 'orders', schema: {}, jsonSchema: () => (${JSON.stringify(schema)}) };
     const definitions = { 'order.placed': placed };
     exports.events = { definitions, definitionOf: (type) => definitions[type], resolve: () => undefined };`,
  );
  return at(file);
}
const SCHEMA = { type: 'object', properties: { total: { type: 'number' } }, required: ['total'] };
const catalogue = catalogueOf('events.cjs', SCHEMA);
const described = catalogueOf('described.cjs', { ...SCHEMA, description: 'Line one.\nLine two.' });
const breaking = catalogueOf('breaking.cjs', { ...SCHEMA, properties: { total: { type: 'string' } } });

const run = async (...args: readonly string[]): Promise<unknown> => {
  printed.begin();
  try {
    await createProgram('1.0.0').parseAsync(['node', 'outbox', 'schema', 'asyncapi', ...args]);
    return process.exitCode;
  } finally {
    printed.end();
  }
};
const INFO = ['--title', 'Shop', '--api-version', '1.4.0'];
const readFile = (file: string): string => readFileSync(at(file), 'utf8');
const written = async (file: string, from = catalogue): Promise<string> => {
  await run('--catalogue', from, ...INFO, '--output', at(file));
  return at(file);
};

afterAll(() => rmSync(folder, { recursive: true }));

test('prints the document to stdout, as JSON by default', async () => {
  expect(await run('--catalogue', catalogue, ...INFO, '--description', 'Orders.')).toBe(0);
  expect(JSON.parse(printed.text)).toMatchObject({
    asyncapi: '3.0.0',
    info: { title: 'Shop', version: '1.4.0', description: 'Orders.' },
    channels: { orders: { messages: { 'order.placed': { payload: SCHEMA } } } },
  });
});

test('prints the same document in YAML, and in one line with --json', async () => {
  await run('--catalogue', described, ...INFO);
  const document: unknown = JSON.parse(printed.text);
  await run('--catalogue', described, ...INFO, '--format', 'yaml');
  expect(printed.text).toMatch(/^asyncapi: 3\.0\.0\ninfo:\n {2}title: Shop\n/);
  expect(parse(printed.text)).toEqual(document);
  await run('--catalogue', described, ...INFO, '--json');
  expect(printed.text.trimEnd()).not.toContain('\n');
  expect(JSON.parse(printed.text)).toEqual(document);
});

test('quotes texts in YAML that readers of YAML 1.1 take for booleans, dates or numbers', async () => {
  const texts = ['no', '2026-01-01', '017', '1_000', '12:30:00'];
  await run('--catalogue', catalogueOf('texts.cjs', { enum: texts }), ...INFO, '--format', 'yaml');
  expect(parse(printed.text, { version: '1.1' })).toMatchObject({
    channels: { orders: { messages: { 'order.placed': { payload: { enum: texts } } } } },
  });
});

test('--describe-topics reads the properties of topics from Kafka, and names the missing ones', async () => {
  await run('--catalogue', catalogue, ...INFO, '--describe-topics', '--brokers', 'b1:9092', '--auth', 'none');
  expect(JSON.parse(printed.text)).toMatchObject({
    channels: {
      orders: { bindings: { kafka: { partitions: 12, replicas: 3, topicConfiguration: { 'retention.ms': 1000 } } } },
    },
  });
  await run('--catalogue', catalogue, ...INFO, '--describe-topics', '--brokers', 'b2:9092', '--auth', 'none');
  expect(printed.text).toMatch(/^Topic orders does not exist: the document has only its name\.\n\{\n/);
});

test('writes a file in the format of its name, and only if it changes', async () => {
  const file = await written('a.yaml');
  expect(printed.text).toBe(`${file} describes 1 type.\n`);
  expect(parse(readFile('a.yaml'))).toMatchObject({ asyncapi: '3.0.0' });
  const { ino } = statSync(file);
  await written('a.yaml');
  expect(printed.text).toBe(`${file} already describes 1 type.\n`);
  expect(statSync(file).ino).toBe(ino);
  await written('a.json');
  expect(JSON.parse(readFile('a.json'))).toEqual(parse(readFile('a.yaml')));
});

test.each(['b.json', 'b.yaml'])(
  '--check takes title and version from %s, and finds nothing without a change',
  async (name) => {
    const file = await written(name);
    expect(await run('--catalogue', catalogue, '--check', file)).toBe(0);
    expect(printed.text).toBe('1 type, all as described.\n');
  },
);

test('--check refuses a breaking change as the gate on schemas does', async () => {
  const file = await written('c.json');
  expect(await run('--catalogue', breaking, '--check', file)).toBe(1);
  expect(printed.text).toMatch(
    /order\.placed +BACKWARD type +\$\.total +may be number, but only "string" is accepted\n/,
  );
  expect(printed.text).toContain('\n2 findings.\nBACKWARD: data that was written with the recorded schema');
  expect(printed.text).toContain('raise it to version 2 with upcasters: { 1: (data: Old) => … }.');
  expect(await run('--catalogue', breaking, '--check', file, '--mode', 'FORWARD', '--json')).toBe(1);
  expect(JSON.parse(printed.text)).toMatchObject({
    ...{ compatibility: 'FORWARD', types: 1, findings: [{ mode: 'FORWARD', path: '$.total' }] },
  });
});

test('a change that breaks nothing is a finding until the document is written again', async () => {
  const file = await written('d.json');
  expect(await run('--catalogue', described, '--check', file)).toBe(1);
  expect(printed.text).toContain('has changed and stays compatible: write the document again');
  expect(await run('--catalogue', described, '--check', file, '--output', file)).toBe(0);
  expect(printed.text).toBe(`${file} describes 1 type.\n`);
  expect(await run('--catalogue', described, '--check', file)).toBe(0);
});

test('--check with --output writes nothing that breaks a reader, unless that is accepted', async () => {
  const file = await written('e.json');
  const before = readFile('e.json');
  expect(await run('--catalogue', breaking, '--check', file, '--output', file)).toBe(1);
  expect(printed.text).toContain(`2 findings. ${file} was not changed.\n`);
  expect(readFile('e.json')).toBe(before);
  expect(await run('--catalogue', breaking, '--check', file, '--output', file, '--accept-breaking')).toBe(0);
  expect(printed.text).toContain(`2 findings. ${file} describes 1 type.\n`);
  expect(readFile('e.json')).not.toBe(before);
});

test.each<[string, () => Promise<string[]>, string]>([
  ['no title', () => Promise.resolve([]), 'schema asyncapi: give --title, or an earlier document with --check.'],
  [
    'no version',
    () => Promise.resolve(['--title', 'Shop']),
    'schema asyncapi: give --api-version, or an earlier document with --check.',
  ],
  [
    'a missing document',
    () => Promise.resolve(['--check', at('none.json')]),
    `there is no ${at('none.json')}. Write it with outbox schema asyncapi --output ${at('none.json')}.`,
  ],
  ['a folder as a document', () => Promise.resolve(['--check', folder]), `${folder} cannot be read: EISDIR`],
  [
    'an accepted break without an earlier document',
    () => Promise.resolve([...INFO, '--accept-breaking']),
    'schema asyncapi: --accept-breaking has no effect without --check and --output.',
  ],
  [
    'a document that is neither JSON nor YAML',
    () => {
      writeFileSync(at('torn.json'), '{ "asyncapi": ');
      return Promise.resolve(['--check', at('torn.json')]);
    },
    `${at('torn.json')} is neither JSON nor YAML.`,
  ],
  [
    'a document of another tool',
    () => {
      writeFileSync(at('other.yaml'), 'asyncapi: 3.0.0\ninfo: { title: a, version: "1" }\nchannels: {}\n');
      return Promise.resolve(['--check', at('other.yaml')]);
    },
    'cannot be compared: it has no messages. Name a document that "outbox schema asyncapi" wrote.',
  ],
])('%s is refused, and nothing is written', async (_, args, message) => {
  const file = at('refused.json');
  await expect(run('--catalogue', catalogue, '--output', file, ...(await args()))).rejects.toThrow(message);
  expect(existsSync(file)).toBe(false);
});

test('a file that cannot be written is named, and no draft is left', async () => {
  const file = at('folder.json');
  mkdirSync(join(file, 'within'), { recursive: true });
  await expect(run('--catalogue', catalogue, ...INFO, '--output', file)).rejects.toThrow(
    `${file} cannot be read: EISDIR`,
  );
  await expect(run('--catalogue', catalogue, ...INFO, '--output', at('none/new.json'))).rejects.toThrow(
    `${at('none/new.json')} cannot be written: ENOENT`,
  );
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
