import type { Stack } from './stack';

export interface Schedule {
  readonly sweepEveryMs: number;
  readonly probeEveryMs: number;
  readonly onSweepFailure: (error: unknown) => void;
  readonly onProbeFailure: (error: unknown) => void;
}

/** Invokes the sweeper as the rules of a deployment do. Returns a function that ends it. */
export function schedule(stack: Pick<Stack, 'sweep' | 'probe'>, options: Schedule): () => void {
  const { sweepEveryMs, probeEveryMs, onSweepFailure, onProbeFailure } = options;
  const sweeps = setInterval(() => void stack.sweep().catch(onSweepFailure), sweepEveryMs);
  const probes = setInterval(() => void stack.probe().catch(onProbeFailure), probeEveryMs);
  return () => {
    clearInterval(sweeps);
    clearInterval(probes);
  };
}
