import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkWriter } from '../../../../bin/cli/conformance/check-writer';
import type { Vector } from '../../../../bin/cli/conformance/vectors';
import { SessionError } from '../../../../bin/cli/session';
import { vectors as stored } from '../../../../conformance/vectors.json';

const vectors = stored as unknown as readonly Vector[];
const named = (...names: readonly string[]): Vector[] =>
  names.map((name) => vectors.find((each) => each.name === name)!);
const SIX = named('with-version', 'key-empty', 'headers', 'text-data', 'no-data', 'version-0');

const folder = mkdtempSync(join(tmpdir(), 'outbox-writer-'));
afterAll(() => rmSync(folder, { recursive: true }));

let programs = 0;
/** A program that answers by the vectors; `body` runs for each line, with the right answer. */
function program(body: string, before = ''): string {
  const file = join(folder, `writer-${(programs += 1)}.js`);
  const answers = SIX.map(({ change, item }) => [JSON.stringify(change), item ?? { refused: 'it is invalid' }]);
  writeFileSync(
    file,
    `const answers = new Map(${JSON.stringify(answers)});
     const send = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
     ${before}
     let text = '';
     process.stdin.setEncoding('utf8').on('data', (chunk) => {
       const lines = (text + chunk).split('\\n');
       text = lines.pop();
       for (const line of lines) { const answer = answers.get(line); ${body} }
     });`,
  );
  return `"${process.execPath}" "${file}"`;
}

const check = async (command: string, timeoutMs = 30_000): Promise<string[]> => {
  const seen: string[] = [];
  const results = await checkWriter(SIX, { command, timeoutMs, onResult: ({ name }) => seen.push(name) });
  expect(seen).toEqual(SIX.map(({ name }) => name));
  return results.map(({ name, verdict, problems }) => [name, verdict, ...problems].join(' '));
};
const PASSED = SIX.map(({ name }) => `${name} passed`);
const replaced = (at: number, line: unknown): unknown[] => PASSED.map((each, index) => (index === at ? line : each));
const IS_HEADERS = 'line.includes("X Größe")';

test('a writer is asked for each change', async () => {
  expect(await check(program('send(answer)'))).toEqual(PASSED);
});

test('a line separator of Unicode ends no line', async () => {
  const body = `if (answer.refused) process.stdout.write('{"refused":"a\\u2028\\u2029b"}\\n'); else send(answer)`;
  expect(await check(program(body))).toEqual(PASSED);
});

test('a wrong answer is the failure of its change alone', async () => {
  const body = `send(${IS_HEADERS} ? { refused: 'no headers' } : answer)`;
  expect(await check(program(body))).toEqual(
    replaced(2, 'headers failed the change is valid, and the writer refuses it: "no headers"'),
  );
});

test('a writer that ends is started again for the next change, and its stderr is shown', async () => {
  const body = `if (${IS_HEADERS}) { console.error('no headers'); process.exit(3); } send(answer)`;
  expect(await check(program(body))).toEqual(
    replaced(2, 'headers failed the writer ended with exit code 3: no headers'),
  );
});

test('a writer that hangs is killed, and started again for the next change', async () => {
  const pids = join(folder, 'pids');
  const before = `require('node:fs').appendFileSync(${JSON.stringify(pids)}, process.pid + '\\n');`;
  // It ignores the end of its input, too.
  const body = `if (${IS_HEADERS}) setInterval(() => undefined, 1000); else send(answer)`;
  const results = await check(program(body, before), 3_000);
  expect(results).toEqual(replaced(2, 'headers failed the writer gave no answer within 3 s'));
  const [hanging = 0, next = 0] = readFileSync(pids, 'utf8').trim().split('\n').map(Number);
  expect(next).toBeGreaterThan(0);
  expect(spawnSync('ps', ['-o', 'stat=', '-p', String(hanging)], { encoding: 'utf8' }).stdout).toMatch(/^(Z.*)?\s*$/);
});

test('a writer that prints another line is started again, because its answers cannot be assigned', async () => {
  // In one write, so that both lines arrive before the next change is sent.
  const body = `const isFirst = line.includes('"version":7') && !answer.refused;
    process.stdout.write(JSON.stringify(answer) + '\\n' + (isFirst ? '{"log":"written"}\\n' : ''));`;
  const [first, second] = await check(program(body));
  expect(first).toBe('with-version passed');
  expect(second).toContain('key-empty failed the writer had printed another line after its last answer: "{\\"log');
});

test('a writer that prints another line after its very last answer does not pass', async () => {
  for (const end of ['process.stdout.write(\'{"log":"done"}\\n\')', "process.stdout.write('half a line')"]) {
    const body = `send(answer); if (line.includes('"version":0')) ${end};`;
    expect(await check(program(body))).toEqual(
      replaced(
        5,
        expect.stringMatching(/^version-0 failed the writer had printed another line after its last answer: /),
      ),
    );
  }
});

test.each([
  ['one endless line', `'x'.repeat(1 << 20)`],
  ['endless lines', `'x\\n'.repeat(1 << 19)`],
])(
  'a writer that prints %s is killed before it fills the memory',
  async (_, output) => {
    const body = `if (${IS_HEADERS}) { const flood = () => process.stdout.write(${output}, flood); flood(); } else send(answer);`;
    const [first, second, ...others] = await check(program(body));
    expect([first, second]).toEqual(PASSED.slice(0, 2));
    // An endless number of lines has a first one, which is a wrong answer.
    expect(others[0]).toMatch(
      /^headers failed (the writer had printed more than 16777216 characters|the line is no JSON)/,
    );
    expect(others.at(-1)).toBe('version-0 passed');
  },
  60_000,
);

test('a writer that loses each answer is not started forever', async () => {
  const failed = 'failed the writer ended with exit code 1';
  expect(await check(program('process.exit(1)'))).toEqual([
    ...['with-version', 'key-empty', 'headers'].map((name) => `${name} ${failed}`),
    ...['text-data', 'no-data', 'version-0'].map((name) => `${name} not-run`),
  ]);
});

test('a command that does not exist is refused', async () => {
  const checking = checkWriter(SIX, { command: join(folder, 'none'), timeoutMs: 30_000 });
  await expect(checking).rejects.toThrow(SessionError);
  await expect(checking).rejects.toThrow(
    /^conformance: the shell cannot run ".*none": the writer ended with exit code 127: /,
  );
});
