import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BUNDLE = join(__dirname, '../../../dist/bin/outbox/index.js');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The operator's command line as published; each command is a process. */
export class OutboxCli {
  /** The folder in which the commands run. */
  readonly folder = mkdtempSync(join(tmpdir(), 'outbox-cli-'));
  /** Pass it to `startStack`: the command line finds the stack by it. */
  readonly stackFile = join(this.folder, '.outbox', 'stack.json');

  async run(...args: readonly string[]): Promise<Ended> {
    // With `--table` the command line finds the stack of its folder by itself; it refuses both options together.
    const local = args.includes('--table') ? [] : ['--local', this.stackFile];
    const child = spawn(process.execPath, [BUNDLE, ...args, ...local], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // `close` comes after the streams have ended, so the last output is complete.
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  }

  /** The output of a successful command. */
  async json(...args: readonly string[]): Promise<unknown> {
    const { code, stdout, stderr } = await this.run(...args, '--json');
    if (code !== 0) throw new Error(`outbox ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
    return JSON.parse(stdout);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
