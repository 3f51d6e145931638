import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../../lib/event/errors';
import { spawnSupervised, type SupervisedProcess } from '../supervised-process';
import type { FunctionSettings } from '../template';
import type { Answer, Invoke } from './child-protocol';
import type { Outcome } from './decide';

/** The result of one invocation, with the figures of Lambda's REPORT line. */
export interface InvocationResult {
  readonly outcome: Outcome;
  readonly requestId: string;
  readonly durationMs: number;
  /** The time to start the process and load the module. Only for the first invocation of a process. */
  readonly initMs?: number;
  /** The highest resident set size, measured every 100 ms and at the end. */
  readonly maxRssBytes: number;
}

export interface InvokerOptions {
  readonly function: FunctionSettings;
  readonly functionName: string;
  /** The variables of the function, without those that Lambda itself sets. */
  readonly environment: Readonly<Record<string, string>>;
  readonly region: string;
  /** The file to which the output of the function is appended. */
  readonly logFile: string;
  /** Stops the process (SIGSTOP) between invocations, as Lambda freezes it. Default false. */
  readonly freeze?: boolean;
}

interface InvokerEvents {
  /** A chunk of the function's output. */
  output: [text: string];
  /** An invocation has ended, whatever its outcome. */
  invoked: [result: InvocationResult];
  /** A new process is ready for its first invocation. */
  started: [process: { readonly pid: number; readonly initMs: number }];
  /** A process has exited or was killed. */
  ended: [process: { readonly pid: number; readonly reason: string }];
}

/** Lambda's limit for loading a function. The function's own timeout does not include it. */
const INIT_TIMEOUT_MS = 10_000;
const MEMORY_POLL_MS = 100;
const INIT_OUTPUT_KEPT = 2_000;
const CHILD = join(__dirname, 'child.mts');

interface Environment {
  readonly process: SupervisedProcess;
  readonly initMs: number;
}

/**
 * Runs a bundled function in a process of its own and enforces its timeout and memory limit, one invocation at a time.
 * The process stays alive between invocations. If it has ended, the next invocation starts a new one.
 */
export class LambdaInvoker extends EventEmitter<InvokerEvents> {
  readonly #options: InvokerOptions;
  #environment: Promise<Environment> | undefined;
  #current: SupervisedProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #log: WriteStream | undefined;
  /** Whether the next invocation is the first of its process: that one reports the init time. */
  #fresh = false;

  constructor(options: InvokerOptions) {
    super();
    this.#options = options;
  }

  /** Process id of the function while it runs. */
  get pid(): number | undefined {
    return this.#current?.running() === true ? this.#current.pid : undefined;
  }

  /** Never rejects: every failure is an outcome of kind `error`. */
  invoke(event: unknown): Promise<InvocationResult> {
    return this.invokeJson(JSON.stringify(event));
  }

  /** As {@link invoke}, with the event's JSON without line breaks. */
  invokeJson(event: string | Buffer): Promise<InvocationResult> {
    const next = this.#last.then(async () => {
      const result = await this.#invokeNow(event);
      this.emit('invoked', result);
      return result;
    });
    this.#last = next;
    return next;
  }

  /** SIGKILL, also during an invocation; the next invocation starts a new process. */
  async kill(): Promise<void> {
    await this.#current?.end(0);
  }

  /** SIGSTOP; `unfreeze()` continues the process. */
  freeze(): void {
    this.#current?.signal('SIGSTOP');
  }

  unfreeze(): void {
    this.#current?.signal('SIGCONT');
  }

  /** Ends the process and closes the log. */
  async stop(): Promise<void> {
    await this.kill();
    await this.#last;
    const log = this.#log;
    this.#log = undefined;
    if (log !== undefined) await new Promise<void>((done) => log.end(done));
  }

  async #invokeNow(event: string | Buffer): Promise<InvocationResult> {
    const requestId = randomUUID();
    let startedAt = performance.now();
    const failed = (error: unknown): InvocationResult => ({
      outcome: { kind: 'error', message: messageOf(error) },
      requestId,
      durationMs: performance.now() - startedAt,
      maxRssBytes: 0,
    });
    try {
      const { process, initMs } = await this.#ensureStarted();
      startedAt = performance.now();
      const { outcome, maxRssBytes } = await this.#run(process, event, requestId);
      const cold = this.#fresh ? { initMs } : {};
      this.#fresh = false;
      return { outcome, requestId, durationMs: performance.now() - startedAt, maxRssBytes, ...cold };
    } catch (error) {
      return failed(error);
    }
  }

  #ensureStarted(): Promise<Environment> {
    if (this.pid === undefined || this.#environment === undefined) {
      this.#environment = this.#start();
      this.#fresh = true;
    }
    return this.#environment;
  }

  async #start(): Promise<Environment> {
    this.#log ??= createWriteStream(this.#options.logFile, { flags: 'a' });
    const { handler, codeFolder, memoryMb } = this.#options.function;
    // Divided as in AWS's runtime, so that Node.js collects garbage before the limit is reached.
    const newSpaceMb = Math.floor(memoryMb / 10);
    const flags = [
      `--max-semi-space-size=${Math.max(1, newSpaceMb >> 1)}`,
      `--max-old-space-size=${memoryMb - newSpaceMb}`,
    ];
    const process = await spawnSupervised(nodeBinary(), [...flags, CHILD], {
      cwd: codeFolder,
      env: { ...inherited(), ...this.#options.environment, ...this.#lambdaVariables(handler, codeFolder, memoryMb) },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    });
    this.#current = process;
    let output = '';
    const take = (chunk: Buffer): void => {
      const text = chunk.toString();
      output = (output + text).slice(-INIT_OUTPUT_KEPT);
      this.#log?.write(chunk);
      this.emit('output', text);
    };
    // The process has ended, which the invocation reports with the reason.
    process.child.stdin?.on('error', () => undefined);
    process.child.stdout?.on('data', take);
    process.child.stderr?.on('data', take);
    void process.exited.then(({ code, signal }) => {
      this.emit('ended', { pid: process.pid, reason: reasonOf(code, signal) });
    });
    const ready = await firstAnswer(
      process,
      INIT_TIMEOUT_MS,
      () => `Init timed out after ${INIT_TIMEOUT_MS / 1000} seconds`,
    );
    if (ready.kind === 'ready') {
      this.emit('started', { pid: process.pid, initMs: ready.initMs });
      return { process, initMs: ready.initMs };
    }
    await process.end(0);
    const message = 'message' in ready ? ready.message : ready.kind;
    throw new Error(`The function ${handler} in ${codeFolder} could not be loaded: ${message}\n${output}`.trim());
  }

  async #run(
    process: SupervisedProcess,
    event: string | Buffer,
    requestId: string,
  ): Promise<{ readonly outcome: Outcome; readonly maxRssBytes: number }> {
    const { timeoutSeconds, memoryMb } = this.#options.function;
    const timeoutMs = timeoutSeconds * 1000;
    const seen = { maxRssBytes: 0, outOfMemory: false };
    const memory = setInterval(() => {
      void residentBytes(process.pid).then((bytes) => {
        seen.maxRssBytes = Math.max(seen.maxRssBytes, bytes);
        if (bytes <= memoryMb * 1024 * 1024) return;
        seen.outOfMemory = true;
        process.signal('SIGKILL');
      });
    }, MEMORY_POLL_MS);
    const invoke: Invoke = { deadlineMs: Date.now() + timeoutMs, requestId };
    if (this.#options.freeze === true) process.signal('SIGCONT');
    const answered = firstAnswer(process, timeoutMs, () => `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`);
    const { stdin } = process.child;
    stdin?.write(`${JSON.stringify(invoke)}\n`);
    stdin?.write(event);
    stdin?.write('\n');
    const answer = await answered;
    clearInterval(memory);
    const maxRssBytes = Math.max(seen.maxRssBytes, await residentBytes(process.pid));
    if (answer.kind === 'answered') {
      if (this.#options.freeze === true) process.signal('SIGSTOP');
      return { outcome: { kind: 'answered', response: answer.response }, maxRssBytes };
    }
    if (answer.kind === 'timeout') await process.end(0);
    const message = seen.outOfMemory
      ? `${NO_MEMORY} (limit ${memoryMb} MB)`
      : 'message' in answer
        ? answer.message
        : answer.kind;
    return { outcome: { kind: 'error', message }, maxRssBytes };
  }

  #lambdaVariables(handler: string, codeFolder: string, memoryMb: number): Record<string, string> {
    const { functionName, region, function: lambda } = this.#options;
    return {
      _HANDLER: handler,
      LAMBDA_TASK_ROOT: codeFolder,
      LAMBDA_RUNTIME_DIR: '/var/runtime',
      AWS_EXECUTION_ENV: `AWS_Lambda_${lambda.runtime}`,
      AWS_LAMBDA_FUNCTION_NAME: functionName,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${functionName}`,
      AWS_LAMBDA_LOG_STREAM_NAME: 'local',
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
    };
  }
}

const NO_MEMORY = 'Runtime exited with error: signal: killed';

type FirstAnswer =
  | Answer
  | { readonly kind: 'timeout'; readonly message: string }
  | { readonly kind: 'ended'; readonly message: string };

async function firstAnswer(
  process: SupervisedProcess,
  timeoutMs: number,
  timedOut: () => string,
): Promise<FirstAnswer> {
  const done = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race<FirstAnswer>([
      once(process.child, 'message', { signal: done.signal }).then(([answer]) => answer as Answer, endedBeforeAnswer),
      process.exited.then(({ code, signal }) => ({
        kind: 'ended',
        message: `Runtime exited with error: ${reasonOf(code, signal)}`,
      })),
      new Promise<FirstAnswer>((resolve) => {
        timer = setTimeout(() => resolve({ kind: 'timeout', message: timedOut() }), timeoutMs);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    done.abort();
  }
}

/** Reached only if the wait is aborted after the race is decided. */
const endedBeforeAnswer = (): FirstAnswer => ({ kind: 'ended', message: 'Runtime exited' });

const reasonOf = (code: number | null, signal: NodeJS.Signals | null): string =>
  signal === 'SIGKILL' ? 'signal: killed' : signal === null ? `exit status ${String(code)}` : `signal: ${signal}`;

/** The function inherits no other variables: a variable that is set on this machine is not set in AWS. */
function inherited(): NodeJS.ProcessEnv {
  const { PATH, HOME, TZ } = process.env;
  return { PATH, HOME, TZ };
}

/** Node.js 24 of the devDependencies, as in the template, even if another version runs this process. */
const nodeBinary = (): string => join(dirname(require.resolve('node/package.json')), 'bin', 'node');

async function residentBytes(pid: number): Promise<number> {
  if (process.platform !== 'linux') return residentBytesOfPs(pid);
  try {
    const [, kilobytes = '0'] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes) * 1024;
  } catch (error) {
    // The process has ended.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}

/** For systems without /proc. `ps` prints nothing about a process that has ended. */
const residentBytesOfPs = (pid: number): Promise<number> =>
  new Promise((resolve) => {
    execFile('ps', ['-o', 'rss=', '-p', String(pid)], (_, kilobytes) => resolve(Number(kilobytes) * 1024));
  });
