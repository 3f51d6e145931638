import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Commit } from '../children/load-writer';
import type { WriterTarget } from './writer';

/** The part of the package `pg` that a writer needs; the package belongs to the peers, not to this project. */
interface PgModule {
  readonly Pool: new (options: { readonly connectionString: string; readonly max: number }) => {
    query(text: {
      readonly name: string;
      readonly text: string;
      readonly values: readonly unknown[];
    }): Promise<unknown>;
  };
}

const CONNECTIONS = 16;

export function openPostgresTarget({
  packages,
  connection,
  statement,
}: Extract<WriterTarget, { kind: 'postgres' }>): Promise<Commit> {
  const { Pool } = createRequire(join(packages, 'package.json'))('pg') as PgModule;
  const pool = new Pool({ connectionString: connection, max: CONNECTIONS });
  return Promise.resolve(async ({ key, version, id, topic, data }) => {
    await pool.query({ name: 'write', text: statement, values: [key, version, id, topic, data] });
  });
}
