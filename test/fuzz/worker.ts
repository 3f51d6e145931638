import { parentPort, workerData } from 'node:worker_threads';
import { SILENT_JEST } from '../builders/without-rule';
import { fuzz, type Results } from './fuzz';
import { TARGETS } from './targets/index';

/** The input of a thread. */
export interface Work {
  readonly target: string;
  readonly first: number;
  readonly count: number;
  readonly step: number;
  /** Two numbers that the thread writes: inputs begun, and failures. They also show that it does not hang. */
  readonly progress: SharedArrayBuffer;
}

function work({ target: name, first, count, step, progress }: Work): Promise<Results> {
  // The builders make mock functions.
  Object.assign(globalThis, { jest: SILENT_JEST });
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined) throw new Error(`There is no target "${name}".`);
  const shown = new Int32Array(progress);
  let begun = 0;
  return fuzz(target, { first, count, step }, (_, failures) => {
    Atomics.store(shown, 0, ++begun);
    Atomics.store(shown, 1, failures);
  });
}

void work(workerData as Work).then((results) => parentPort?.postMessage(results));
