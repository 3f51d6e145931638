import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { OpenSubject, Subject } from '../delivery/subject';
import { withChildren } from '../delivery/usage';
import { commitBacklog, quoted } from './backlog';
import { versionOf, type PeerFolders } from './packages';
import type { Postgres } from './postgres';
import { RestartedProcess } from '../../local/restarted-process';

/**
 * `replication`: the library's default, one message after the other. `replication-by-key`: messages of different keys
 * at the same time. `polling`: the oldest messages of up to 100 keys at the same time.
 */
export type PgOutboxMode = 'replication' | 'replication-by-key' | 'polling';

/** The part of the package that writes the statements for its tables. */
interface OutboxModule {
  readonly DatabaseSetup: Readonly<
    Record<
      | 'dropAndCreateTable'
      | 'setupReplicationCore'
      | 'setupReplicationSlot'
      | 'createPollingFunction'
      | 'setupPollingIndexes',
      (config: object) => string
    >
  >;
}

const NAMES: Readonly<Record<PgOutboxMode, string>> = {
  replication: 'pg-transactional-outbox, replication',
  'replication-by-key': 'pg-transactional-outbox, replication by key',
  polling: 'pg-transactional-outbox, polling',
};

const COLUMNS = 'aggregate_type, message_type, id, aggregate_id, segment, metadata, payload';
const CONSTANTS = `'order', 'order.placed'`;
/** It sends one message at a time, so that a small backlog takes as long as a large one of the others. */
const BACKLOG_SHARE = 0.05;

/** A relay that sends each message by kafkajs, with the listener of pg-transactional-outbox. */
export function pgTransactionalOutbox(postgres: Postgres, folders: PeerFolders, mode: PgOutboxMode): Subject {
  let runs = 0;
  return {
    name: NAMES[mode],
    versions: `pg-transactional-outbox ${versionOf('package.json', 'pg-transactional-outbox')} with kafkajs ${versionOf('package.json', 'kafkajs')}, PostgreSQL ${postgres.version}`,
    idHeader: 'id',
    backlogShare: BACKLOG_SHARE,
    open: (brokers) => openOutbox(postgres, folders, mode, brokers, `outbox_${mode.replaceAll('-', '_')}_${++runs}`),
    close: () => Promise.resolve(),
  };
}

async function openOutbox(
  postgres: Postgres,
  { packages, logFolder }: PeerFolders,
  mode: PgOutboxMode,
  brokers: readonly string[],
  run: string,
): Promise<OpenSubject> {
  const { DatabaseSetup: setup } = createRequire(join(packages, 'package.json'))(
    'pg-transactional-outbox',
  ) as OutboxModule;
  const config = {
    ...{ outboxOrInbox: 'outbox', database: 'postgres', schema: run, table: 'outbox', listenerRole: 'postgres' },
    ...{ publication: run, replicationSlot: run, nextMessagesName: 'next_outbox_messages' },
  };
  const steps =
    mode === 'polling'
      ? [setup.createPollingFunction, setup.setupPollingIndexes]
      : [setup.setupReplicationCore, setup.setupReplicationSlot];
  await postgres.run(
    [
      ...[setup.dropAndCreateTable, ...steps].map((step) => step(config)),
      `CREATE TABLE ${run}.orders (key text PRIMARY KEY, version int NOT NULL);`,
    ].join('\n'),
  );
  const relay = new RestartedProcess({
    command: nodeBinary(),
    args: [join(__dirname, 'pg-outbox-relay.mts')],
    env: {
      PATH: process.env['PATH'],
      PEER_PACKAGES: packages,
      PEER_SCHEMA: run,
      PEER_BROKERS: brokers.join(','),
      PEER_CONNECTION: postgres.connection,
      PEER_MODE: mode,
    },
    logFile: join(logFolder, `${run}.log`),
  });
  return {
    target: {
      kind: 'postgres',
      packages,
      connection: postgres.connection,
      statement: `WITH business AS (INSERT INTO ${run}.orders VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET version = $2)
        INSERT INTO ${run}.outbox (${COLUMNS}) VALUES (${CONSTANTS}, $3, $1, $1, jsonb_build_object('topic', $4::text), $5)`,
    },
    pidsOf: () => ({ relay: relay.pids, store: withChildren(postgres.pid) }),
    commit: (events) =>
      commitBacklog(postgres, events, ({ id, key, topic, data }) => {
        const values = [id, key, key, JSON.stringify({ topic }), data].map(quoted).join(', ');
        return `INSERT INTO ${run}.outbox (${COLUMNS}) VALUES (${CONSTANTS}, ${values})`;
      }),
    start: () => relay.start(),
    kill: () => relay.kill(),
    stop: () => relay.stop(),
    close: async () => {
      await relay.stop();
      await postgres.run(
        `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${run}'; DROP SCHEMA ${run} CASCADE;`,
      );
    },
  };
}

const nodeBinary = (): string => join(dirname(require.resolve('node/package.json')), 'bin', 'node');
