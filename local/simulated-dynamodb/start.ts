import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { LOCAL_REGION, type LocalDynamoDb } from '../dynamodb';
import { LocalStackError, refuseUnknownKeys } from '../errors';
import { newLogFolder } from '../folders';
import { spawnSupervised, type SupervisedProcess } from '../supervised-process';
import {
  CONTROL,
  SERVER_DEFAULTS,
  type ControlCalls,
  type ControlName,
  type Deviations,
  type ServerOptions,
  type ServerStatistics,
  type ShardSplit,
  type ShardState,
} from './protocol';

export interface SimulatedDynamoDbOptions extends Partial<Omit<ServerOptions, 'region'>> {
  /** Where `simulated-dynamodb.log` is written. Default: a new folder under `.outbox/logs`. */
  readonly logFolder?: string;
  /** The limit of the heap. Default 8192: a million items of 1 KB take some 3.5 GB. */
  readonly heapMb?: number;
}

/** Controls a simulated DynamoDB, from any process. */
export interface SimulatedDynamoDbControl {
  /**
   * Splits a shard, as DynamoDB does when a partition is split: the shard is closed, and each of two children takes
   * half of its keys. All items of a key stay in one shard.
   *
   * @param shardId - by default the open shard with the widest range of keys
   */
  splitShard(table: string, shardId?: string): Promise<ShardSplit>;
  /** Replaces a shard by one child, as DynamoDB does every few hours. */
  rollShard(table: string, shardId?: string): Promise<ShardSplit>;
  /** The shards of the table's latest stream, each parent before its children. */
  shards(table: string): Promise<readonly ShardState[]>;
  /**
   * Drops the records that are older, as DynamoDB does after 24 hours; by default all. Resolves with their number. The
   * next read of a dropped record fails with `TrimmedDataAccessException`, and `TRIM_HORIZON` is the oldest record left.
   */
  trim(table: string, olderThanMs?: number): Promise<number>;
  /** Deletes the items whose time to live has passed, as DynamoDB does within some days. Resolves with their number. */
  expire(table: string): Promise<number>;
  /** Changes how the server deviates from DynamoDB Local, from now on. Resolves with all settings. */
  deviate(changes: Partial<Deviations>): Promise<Deviations>;
  statistics(): Promise<ServerStatistics>;
}

/** A running simulated DynamoDB. */
export interface SimulatedDynamoDb extends LocalDynamoDb, SimulatedDynamoDbControl {}

const DEFAULT_HEAP_MB = 8192;
const READY_TIMEOUT_MS = 30_000;
const CONTROL_TIMEOUT_MS = 30_000;

/**
 * Starts a simulated DynamoDB in a process of its own and resolves when it responds.
 *
 * It is faster than DynamoDB Local, has several shards that split, and can deviate from DynamoDB Local in what AWS
 * permits. Items behave as in the test kit's tables; docs/local.md says what it does not simulate.
 *
 * @throws LocalStackError `invalid-option`; `not-ready` if it ends or does not respond within 30 s.
 */
export async function startSimulatedDynamoDb(options: SimulatedDynamoDbOptions = {}): Promise<SimulatedDynamoDb> {
  refuseUnknownKeys('startSimulatedDynamoDb', options, [...Object.keys(SERVER_DEFAULTS), 'logFolder', 'heapMb']);
  const { logFolder = newLogFolder(), heapMb = DEFAULT_HEAP_MB, ...given } = options;
  const server: ServerOptions = { ...SERVER_DEFAULTS, ...given, region: LOCAL_REGION };
  if (!Number.isInteger(server.shards) || server.shards < 1) {
    throw new LocalStackError('invalid-option', `The option shards is ${server.shards}; it must be at least 1.`);
  }
  const logFile = join(logFolder, 'simulated-dynamodb.log');
  const log = createWriteStream(logFile, { flags: 'a' });
  await once(log, 'open');
  const code = join(logFolder, `simulated-dynamodb-${randomUUID()}.js`);
  // tsx would take a second of each start, and a fifth of the speed: it gives every function its name at run time.
  await build({
    entryPoints: [join(__dirname, 'child.ts')],
    ...{ outfile: code, bundle: true, platform: 'node', target: 'node22', logLevel: 'warning' },
  });
  const process_ = await spawnSupervised(
    process.execPath,
    [`--max-old-space-size=${heapMb}`, code, JSON.stringify(server)],
    { stdio: ['ignore', log, log, 'ipc'] },
  );
  log.close();
  let endpoint: string;
  try {
    endpoint = await endpointOf(process_, logFile);
  } finally {
    await rm(code, { force: true });
  }
  const { pid } = process_;
  return {
    ...simulatedDynamoDbControl(endpoint),
    ...{ endpoint, pid },
    pause: () => process_.signal('SIGSTOP'),
    resume: () => process_.signal('SIGCONT'),
    stop: async () => {
      await process_.end(0);
    },
  };
}

/** For a process that did not start the server. */
export function simulatedDynamoDbControl(endpoint: string): SimulatedDynamoDbControl {
  const call = async <N extends ControlName>(
    name: N,
    request: ControlCalls[N]['request'],
  ): Promise<ControlCalls[N]['response']> => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'x-amz-target': `${CONTROL}.${name}` },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new LocalStackError('invalid-option', `The simulated DynamoDB refused ${name}: ${text}`);
    return JSON.parse(text) as ControlCalls[N]['response'];
  };
  return {
    splitShard: (table, shardId) => call('SplitShard', { table, shardId, children: 2 }),
    rollShard: (table, shardId) => call('SplitShard', { table, shardId, children: 1 }),
    shards: async (table) => (await call('ListShards', { table })).shards,
    trim: async (table, olderThanMs = 0) => (await call('Trim', { table, olderThanMs })).dropped,
    expire: async (table) => (await call('Expire', { table })).deleted,
    deviate: (changes) => call('Deviate', changes),
    statistics: () => call('Statistics', {}),
  };
}

async function endpointOf({ child, exited, end }: SupervisedProcess, logFile: string): Promise<string> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), READY_TIMEOUT_MS);
  try {
    const [endpoint] = (await Promise.race([
      once(child, 'message', { signal: timeout.signal }),
      exited.then(() => []),
    ])) as string[];
    if (endpoint !== undefined) return endpoint;
  } catch (cause) {
    await end(0);
    throw new LocalStackError(
      'not-ready',
      `The simulated DynamoDB did not start within ${READY_TIMEOUT_MS / 1000} s.`,
      {
        cause,
      },
    );
  } finally {
    clearTimeout(timer);
    timeout.abort();
  }
  throw new LocalStackError('not-ready', `The simulated DynamoDB ended while it started: see ${logFile}.`);
}
