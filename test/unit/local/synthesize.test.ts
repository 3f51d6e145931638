import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runCommand } from '../../../local/run-command';
import { synthesize } from '../../../local/synthesize';

jest.mock('../../../local/run-command');
jest.mock('../../../local/folders', () => {
  const { mkdtempSync: make } = jest.requireActual<{ mkdtempSync(prefix: string): string }>('node:fs');
  const { tmpdir: parent } = jest.requireActual<{ tmpdir(): string }>('node:os');
  const folder = make(`${parent()}/synthesize-test-`);
  return { ROOT: folder, CACHE: `${folder}/.outbox` };
});
const { ROOT: work } = jest.requireMock<{ readonly ROOT: string }>('../../../local/folders');

let sources = 'first';
/** The contexts of each run of the app. */
let contexts: Record<string, unknown>[] = [];

beforeEach(() => {
  contexts = [];
  sources = 'first';
  writeFileSync(join(work, 'cdk.json'), '{"context":{"flag":true}}');
  rmSync(join(work, '.outbox'), { recursive: true, force: true });
  jest.mocked(runCommand).mockImplementation((_, __, { env } = {}) => {
    const folder = env?.['CDK_OUTDIR'];
    if (folder === undefined) {
      // As the bundler does.
      mkdirSync(join(work, 'dist'), { recursive: true });
      writeFileSync(join(work, 'dist', 'bundles.sha256'), sources);
      return Promise.resolve();
    }
    const context = JSON.parse(env?.['CDK_CONTEXT_JSON'] ?? '{}') as Record<string, unknown>;
    contexts.push(context);
    mkdirSync(folder, { recursive: true });
    const mapping = { Type: 'AWS::Lambda::EventSourceMapping', of: context };
    writeFileSync(join(folder, 'Outbox.template.json'), JSON.stringify(mapping));
    return Promise.resolve();
  });
});
afterAll(() => rmSync(work, { recursive: true }));

async function synthesized(topics: string, ...brokers: string[]): Promise<unknown> {
  const template = await synthesize(mkdtempSync(join(tmpdir(), 'synthesized-')), { topics }, brokers);
  const text = readFileSync(template, 'utf8');
  rmSync(dirname(template), { recursive: true });
  return (JSON.parse(text) as { of: unknown }).of;
}

it('runs the app once for calls that differ in their brokers alone', async () => {
  for (const brokers of [['a:1'], ['b:2', 'c:3']]) {
    const bootstrapBrokers = brokers.join(',');
    const expected = { topics: 'orders', bootstrapBrokers, flag: true };
    expect(await synthesized('orders', ...brokers)).toMatchObject(expected);
  }
  expect(contexts).toHaveLength(1);
});

it('runs the app again for another context, other sources and another cdk.json', async () => {
  await synthesized('orders', 'a:1');
  expect(await synthesized('payments', 'a:1')).toMatchObject({ topics: 'payments', bootstrapBrokers: 'a:1' });
  sources = 'second';
  await synthesized('orders', 'a:1');
  writeFileSync(join(work, 'cdk.json'), '{"context":{"flag":false}}');
  expect(await synthesized('orders', 'a:1')).toMatchObject({ flag: false });
  expect(contexts).toHaveLength(4);
});
