import { spawnSync } from 'node:child_process';

/** First letter of what `ps` says: S sleeps, R runs, T is stopped, … `undefined` when the process has ended. */
export function processState(pid: number): string | undefined {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
    .stdout.trim()
    .charAt(0);
  // A zombie has ended; it only waits for its parent to ask how.
  return state === '' || state === 'Z' ? undefined : state;
}
