import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the repository. */
export const ROOT = join(__dirname, '..');
/** Downloads and logs of the local stack; ignored by Git. */
export const CACHE = join(ROOT, '.outbox');

/** More than a run of all tests creates: none may lose the logs of a stack that still runs. */
const LOG_FOLDERS_KEPT = 200;

/** Creates a folder for the logs of one run. Removes the oldest ones, so that test runs do not fill the disk. */
export function newLogFolder(): string {
  const logs = join(CACHE, 'logs');
  const folder = join(logs, `${new Date().toISOString().replaceAll(':', '-')}-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(logs).sort().slice(0, -LOG_FOLDERS_KEPT)) {
    rmSync(join(logs, old), { recursive: true, force: true });
  }
  return folder;
}
