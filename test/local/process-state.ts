import { spawnSync } from 'node:child_process';

/** The first letter of `ps`'s state: S sleeps, R runs, T is stopped, … `undefined` if the process has ended. */
export function processState(pid: number): string | undefined {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
    .stdout.trim()
    .charAt(0);
  // A zombie has ended; only its parent has not read its exit code yet.
  return state === '' || state === 'Z' ? undefined : state;
}
