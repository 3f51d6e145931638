import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runCommand } from '../../../local/run-command';
import { SYNTHESIZED, synthesize } from '../../../local/synthesize';

jest.mock('../../../local/run-command');

const work = mkdtempSync(join(tmpdir(), 'synthesize-test-'));
const environment = process.env;
/** The contexts of each run of the app. */
let contexts: Record<string, unknown>[] = [];

beforeEach(() => {
  contexts = [];
  // Local tests of the same run may have set it.
  process.env = { ...environment, [SYNTHESIZED]: undefined };
  jest.mocked(runCommand).mockImplementation((_, __, { env } = {}) => {
    const folder = env?.['CDK_OUTDIR'];
    if (folder === undefined) return Promise.resolve();
    const context = JSON.parse(env?.['CDK_CONTEXT_JSON'] ?? '{}') as Record<string, unknown>;
    contexts.push(context);
    mkdirSync(folder, { recursive: true });
    const mapping = { Type: 'AWS::Lambda::EventSourceMapping', of: context };
    writeFileSync(join(folder, 'Outbox.template.json'), JSON.stringify(mapping));
    return Promise.resolve();
  });
});
afterEach(() => {
  process.env = environment;
});
afterAll(() => rmSync(work, { recursive: true }));

async function synthesized(topics: string, ...brokers: string[]): Promise<unknown> {
  const template = await synthesize(mkdtempSync(join(work, 'out-')), { topics }, brokers);
  expect(dirname(template)).toContain('out-');
  return (JSON.parse(readFileSync(template, 'utf8')) as { of: unknown }).of;
}

it('synthesizes each time, because sources change', async () => {
  for (const broker of ['a:1', 'b:2']) {
    expect(await synthesized('orders', broker)).toMatchObject({ topics: 'orders', bootstrapBrokers: broker });
  }
  expect(contexts).toHaveLength(2);
});

it('keeps for a run of tests what differs in its brokers alone', async () => {
  process.env = { ...environment, [SYNTHESIZED]: mkdtempSync(join(work, 'kept-')) };
  for (const brokers of [['a:1'], ['b:2', 'c:3']]) {
    const bootstrapBrokers = brokers.join(',');
    expect(await synthesized('orders', ...brokers)).toMatchObject({ topics: 'orders', bootstrapBrokers });
  }
  expect(contexts).toHaveLength(1);
  expect(await synthesized('payments', 'a:1')).toMatchObject({ topics: 'payments', bootstrapBrokers: 'a:1' });
  expect(contexts).toHaveLength(2);
});
