import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { messageOf } from '../../lib/event/errors';
import { SessionError } from './session';

/**
 * The text of a file; `undefined` if there is none.
 *
 * @throws SessionError if it cannot be read, such as a folder.
 */
export function readIfExists(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new SessionError(`${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Replaces the file in one step: a half-written one is useless.
 *
 * @throws SessionError if it cannot be written; nothing has changed then.
 */
export function replaceFile(file: string, text: string): void {
  const draft = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, text);
    renameSync(draft, file);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw new SessionError(`${file} cannot be written: ${messageOf(cause)}`, { cause });
  }
}
