import { runSteps, done, failed, type Step, type StepResult } from '../../../bin/cli/smoke/steps';
import { pollUntil } from '../../../bin/cli/smoke/poll-until';
import { wrapped } from '../../../bin/cli/format';
import { Terminal } from '../../../bin/cli/terminal';

const terminal = new Terminal({ json: true });
const aStep = (name: string, more: Partial<Step> = {}): Step => ({
  name,
  doing: name,
  timeoutMs: 1_000,
  next: `look at ${name}`,
  run: () => Promise.resolve(done('it is')),
  ...more,
});
const never = (): Promise<never> => new Promise(() => undefined);

async function shown(...steps: readonly Step[]): Promise<string[]> {
  const ended: StepResult[] = [];
  const results = await runSteps({ terminal }, steps, (result) => void ended.push(result));
  expect(ended).toEqual(results);
  return results.map(
    ({ step, verdict, found, next }) => `${step} ${verdict}: ${found}${next === undefined ? '' : ` → ${next}`}`,
  );
}

test('a step that fails keeps those from being tried that need it, and no other', async () => {
  expect(
    await shown(
      aStep('first', { run: () => Promise.resolve(failed('no')) }),
      aStep('second', { needs: ['first'] }),
      aStep('third', { needs: ['second'] }),
      aStep('fourth'),
    ),
  ).toEqual([
    'first failed: no → look at first',
    'second skipped: it needs first',
    'third skipped: it needs second',
    'fourth ok: it is',
  ]);
});

test('a step that rejects has failed with its reason, and one that hangs when its time is over', async () => {
  expect(
    await shown(
      aStep('denied', { run: () => Promise.reject(Object.assign(new Error('no'), { name: 'AccessDeniedException' })) }),
      aStep('hung', { run: never, timeoutMs: 20 }),
      aStep('last'),
    ),
  ).toEqual([
    'denied failed: AccessDeniedException: no → look at denied',
    'hung failed: Error: it was not done within 0.02 s → look at hung',
    'last ok: it is',
  ]);
});

test('polls until there is a result, or the time is over', async () => {
  let looks = 0;
  const look = (): Promise<number | undefined> => Promise.resolve(++looks === 3 ? looks : undefined);
  expect(await pollUntil(look, { timeoutMs: 5_000, pollMs: 1 })).toBe(3);
  const nothing = await pollUntil((): Promise<number | undefined> => Promise.resolve(undefined), {
    timeoutMs: 5,
    pollMs: 1,
  });
  expect(nothing).toBeUndefined();
});

test('text keeps to 80 columns, and a word that is longer stays whole', () => {
  const lines = wrapped(`${'word '.repeat(40)}${'x'.repeat(90)}`, '    ');
  expect(lines.slice(0, -1).every((line) => line.length <= 80 && line.startsWith('    word'))).toBe(true);
  expect(lines.at(-1)).toBe(`    ${'x'.repeat(90)}`);
  expect(wrapped('', '  ')).toEqual(['  ']);
});
