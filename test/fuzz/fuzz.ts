import { Random } from '../../lib/testing/random';
import type { Target } from './target';

export interface Failure {
  readonly seed: number;
  readonly error: string;
  readonly input: string;
}

export interface Results {
  readonly counts: ReadonlyMap<string, number>;
  readonly failures: number;
  /** The failure with the shortest input. */
  readonly shortest?: Failure;
  readonly slowestMs: number;
}

/** Processor time that no input of a few kilobytes may exceed. On a busy machine, it may take longer by the clock. */
const TIME_LIMIT_MS = 10_000;

/** Processor time of this thread in milliseconds. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** Each input has a seed of its own, so that one input can be run again. */
export async function fuzz(
  target: Target,
  seeds: { readonly first: number; readonly count: number; readonly step?: number },
  onInput: (seed: number, failures: number) => void = () => undefined,
): Promise<Results> {
  const counts = new Map<string, number>();
  let [failures, slowestMs] = [0, 0];
  let shortest: Failure | undefined;
  const { first, count, step = 1 } = seeds;
  for (let at = 0; at < count; at++) {
    const seed = first + at * step;
    onInput(seed, failures);
    const input = target.input(new Random(seed));
    const before = processorMs();
    try {
      const outcome = await target.run(input);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      const tookMs = processorMs() - before;
      slowestMs = Math.max(slowestMs, tookMs);
      if (tookMs > TIME_LIMIT_MS) throw new Error(`It took ${tookMs.toFixed(0)} ms.`);
    } catch (error) {
      failures++;
      const text = JSON.stringify(input);
      if (shortest === undefined || text.length < shortest.input.length) {
        shortest = {
          seed,
          input: text,
          error: shownError(error),
        };
      }
    }
  }
  return { counts, failures, slowestMs, ...(shortest === undefined ? {} : { shortest }) };
}

const shownError = (error: unknown): string =>
  error instanceof Error
    ? [error.stack ?? error.message, ...(error.cause === undefined ? [] : [shownError(error.cause)])].join('\n')
    : String(error);
