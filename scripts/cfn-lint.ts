import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LocalStackError } from '../local/errors';
import { CACHE } from '../local/folders';
import { runCommand } from '../local/run-command';

const VERSION = '1.58.0';
/** `W3005`: the CDK writes out dependencies that follow from references anyway. */
const IGNORED = ['W3005'];

const PIP_OPTIONS = ['--quiet', '--disable-pip-version-check', '--no-warn-script-location'];

/** Runs a command to its end; as `runCommand`, which is the default everywhere here. */
export type Run = (command: string, args: readonly string[], options?: { env?: NodeJS.ProcessEnv }) => Promise<void>;

/**
 * Fails for what cfn-lint finds in the templates, warnings included.
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
 * Installs cfn-lint into a folder of its own, once, and answers the folder. Nothing outside of it is changed.
 *
 * @throws LocalStackError `missing-tool` without Python, or with one that has neither pip nor venv; `command-failed` with
 * what pip says.
 */
export async function installCfnLint(cache: string = CACHE, run: Run = runCommand): Promise<string> {
  const folder = join(cache, `cfn-lint-${VERSION}`);
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  // What was installed in part must not be taken for the whole.
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

/** Debian and its children pack pip and venv apart from Python; either will do. */
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
