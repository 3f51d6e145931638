import { OutboxCli } from './harness/cli';
import { startWorld, STARTUP_MS, type World } from './harness/world';
import type { StepResult } from '../../bin/cli/smoke/steps';

let world: World;
const cli = new OutboxCli();
const TEST_MS = 600_000;

interface Smoke {
  readonly run: string;
  readonly topic: string;
  readonly isWell: boolean;
  readonly steps: readonly StepResult[];
  readonly remains: string;
}

beforeAll(async () => {
  world = await startWorld({ stackFile: cli.stackFile });
}, STARTUP_MS);
afterAll(async () => {
  await world.stop();
  cli.remove();
});

const smoke = async (...args: readonly string[]): Promise<{ code: number | null; result: Smoke }> => {
  const { code, stdout } = await cli.run('smoke', '--json', '--timeout', '60s', ...args);
  return { code, result: JSON.parse(stdout) as Smoke };
};
const verdicts = ({ steps }: Smoke): Record<string, string> =>
  Object.fromEntries(steps.map(({ step, verdict }) => [step, verdict]));

it(
  'a sound outbox works: everything that can be tried here is, and nothing is left in the table',
  async () => {
    const { code, result } = await smoke('--topic', 'audit');
    expect(result.steps.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
    expect({ code, topic: result.topic, isWell: result.isWell }).toEqual({ code: 0, topic: 'audit', isWell: true });
    expect(verdicts(result)).toEqual({
      doctor: 'ok',
      write: 'ok',
      publish: 'ok',
      read: 'ok',
      alarms: 'skipped',
      park: 'ok',
    });
    expect(result.remains).toMatch(/^102 items were deleted from the table\. The messages stay in audit/);

    expect(await world.holds()).toEqual([]);
    const left = (await world.items()).filter(({ pk }) => pk.startsWith('outbox-smoke#'));
    expect(left).toEqual([]);
    const keys = [...Array(10).keys()].map((at) => `${result.run}-${at + 1}`);
    expect(keys.flatMap((key) => world.reader.ofKey(key))).toHaveLength(100);
    expect(world.reader.ofKey(`${result.run}-parked`)).toHaveLength(1);
  },
  TEST_MS,
);

it(
  'brokers that cannot be reached from here leave the receipts to judge by',
  async () => {
    const { code, result } = await smoke(
      '--topic',
      'audit',
      '--brokers',
      '127.0.0.1:1',
      '--auth',
      'none',
      '--without',
      'park',
    );
    expect(code).toBe(0);
    expect(verdicts(result)).toMatchObject({ publish: 'ok', read: 'skipped', park: 'skipped' });
    expect(result.steps.find(({ step }) => step === 'read')?.found).toContain('127.0.0.1:1 can be reached from here');
  },
  TEST_MS,
);

it(
  'a topic that does not exist is found out by one event, which holds nothing afterwards',
  async () => {
    const { code, result } = await smoke('--topic', 'nowhere', '--without', 'doctor');
    expect({ code, isWell: result.isWell }).toEqual({ code: 1, isWell: false });
    expect(verdicts(result)).toEqual({
      doctor: 'skipped',
      write: 'failed',
      publish: 'skipped',
      read: 'skipped',
      alarms: 'skipped',
      park: 'skipped',
    });
    expect(result.steps.find(({ step }) => step === 'write')).toMatchObject({
      found: expect.stringMatching(/^Kafka refuses the first event for nowhere.*unknown-topic.*\(skipped: released\)$/),
      next: expect.stringContaining('docs/runbooks/held-keys.md'),
    });
    expect(await world.holds()).toEqual([]);
    // After a failure, the events are evidence.
    expect(result.remains).toContain('The events stay in the table');
    const left = (await world.items()).filter(({ pk }) => pk.startsWith(`outbox-smoke#${result.run}`));
    expect(left).toHaveLength(1);
  },
  TEST_MS,
);
