import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Commit } from '../../test/chaos/history';
import { commitOf } from '../delivery/judge';
import type { LoadEvent } from '../delivery/load';
import type { Postgres } from './postgres';

/** Commits each event in a transaction of its own. No commit waits for the disk: loading a backlog is not measured. */
export async function commitBacklog(
  postgres: Postgres,
  events: readonly LoadEvent[],
  insertOf: (event: LoadEvent) => string,
): Promise<readonly Commit[]> {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-backlog-'));
  const file = join(folder, 'backlog.sql');
  const descriptor = openSync(file, 'w');
  try {
    writeSync(descriptor, 'SET synchronous_commit = off;\n');
    for (const event of events) writeSync(descriptor, `${insertOf(event)};\n`);
    closeSync(descriptor);
    await postgres.runFile(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const at = Date.now();
  return events.map((event) => commitOf(event, at));
}

/** A string in SQL. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
