import type { Stack } from './stack';

/** The rate of the rule in the template. */
export const PROBE_EVERY_MS = 60_000;

export interface Schedule {
  /** Default: as long as between two. */
  readonly firstSweepAfterMs?: number;
  readonly sweepEveryMs: number;
  readonly probeEveryMs: number;
  readonly onSweepFailure: (error: unknown) => void;
  readonly onProbeFailure: (error: unknown) => void;
}

/** Invokes the sweeper as the rules of a deployment do. Returns a function that ends it. */
export function schedule(stack: Pick<Stack, 'sweep' | 'probe'>, options: Schedule): () => void {
  const { sweepEveryMs, probeEveryMs, onSweepFailure, onProbeFailure } = options;
  const sweep = (): void => void stack.sweep().catch(onSweepFailure);
  const first = options.firstSweepAfterMs === undefined ? undefined : setTimeout(sweep, options.firstSweepAfterMs);
  const sweeps = setInterval(sweep, sweepEveryMs);
  const probes = setInterval(() => void stack.probe().catch(onProbeFailure), probeEveryMs);
  return () => {
    clearTimeout(first);
    clearInterval(sweeps);
    clearInterval(probes);
  };
}
