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

/** No input of a few kilobytes may take longer. */
const TIME_LIMIT_MS = 10_000;

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
    const before = performance.now();
    try {
      const outcome = await target.run(input);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      const tookMs = performance.now() - before;
      slowestMs = Math.max(slowestMs, tookMs);
      if (tookMs > TIME_LIMIT_MS) throw new Error(`It took ${tookMs.toFixed(0)} ms.`);
    } catch (error) {
      failures++;
      const text = JSON.stringify(input);
      if (shortest === undefined || text.length < shortest.input.length) {
        shortest = {
          seed,
          input: text,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        };
      }
    }
  }
  return { counts, failures, slowestMs, ...(shortest === undefined ? {} : { shortest }) };
}
