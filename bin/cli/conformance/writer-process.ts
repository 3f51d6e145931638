import { spawn, type ChildProcess } from 'node:child_process';

/** How a writer reacted to a line. */
export type Reply =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'late' }
  | { readonly kind: 'ended'; readonly code: number | null; readonly how: string }
  /** The writer had printed more lines than answers, so that none can be assigned. */
  | { readonly kind: 'extra'; readonly line: string }
  /** The writer had printed more than {@link MAX_PRINTED} characters that are no answers, and was killed. */
  | { readonly kind: 'flood' };

/** Several times the longest item in DynamoDB JSON whose characters are all escaped. */
export const MAX_PRINTED = 16 * 1024 * 1024;
const KEPT_STDERR = 2_000;
const END_GRACE_MS = 2_000;
/** A terminal sends them to the group of this process alone. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A running writer. One line is asked at a time. */
export class WriterProcess {
  readonly #child: ChildProcess;
  readonly #unread: string[] = [];
  #unfinished = '';
  /** Characters of the two above. */
  #printed = 0;
  #hasFlooded = false;
  #stderr = '';
  #ended: Extract<Reply, { kind: 'ended' }> | undefined;
  #wake: () => void = () => undefined;

  /** @param command - for the shell */
  constructor(command: string) {
    // In a process group of its own, so that the shell and the writer end together.
    const child = spawn(command, { shell: true, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    // Not by `readline`, which also ends lines at U+2028 and U+2029; JSON may contain both.
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#printed += text.length;
      if (this.#printed > MAX_PRINTED) {
        this.#flooded();
        return;
      }
      const [first = '', ...others] = text.split('\n');
      const lines = [this.#unfinished + first, ...others];
      this.#unfinished = lines.pop() ?? '';
      this.#unread.push(...lines);
      this.#wake();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR);
    });
    // A writer that has ended is reported by its exit.
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => this.#end(null, `could not be started: ${error.message}`));
    // Its last output has been read by then.
    child.once('close', (code, signal) => this.#end(code, `ended with ${signal ?? `exit code ${String(code)}`}`));
    for (const name of SIGNALS) process.once(name, this.#interrupted);
  }

  /** Sends a line and resolves with the reply. Never rejects. */
  async ask(line: string, timeoutMs: number): Promise<Reply> {
    const unasked = this.#unasked();
    if (unasked !== undefined) return unasked;
    this.#child.stdin?.write(`${line}\n`);
    const isLate = await this.#changed(timeoutMs);
    if (this.#hasFlooded) return { kind: 'flood' };
    const answer = this.#unread.shift();
    this.#printed = this.#unfinished.length + this.#unread.reduce((sum, each) => sum + each.length + 1, 0);
    if (answer !== undefined) return { kind: 'line', line: answer };
    return isLate ? { kind: 'late' } : (this.#ended ?? { kind: 'late' });
  }

  /**
   * Lets the writer end by closing its input, and kills it if it does not. Resolves with what it has printed after its
   * last answer, if anything.
   */
  async stop(): Promise<Reply | undefined> {
    this.#child.stdin?.end();
    const hasEnded = (): boolean => this.#ended !== undefined;
    await this.#changed(END_GRACE_MS, hasEnded);
    this.#kill();
    await this.#changed(END_GRACE_MS, hasEnded);
    for (const name of SIGNALS) process.off(name, this.#interrupted);
    return this.#unasked() ?? (this.#unfinished === '' ? undefined : { kind: 'extra', line: this.#unfinished });
  }

  /** Output that is no answer, because no change was sent before it. */
  #unasked(): Reply | undefined {
    if (this.#hasFlooded) return { kind: 'flood' };
    const line = this.#unread.shift();
    return line === undefined ? undefined : { kind: 'extra', line };
  }

  #flooded(): void {
    this.#hasFlooded = true;
    this.#unread.length = 0;
    this.#unfinished = '';
    this.#child.stdout?.destroy();
    this.#kill();
    this.#wake();
  }

  /** Resolves when there is a line or an end: whether the time was over before. */
  #changed(timeoutMs: number, isDone = () => this.#hasAnything()): Promise<boolean> {
    if (isDone()) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(true), timeoutMs);
      const finish = (isLate: boolean): void => {
        clearTimeout(timer);
        this.#wake = () => undefined;
        resolve(isLate);
      };
      this.#wake = () => {
        if (isDone()) finish(false);
      };
    });
  }

  #hasAnything(): boolean {
    return this.#unread.length > 0 || this.#hasFlooded || this.#ended !== undefined;
  }

  #end(code: number | null, how: string): void {
    const stderr = this.#stderr.trim();
    this.#ended ??= { kind: 'ended', code, how: stderr === '' ? how : `${how}: ${stderr}` };
    this.#wake();
  }

  readonly #interrupted = (name: NodeJS.Signals): void => {
    this.#kill();
    for (const each of SIGNALS) process.off(each, this.#interrupted);
    process.kill(process.pid, name);
  };

  #kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      // The whole group, even if the shell has ended.
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      // ESRCH: every process of the group has ended.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
