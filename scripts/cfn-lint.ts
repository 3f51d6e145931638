import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LocalStackError } from '../local/errors';
import { CACHE } from '../local/folders';
import { runCommand } from '../local/run-command';

const VERSION = '1.58.0';
/** `W3005`: the CDK also writes dependencies that follow from references. */
const IGNORED = ['W3005'];

const PIP_OPTIONS = ['--quiet', '--disable-pip-version-check', '--no-warn-script-location'];

/** Runs a command to its end, with the contract of `runCommand`. */
export type Run = (command: string, args: readonly string[], options?: { env?: NodeJS.ProcessEnv }) => Promise<void>;

/**
 * Rejects if cfn-lint finds an error or a warning in the templates.
 *
 * @throws LocalStackError `command-failed` with the findings.
 */
export async function lintTemplates(templates: readonly string[]): Promise<void> {
  const folder = await installCfnLint();
  const args = ['--ignore-checks', ...IGNORED, '--template', ...templates];
  const env = { ...process.env, PYTHONPATH: folder };
  await runCommand('python3', [join(folder, 'bin', 'cfn-lint'), ...args], { env });
}

/**
 * Installs cfn-lint into its own folder, once, and returns the folder. Nothing outside of the folder changes.
 *
 * @throws LocalStackError `missing-tool` without Python, or if Python has neither pip nor venv; `command-failed` with
 * the output of pip.
 */
export async function installCfnLint(cache: string = CACHE, run: Run = runCommand): Promise<string> {
  const folder = join(cache, `cfn-lint-${VERSION}`);
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  // A partial installation must not pass for a complete one.
  const scratch = mkdtempSync(join(cache, 'cfn-lint-new-'));
  try {
    const python = await pythonWithPip(scratch, run);
    const target = join(scratch, 'packages');
    await run(python, ['-m', 'pip', 'install', ...PIP_OPTIONS, '--target', target, `cfn-lint==${VERSION}`]);
    renameSync(target, folder);
    return folder;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Debian and its derivatives package pip and venv apart from Python; one of the two is enough. */
async function pythonWithPip(scratch: string, run: Run): Promise<string> {
  try {
    await run('python3', ['-m', 'pip', '--version']);
    return 'python3';
  } catch {
    const venv = join(scratch, 'venv');
    await run('python3', ['-m', 'venv', venv]).catch((cause: unknown) => {
      throw new LocalStackError(
        'missing-tool',
        'cfn-lint is installed by Python 3.9 or newer with pip or venv, and neither works here. Install them: "apt-get install python3-pip" on Debian and Ubuntu, "brew install python" on macOS.',
        { cause },
      );
    });
    return join(venv, 'bin', 'python3');
  }
}
