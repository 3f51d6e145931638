import { namedMessageOf } from '../../../lib/event/errors';
import type { Session } from '../session';
import { withinTime } from '../../../lib/timing/within-time';

/** `skipped`: it was not tried, and `found` says why. */
export type StepVerdict = 'ok' | 'failed' | 'skipped';

/** How one step ended. */
export interface StepResult {
  readonly step: string;
  readonly verdict: StepVerdict;
  readonly found: string;
  /** For a failed step: the next check. */
  readonly next?: string;
  readonly seconds: number;
}

export type Outcome = Pick<StepResult, 'verdict' | 'found' | 'next'>;

/** One thing that a smoke test tries. */
export interface Step {
  readonly name: string;
  /** Shown to a person while it runs. */
  readonly doing: string;
  /** Steps that must have succeeded: without them this one proves nothing. */
  readonly needs?: readonly string[];
  readonly timeoutMs: number;
  /** The next check if the step fails. */
  readonly next: string;
  run(progress: (text: string) => void): Promise<Outcome>;
}

export const done = (found: string): Outcome => ({ verdict: 'ok', found });
export const failed = (found: string, next?: string): Outcome => ({ verdict: 'failed', found, next });
export const skipped = (found: string): Outcome => ({ verdict: 'skipped', found });

/**
 * Runs the steps one after the other, each within its time limit. A failed step keeps only those steps from running
 * that need it.
 */
export async function runSteps(
  { terminal }: Pick<Session, 'terminal'>,
  steps: readonly Step[],
  onEnd: (result: StepResult) => void,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const step of steps) {
    const startedAt = Date.now();
    const end = ({ verdict, found, next }: Outcome): void => {
      const seconds = Math.round((Date.now() - startedAt) / 1000);
      const result = {
        step: step.name,
        verdict,
        found,
        next: verdict === 'failed' ? (next ?? step.next) : next,
        seconds,
      };
      results.push(result);
      onEnd(result);
    };
    const missing =
      step.needs?.filter((name) => !results.some((one) => one.step === name && one.verdict === 'ok')) ?? [];
    if (missing.length > 0) {
      end(skipped(`it needs ${missing.join(', ')}`));
      continue;
    }
    const progress = (text: string): void => {
      const seconds = Math.round((Date.now() - startedAt) / 1000);
      terminal.progress(`  ${step.name}: ${text}, ${seconds} of at most ${step.timeoutMs / 1000} s`);
    };
    progress(step.doing);
    try {
      const ms = step.timeoutMs;
      const onTimeout = (): Error => new Error(`it was not done within ${ms / 1000} s`);
      end(await withinTime(() => step.run(progress), { ms, onTimeout }));
    } catch (error) {
      end(failed(namedMessageOf(error)));
    }
  }
  return results;
}
