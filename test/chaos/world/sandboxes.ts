import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LambdaInvoker, type InvocationResult } from '../../../local/event-source-mapping/invoker';
import type { FunctionSettings } from '../../../local/template';
import type { Random } from '../../../lib/testing/random';

export interface SandboxOptions {
  readonly function: FunctionSettings;
  readonly environment: Readonly<Record<string, string>>;
  readonly region: string;
  readonly logFolder: string;
  readonly random: Random;
}

/** How the next sandboxes differ from the template. */
export interface Deviation {
  readonly timeoutSeconds?: number;
  readonly memoryMb?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

interface Sandbox {
  readonly invoker: LambdaInvoker;
  readonly deviation: Deviation | undefined;
  isBusy: boolean;
  /** Ends the running invocation for its caller; the process goes on. */
  abandon: ((why: string) => void) | undefined;
}

/** So many stay when nothing is invoked. */
const KEPT = 4;
/** A frozen process that was abandoned and goes on again has this long before it is ended. */
export const ZOMBIE_MS = 20_000;

/** How an invocation ended that did not succeed. */
export interface Ends {
  killed: number;
  timedOut: number;
  outOfMemory: number;
  abandoned: number;
}

/**
 * The execution environments of a function, as Lambda has them: an invocation gets any idle one, or a new one. Those of
 * several shards run at the same time.
 */
export class Sandboxes {
  readonly ends: Ends = { killed: 0, timedOut: 0, outOfMemory: 0, abandoned: 0 };
  invocations = 0;
  readonly #options: SandboxOptions;
  readonly #all = new Set<Sandbox>();
  readonly #zombies = new Set<Promise<void>>();
  #deviation: Deviation | undefined;
  #fails: 'before' | 'after' | undefined;
  #isMixed = false;
  #made = 0;

  constructor(options: SandboxOptions) {
    this.#options = options;
  }

  /** Never rejects, as `LambdaInvoker.invoke`. */
  async invoke(event: unknown): Promise<InvocationResult> {
    this.invocations++;
    const fails = this.#fails;
    if (fails === 'before') return errorOf('Made to fail before the function ran');
    const sandbox = this.#take();
    sandbox.isBusy = true;
    const abandoned = new Promise<InvocationResult>((resolve) => {
      sandbox.abandon = (why) => resolve(errorOf(why));
    });
    const result = await Promise.race([sandbox.invoker.invoke(event), abandoned]);
    sandbox.isBusy = false;
    sandbox.abandon = undefined;
    this.#count(result);
    if (result.outcome.kind === 'error') this.#discard(sandbox);
    return fails === 'after' ? { ...result, ...errorOf('Made to fail after the function had run') } : result;
  }

  /** While it is set, invocations fail without the function, or after it did its work. */
  set fails(moment: 'before' | 'after' | undefined) {
    this.#fails = moment;
  }

  /** While it is set, each invocation gets one of several processes at random. */
  set isMixed(isMixed: boolean) {
    this.#isMixed = isMixed;
  }

  /** While it is set, invocations get sandboxes that differ from the template. */
  set deviation(deviation: Deviation | undefined) {
    this.#deviation = deviation;
  }

  get busy(): number {
    return [...this.#all].filter(({ isBusy }) => isBusy).length;
  }

  /** SIGKILL to one that is working, if there is one, else to any; or to all. */
  async kill(which: 'one' | 'all'): Promise<void> {
    const all = [...this.#all];
    const one = this.#anyBusy() ?? this.#options.random.pick(all);
    const chosen = which === 'all' ? all : one === undefined ? [] : [one];
    await Promise.all(chosen.map(({ invoker }) => invoker.kill()));
  }

  /** SIGSTOP to one that is working; its caller waits. Returns whether there was one. */
  async freeze(ms: number): Promise<boolean> {
    const sandbox = this.#anyBusy();
    if (sandbox === undefined) return false;
    sandbox.invoker.freeze();
    await sleep(ms);
    sandbox.invoker.unfreeze();
    return true;
  }

  /**
   * SIGSTOP to one that is working, while its caller is told that it timed out. After `ms` it continues next to its
   * successor, as a zombie. Returns whether there was one.
   */
  makeZombie(ms: number): boolean {
    const sandbox = this.#anyBusy();
    if (sandbox?.abandon === undefined) return false;
    sandbox.invoker.freeze();
    this.#all.delete(sandbox);
    this.ends.abandoned++;
    sandbox.abandon('Task timed out');
    const gone = (async () => {
      await sleep(ms);
      sandbox.invoker.unfreeze();
      await sleep(ZOMBIE_MS);
      await sandbox.invoker.stop();
    })();
    this.#zombies.add(gone);
    void gone.finally(() => this.#zombies.delete(gone));
    return true;
  }

  /** Resolves when no zombie is left. */
  async withoutZombies(): Promise<void> {
    await Promise.all(this.#zombies);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#all].map(({ invoker }) => invoker.stop()));
    await this.withoutZombies();
  }

  #anyBusy(): Sandbox | undefined {
    return this.#options.random.pick([...this.#all].filter(({ isBusy }) => isBusy));
  }

  #take(): Sandbox {
    const deviation = this.#deviation;
    const idle = [...this.#all].filter((each) => !each.isBusy && each.deviation === deviation);
    const wanted = this.#isMixed && idle.length < KEPT && this.#all.size < 2 * KEPT;
    const chosen = this.#isMixed ? this.#options.random.pick(idle) : idle[0];
    return chosen === undefined || wanted ? this.#make(deviation) : chosen;
  }

  #make(deviation: Deviation | undefined): Sandbox {
    const { function: settings, environment, region, logFolder } = this.#options;
    const { timeoutSeconds = settings.timeoutSeconds, memoryMb = settings.memoryMb } = deviation ?? {};
    const invoker = new LambdaInvoker({
      function: { ...settings, timeoutSeconds, memoryMb },
      functionName: 'relay-local',
      environment: { ...environment, ...deviation?.environment },
      ...{ region, logFile: join(logFolder, `relay-${++this.#made}.log`) },
    });
    const sandbox: Sandbox = { invoker, deviation, isBusy: false, abandon: undefined };
    this.#all.add(sandbox);
    return sandbox;
  }

  #discard(sandbox: Sandbox): void {
    if (!this.#all.delete(sandbox)) return;
    // The process has ended by itself, or it reported an error; Lambda would reuse the latter, and may not.
    void sandbox.invoker.stop();
  }

  #count({ outcome }: InvocationResult): void {
    if (outcome.kind !== 'error') return;
    if (outcome.message.includes('(limit')) this.ends.outOfMemory++;
    else if (outcome.message.startsWith('Task timed out after')) this.ends.timedOut++;
    else if (outcome.message.includes('signal: killed')) this.ends.killed++;
  }
}

const errorOf = (message: string): InvocationResult => ({
  ...{ outcome: { kind: 'error', message }, requestId: '', durationMs: 0, maxRssBytes: 0 },
});
