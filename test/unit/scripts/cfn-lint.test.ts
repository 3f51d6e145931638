import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installCfnLint, type Run } from '../../../scripts/cfn-lint';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'outbox-'));
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

/** A Python with these modules. pip creates the target folder of an installation. */
function pythonWith(...modules: readonly string[]): { run: Run; calls: string[] } {
  const calls: string[] = [];
  const run: Run = (command, args) => {
    const [, module = '', ...rest] = args;
    calls.push([command.endsWith('venv/bin/python3') ? 'python3 of venv' : command, module, rest[0]].join(' '));
    const isThere = command !== 'python3' || modules.includes(module);
    if (!isThere) return Promise.reject(new Error(`No module named ${module}`));
    const target = rest[rest.indexOf('--target') + 1];
    if (rest[0] === 'install' && target !== undefined) mkdirSync(target);
    return Promise.resolve();
  };
  return { run, calls };
}

test('pip installs it, once', async () => {
  const { run, calls } = pythonWith('pip');
  const folder = await installCfnLint(cache, run);
  expect(existsSync(folder)).toBe(true);
  expect(await installCfnLint(cache, run)).toBe(folder);
  expect(calls).toEqual(['python3 pip --version', 'python3 pip install']);
  expect(readdirSync(cache)).toHaveLength(1);
});

test('a Python without pip gets one by venv', async () => {
  const { run, calls } = pythonWith('venv');
  expect(existsSync(await installCfnLint(cache, run))).toBe(true);
  expect(calls.slice(-1)).toEqual(['python3 of venv pip install']);
});

test('without Python, or with one that has neither, it says what to install', async () => {
  await expect(installCfnLint(cache, pythonWith().run)).rejects.toMatchObject({
    code: 'missing-tool',
    message: expect.stringContaining('apt-get install python3-pip'),
  });
  expect(readdirSync(cache)).toEqual([]);
});

test('what was installed in part is not taken for the whole', async () => {
  const { run } = pythonWith('pip');
  const interrupted: Run = async (command, args) => {
    await run(command, args);
    if (args.includes('install')) throw new Error('no space left on device');
  };
  await expect(installCfnLint(cache, interrupted)).rejects.toThrow('no space left');
  expect(readdirSync(cache)).toEqual([]);
});
