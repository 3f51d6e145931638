import { silenceTimerWarning } from '../lib/kafka/timer-warning';
import { BenchOptionError, parseBenchOptions, type BenchOptions } from './options';

export type Undo = () => Promise<void>;

export const tell = (text: string): void => console.error(text);

/** Runs a benchmark of the command line and prints its report. It ends everything it started, even after an error. */
export async function runBench<R>(
  script: string,
  bench: (options: BenchOptions, undo: Undo[]) => Promise<R>,
  render: (report: R) => string,
): Promise<void> {
  silenceTimerWarning();
  const undo: Undo[] = [];
  try {
    const options = parseBenchOptions(process.argv.slice(2), script);
    const report = await bench(options, undo);
    console.log(options.json ? JSON.stringify(report) : render(report));
  } catch (error) {
    if (!(error instanceof BenchOptionError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}
