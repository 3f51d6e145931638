import { execFileSync, spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { chown, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { LocalStackError } from '../../local/errors';
import { freePorts } from '../../local/free-port';
import { runCommand } from '../../local/run-command';
import { spawnSupervised } from '../../local/supervised-process';
import { waitUntil } from '../../local/wait-until';

/** A private cluster of PostgreSQL on a free port of 127.0.0.1. Its data is removed when it stops. */
export interface Postgres {
  /** `postgres://…`, for every client. */
  readonly connection: string;
  readonly port: number;
  /** The version of the server. */
  readonly version: string;
  readonly pid: number;
  /** Runs statements, each in a transaction of its own unless the text says otherwise. */
  run(sql: string): Promise<void>;
  /** Runs a file of statements. */
  runFile(file: string): Promise<void>;
  stop(): Promise<void>;
}

/** PostgreSQL refuses to run as root. */
const USER = 'postgres';
const DATABASE = 'postgres';
const READY_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 5_000;
const PROGRAMS = ['initdb', 'postgres', 'psql', 'pg_isready'] as const;

/** Durable commits, as in production, and enough of everything that the peers need. */
const SETTINGS = {
  wal_level: 'logical',
  max_wal_senders: '8',
  max_replication_slots: '8',
  max_connections: '100',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  listen_addresses: '127.0.0.1',
};

/** @throws LocalStackError `missing-tool` if PostgreSQL is not installed. */
export async function startPostgres(logFolder: string): Promise<Postgres> {
  const bin = binaries();
  const folder = mkdtempSync(join(tmpdir(), 'outbox-postgres-'));
  const data = join(folder, 'data');
  const asUser = userPrefix();
  if (asUser.length > 0) await chown(folder, idOf('-u'), idOf('-g'));
  const [port = 0] = await freePorts(1);
  const log = createWriteStream(join(logFolder, 'postgres.log'), { flags: 'a' });
  await once(log, 'open');
  const initdb = [join(bin, 'initdb'), '-D', data, '-U', USER, '--auth=trust', '--encoding=UTF8', '--no-sync'];
  await runCommand('env', [...asUser, ...initdb]);
  const settings = Object.entries({ ...SETTINGS, port: String(port), unix_socket_directories: folder });
  const started = await spawnSupervised(
    'env',
    [...asUser, join(bin, 'postgres'), '-D', data, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { stdio: ['ignore', log, log] },
  );
  log.close();
  const connection = `postgres://${USER}@127.0.0.1:${port}/${DATABASE}`;
  const psql = (...args: readonly string[]): Promise<void> =>
    runCommand(join(bin, 'psql'), ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', connection, ...args]);
  await waitUntil('PostgreSQL', READY_TIMEOUT_MS, () => {
    if (!started.running()) throw new LocalStackError('not-ready', 'PostgreSQL ended while it started.');
    return spawnSync(join(bin, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)]).status === 0 || undefined;
  });
  return {
    connection,
    port,
    version: execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).replace(
      /^\D*([\d.]+).*\s*$/s,
      '$1',
    ),
    pid: started.pid,
    run: async (sql) => {
      const file = join(folder, 'statements.sql');
      writeFileSync(file, sql);
      await psql('-f', file);
    },
    runFile: (file) => psql('-f', file),
    stop: async () => {
      // SIGTERM waits for the clients to leave.
      started.signal('SIGINT');
      await started.end(STOP_GRACE_MS);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const userPrefix = (): readonly string[] =>
  process.getuid?.() === 0 ? ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--'] : [];

const idOf = (flag: '-u' | '-g'): number => Number(execFileSync('id', [flag, USER], { encoding: 'utf8' }));

/** The folder of the server's programs. Debian keeps them off the PATH, in a folder for each version. */
function binaries(): string {
  const versions = join('/usr', 'lib', 'postgresql');
  const debian = existsSync(versions) ? readdirSync(versions).map((version) => join(versions, version, 'bin')) : [];
  const candidates = [...(process.env['PATH'] ?? '').split(delimiter), ...debian.toReversed()];
  const found = candidates.find((folder) => PROGRAMS.every((program) => existsSync(join(folder, program))));
  if (found !== undefined) return found;
  throw new LocalStackError(
    'missing-tool',
    `The peers need PostgreSQL 14 or newer (${PROGRAMS.join(', ')}): apt-get install postgresql, or put its programs on the PATH.`,
  );
}
