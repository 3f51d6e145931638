import { mkdirSync, readFileSync } from 'node:fs';
import { link, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CACHE } from './folders';

const POLL_MS = 100;

/**
 * Runs `work` while no other process of this checkout holds the lock `name`. A lock whose owner has died is removed.
 */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(CACHE, { recursive: true });
  const lock = join(CACHE, `${name}.lock`);
  const claim = `${lock}.${randomUUID()}`;
  await writeFile(claim, String(process.pid));
  try {
    // A link appears with its content in one step; a file that is opened and then written does not.
    while (!(await linked(claim, lock))) {
      if (!isAlive(ownerOf(lock))) await rm(lock, { force: true });
      else await sleep(POLL_MS);
    }
    try {
      return await work();
    } finally {
      await rm(lock, { force: true });
    }
  } finally {
    await rm(claim, { force: true });
  }
}

async function linked(claim: string, lock: string): Promise<boolean> {
  try {
    await link(claim, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** `undefined` if the lock has just been released. */
function ownerOf(lock: string): number | undefined {
  try {
    return Number(readFileSync(lock, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number | undefined): boolean {
  // Nothing to remove: the next attempt finds the lock free.
  if (pid === undefined) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
