import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../local/free-port';
import { waitUntil } from '../../local/wait-until';
import type { OpenSubject, Subject } from '../delivery/subject';
import { withChildren } from '../delivery/usage';
import { commitBacklog, quoted } from './backlog';
import { versionOf, type PeerFolders } from './packages';
import type { Postgres } from './postgres';
import { RestartedProcess } from '../../local/restarted-process';

/** The JVM flags of Kafka's own start script for a Connect worker. */
export const JVM_FLAGS = [
  ...['-Xms256M', '-Xmx2G', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'],
  ...['-XX:InitiatingHeapOccupancyPercent=35', '-XX:+ExplicitGCInvokesConcurrent', '-Djava.awt.headless=true'],
];

/**
 * Kafka Connect's defaults, except: it finds its plugins by their manifests, which starts faster, and it saves its
 * offsets each second instead of each minute, so that a killed worker repeats less.
 */
export const worker = (
  brokers: readonly string[],
  offsets: string,
  restPort: number,
): Readonly<Record<string, string>> => ({
  'bootstrap.servers': brokers.join(','),
  'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
  'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
  'offset.storage.file.filename': offsets,
  'offset.flush.interval.ms': '1000',
  listeners: `http://127.0.0.1:${restPort}`,
  'plugin.discovery': 'service_load',
  'connector.client.config.override.policy': 'All',
});

const CONNECTOR = 'outbox';

/**
 * Debezium's defaults with its outbox event router. The producer compresses as the relay does, and its batches may be
 * eight times as large as Kafka's default, because a record of 1 KB fills the default with 16 records. The connector takes
 * what it has read every 50 ms instead of every 500: it waits that long although events are there.
 */
export const connector = (postgres: Postgres, run: string): Readonly<Record<string, string>> => ({
  'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
  'tasks.max': '1',
  'plugin.name': 'pgoutput',
  'database.hostname': '127.0.0.1',
  'database.port': String(postgres.port),
  'database.user': 'postgres',
  'database.password': 'none',
  'database.dbname': 'postgres',
  'topic.prefix': run,
  'slot.name': run,
  'publication.name': run,
  'publication.autocreate.mode': 'filtered',
  'table.include.list': `${run}.outbox`,
  'snapshot.mode': 'no_data',
  'poll.interval.ms': '50',
  'tombstones.on.delete': 'false',
  transforms: 'outbox',
  'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
  'transforms.outbox.route.by.field': 'topic',
  'transforms.outbox.route.topic.replacement': '${routedByValue}',
  'transforms.outbox.table.fields.additional.placement':
    'type:header:ce_type,source:header:ce_source,time:header:ce_time,traceparent:header:traceparent',
  'producer.override.compression.type': 'zstd',
  'producer.override.batch.size': '131072',
});

const tableOf = (run: string): string => `
DROP SCHEMA IF EXISTS ${run} CASCADE;
CREATE SCHEMA ${run};
CREATE TABLE ${run}.outbox (
  id uuid PRIMARY KEY,
  aggregatetype text NOT NULL,
  aggregateid text NOT NULL,
  type text NOT NULL,
  topic text NOT NULL,
  source text NOT NULL,
  time text NOT NULL,
  traceparent text NOT NULL,
  payload text NOT NULL
);
CREATE TABLE ${run}.orders (key text PRIMARY KEY, version int NOT NULL);
`;

const CONSTANTS = `'order', 'order.placed', '/bench/order', '2026-01-01T00:00:00.000Z', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'`;
const COLUMNS = 'aggregatetype, type, source, time, traceparent, id, aggregateid, topic, payload';

const START_TIMEOUT_MS = 120_000;
const CHECK_TASK_MS = 10_000;
const REST_TIMEOUT_MS = 5_000;

interface Status {
  readonly connector: { readonly state: string };
  readonly tasks: readonly { readonly id: number; readonly state: string }[];
}

/** Debezium's PostgreSQL connector with its outbox event router, in a standalone worker of Kafka Connect. */
export function debezium(postgres: Postgres, { jars, packages, logFolder }: PeerFolders): Subject {
  let runs = 0;
  return {
    name: 'Debezium',
    versions: `Debezium ${versionOf('pom.xml', 'debezium-connector-postgres')} in Kafka Connect ${versionOf('pom.xml', 'connect-runtime')}, PostgreSQL ${postgres.version}`,
    idHeader: 'id',
    open: (brokers) => openDebezium(postgres, { jars, packages, logFolder }, brokers, `debezium_${++runs}`),
    close: () => Promise.resolve(),
  };
}

async function openDebezium(
  postgres: Postgres,
  { jars, packages, logFolder }: PeerFolders,
  brokers: readonly string[],
  run: string,
): Promise<OpenSubject> {
  await postgres.run(tableOf(run));
  const folder = mkdtempSync(join(tmpdir(), 'outbox-connect-'));
  const [restPort = 0] = await freePorts(1);
  const rest = `http://127.0.0.1:${restPort}/connectors/${CONNECTOR}`;
  const workerFile = join(folder, 'worker.properties');
  const connectorFile = join(folder, 'connector.properties');
  writeFileSync(workerFile, properties(worker(brokers, join(folder, 'offsets'), restPort)));
  writeFileSync(connectorFile, properties({ name: CONNECTOR, ...connector(postgres, run) }));
  const logging = join(folder, 'log4j2.xml');
  writeFileSync(logging, LOGGING);
  const connect = new RestartedProcess({
    command: 'java',
    args: [
      ...[...JVM_FLAGS, `-Dlog4j2.configurationFile=${logging}`, '-cp', join(jars, '*')],
      ...['org.apache.kafka.connect.cli.ConnectStandalone', workerFile, connectorFile],
    ],
    logFile: join(logFolder, `${run}.log`),
  });
  let repair: NodeJS.Timeout | undefined;
  const start = async (): Promise<void> => {
    await connect.start();
    repair = setInterval(() => void restartFailedTask(rest), CHECK_TASK_MS);
  };
  const stop = async (): Promise<void> => {
    clearInterval(repair);
    await connect.stop();
  };
  // The slot must exist before the backlog does.
  await start();
  await waitUntil('Debezium', START_TIMEOUT_MS, async () => {
    const { tasks } = await request<Status>(`${rest}/status`);
    return tasks[0]?.state === 'RUNNING' || undefined;
  });
  await stop();
  await postgres.run(
    `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '${run}') THEN RAISE 'no slot'; END IF; END $$;`,
  );
  return {
    target: {
      kind: 'postgres',
      packages,
      connection: postgres.connection,
      statement: `WITH business AS (INSERT INTO ${run}.orders VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET version = $2)
        INSERT INTO ${run}.outbox (${COLUMNS}) VALUES (${CONSTANTS}, $3, $1, $4, $5)`,
    },
    pidsOf: () => ({ relay: connect.pids, store: withChildren(postgres.pid) }),
    commit: (events) =>
      commitBacklog(
        postgres,
        events,
        ({ id, key, topic, data }) =>
          `INSERT INTO ${run}.outbox (${COLUMNS}) VALUES (${CONSTANTS}, ${[id, key, topic, data].map(quoted).join(', ')})`,
      ),
    start,
    kill: () => connect.kill(),
    stop,
    close: async () => {
      await stop();
      await postgres.run(
        `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${run}'; DROP SCHEMA ${run} CASCADE;`,
      );
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An operator that restarts failed tasks, as those for Kubernetes do. A worker alone leaves them failed. */
async function restartFailedTask(rest: string): Promise<void> {
  try {
    const { tasks } = await request<Status>(`${rest}/status`);
    if (tasks[0]?.state === 'FAILED') await request(`${rest}/tasks/0/restart`, 'POST');
  } catch (error) {
    // The worker is starting or was killed; the next check follows.
    if (!(error instanceof Error)) throw error;
  }
}

async function request<T>(url: string, method: 'GET' | 'POST' = 'GET'): Promise<T> {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(REST_TIMEOUT_MS) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

export const properties = (entries: Readonly<Record<string, string>>): string =>
  Object.entries(entries)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');

export const LOGGING = `<Configuration>
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
`;
