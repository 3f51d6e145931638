import { basename } from 'node:path';
import { LocalStackError } from './errors';
import { spawnSupervised } from './supervised-process';

const OUTPUT_KEPT = 4_000;

/**
 * Runs a command to its end.
 *
 * @throws LocalStackError `command-failed` with the end of its output; `missing-tool` if it does not exist.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string; readonly onLine?: (line: string) => void } = {},
): Promise<void> {
  const { onLine, ...spawnOptions } = options;
  const process = await spawnSupervised(command, args, { ...spawnOptions, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const take = (chunk: Buffer): void => {
    const text = chunk.toString();
    output = (output + text).slice(-OUTPUT_KEPT);
    for (const line of text.split('\n')) if (line.trim() !== '') onLine?.(line.trim());
  };
  process.child.stdout?.on('data', take);
  process.child.stderr?.on('data', take);
  const { code, signal } = await process.exited;
  if (code !== 0) {
    throw new LocalStackError(
      'command-failed',
      `${basename(command)} ${args.join(' ')} ended with ${signal ?? `exit code ${String(code)}`}:\n${output.trim()}`,
    );
  }
}
