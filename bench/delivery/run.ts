import { tell, type Undo } from '../main';
import { BenchOptionError } from '../options';
import { silenceTimerWarning } from '../../lib/kafka/timer-warning';
import { interruptAll } from '../../local/supervised-process';

/** Runs a benchmark of the command line. It ends everything it started, even after an error or Ctrl-C. */
export async function runDelivery(bench: (undo: Undo[]) => Promise<void>): Promise<void> {
  silenceTimerWarning();
  const undo: Undo[] = [];
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interruptAll();
      process.exitCode = 130;
    });
  }
  try {
    await bench(undo);
  } catch (error) {
    if (!(error instanceof BenchOptionError)) throw error;
    tell(error.message);
    process.exitCode = 2;
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}

/** A measurement that fails is reported, and the others go on. A run takes long, so each result is shown at once. */
export async function attempt<T>(what: string, measure: () => Promise<T>): Promise<T | undefined> {
  tell(what);
  try {
    const result = await measure();
    tell(JSON.stringify(result));
    return result;
  } catch (error) {
    tell(`${what} failed: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
