import { Session } from 'node:inspector/promises';
import type { Profiler } from 'node:inspector';

/** Which characters of a script have run, and which of its functions. */
export interface Coverage {
  readonly ran: Uint8Array;
  /** Whether each function was called, by its range `start-end`. */
  readonly functions: ReadonlyMap<string, boolean>;
}

/** Records which code of this thread runs. */
export class CoverageRecorder {
  readonly #session = new Session();

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  }

  /**
   * Ends the recording.
   *
   * @param scripts - by name: the file that the script was loaded as, its code, and the length of what stands before it
   */
  async stop<Name extends string>(
    scripts: Readonly<Record<Name, { readonly url: string; readonly code: string; readonly before: number }>>,
  ): Promise<Partial<Record<Name, Coverage>>> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    await this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
    const found: Partial<Record<Name, Coverage>> = {};
    for (const name of Object.keys(scripts) as Name[]) {
      const { url, code, before } = scripts[name];
      const script = result.find((one) => one.url.endsWith(url));
      if (script !== undefined) found[name] = coverageOf(script.functions, code.length, before);
    }
    return found;
  }
}

function coverageOf(functions: readonly Profiler.FunctionCoverage[], length: number, before: number): Coverage {
  const ran = new Uint8Array(length);
  const called = new Map<string, boolean>();
  // An outer range stands before those inside.
  for (const { ranges } of functions) {
    for (const [at, { startOffset, endOffset, count }] of ranges.entries()) {
      const [from, to] = [startOffset - before, endOffset - before];
      ran.fill(count > 0 ? 1 : 0, Math.max(0, from), Math.max(0, to));
      if (at === 0) called.set(`${from}-${to}`, count > 0);
    }
  }
  return { ran, functions: called };
}

/** The code that ran in one of the two. */
export function merged(one: Coverage | undefined, other: Coverage): Coverage {
  if (one === undefined) return other;
  const functions = new Map(one.functions);
  for (const [range, wasCalled] of other.functions) functions.set(range, wasCalled || functions.get(range) === true);
  return { ran: one.ran.map((ran, at) => ran | (other.ran[at] ?? 0)), functions };
}

export interface Unreached {
  /** The module's path, as esbuild writes it above the module's code. */
  readonly file: string;
  readonly code: string;
}

/** Functions called and known, and the code that never ran, in those modules of a bundle that `isCore` accepts. */
export function unreached(code: string, { ran, functions }: Coverage, isCore: (file: string) => boolean) {
  const modules = [...code.matchAll(/^\/\/ (\S+\.ts)$/gm)].map(({ 1: file = '', index }) => ({ file, index }));
  const never: Unreached[] = [];
  let [called, known] = [0, 0];
  for (const [at, { file, index }] of modules.entries()) {
    if (!isCore(file)) continue;
    const end = modules[at + 1]?.index ?? code.length;
    for (const [range, wasCalled] of functions) {
      const [from = 0, to = 0] = range.split('-').map(Number);
      if (from <= index || to > end) continue;
      known++;
      if (wasCalled) called++;
    }
    never.push(...gaps(code, ran, index, end).map((gap) => ({ file, code: gap })));
  }
  return { called, known, never };
}

/** Operands of an expression, such as a default; the rest are functions and statements. */
export const isOperand = ({ code }: Unreached): boolean => /^(\?|:|&&|\|\|)/.test(code);

/** Stretches that never ran and contain more than brackets. */
function gaps(code: string, ran: Uint8Array, from: number, to: number): string[] {
  const found: string[] = [];
  for (let at = from; at < to; at++) {
    if (ran[at] !== 0) continue;
    const start = at;
    while (at < to && ran[at] === 0) at++;
    const text = code.slice(start, at).replaceAll(/\s+/g, ' ').trim();
    if (/\w/.test(text)) found.push(text);
  }
  return found;
}
