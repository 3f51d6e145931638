import { randomBytes } from 'node:crypto';
import { DeleteTableCommand, DynamoDBClient, paginateListTables } from '@aws-sdk/client-dynamodb';
import { localClientConfig } from '../../../local/dynamodb';
import { withAdmin } from '../../../local/kafka/topics';
import { waitUntil } from '../../../local/wait-until';
import { SERVER_HOST, type ServerKind } from './server-host';

/*
 * The servers that the files of one Jest process share, because the start of a server costs more than most files do.
 * Jest runs these files one after another, and each finds the servers empty.
 *
 * A file that stops, pauses or reconfigures a server starts its own.
 */

/** The brokers of one node without topics and groups. Call it once in a file: a second call removes its topics. */
export const sharedKafka = async (): Promise<readonly string[]> =>
  (await emptyServer('kafka', (address) => emptyKafka(address.split(',')))).split(',');

/**
 * The endpoint of a DynamoDB Local that has no tables for the access key of `localClientConfig`. Call it once in a file:
 * a second call removes its tables.
 *
 * For files that write little. A database keeps the stream records of deleted tables, and some thousand of them make
 * every write to a later stream slow, so a whole stack uses `emptyDatabase`.
 */
export const sharedDynamoDb = (): Promise<string> => emptyServer('dynamodb', emptyDynamoDb);

/** For `startStack`: an access key for which the shared DynamoDB Local has no tables and no streams yet. */
export const emptyDatabase = async (): Promise<{
  readonly dynamodbEndpoint: string;
  readonly accessKeyId: string;
}> => ({
  dynamodbEndpoint: await askHost('GET', 'dynamodb'),
  accessKeyId: `stack${randomBytes(8).toString('hex')}`,
});

/** A file that failed may have left a server that cannot be emptied. Only that file may fail, so it is replaced. */
async function emptyServer(kind: ServerKind, empty: (address: string) => Promise<void>): Promise<string> {
  const address = await askHost('GET', kind);
  try {
    await empty(address);
    return address;
  } catch (error) {
    console.warn(`The shared server at ${address} cannot be emptied, so another one is started:`, error);
    return askHost('POST', kind);
  }
}

async function askHost(method: 'GET' | 'POST', kind: ServerKind): Promise<string> {
  const { [SERVER_HOST]: host, JEST_WORKER_ID: worker = '1' } = process.env;
  if (host === undefined) throw new Error('Only test/local/global-setup.ts starts shared servers: run this by Jest.');
  const response = await fetch(`${host}/${kind}/${worker}`, { method, headers: { connection: 'close' } });
  const text = await response.text();
  if (!response.ok) throw new Error(`A shared server did not start: ${text}`);
  return text;
}

/** A consumer that was killed stays in its group until its session ends. */
const EMPTIED_WITHIN_MS = 30_000;

/** Removes all topics but Kafka's own, and all consumer groups, and waits until they are gone. */
const emptyKafka = (brokers: readonly string[]): Promise<void> =>
  withAdmin(brokers, async (admin) => {
    await waitUntil('A Kafka without consumer groups', EMPTIED_WITHIN_MS, async () => {
      const { groups } = await admin.listGroups();
      if (groups.length > 0) await admin.deleteGroups(groups.map(({ groupId }) => groupId));
      return groups.length === 0 ? true : undefined;
    });
    await waitUntil('A Kafka without topics', EMPTIED_WITHIN_MS, async () => {
      const topics = (await admin.listTopics()).filter((topic) => !topic.startsWith('__'));
      if (topics.length > 0) await admin.deleteTopics({ topics });
      return topics.length === 0 ? true : undefined;
    });
  });

async function emptyDynamoDb(endpoint: string): Promise<void> {
  const client = new DynamoDBClient(localClientConfig(endpoint));
  try {
    await waitUntil('A DynamoDB without tables', EMPTIED_WITHIN_MS, async () => {
      const tables: string[] = [];
      for await (const { TableNames = [] } of paginateListTables({ client }, {})) tables.push(...TableNames);
      for (const TableName of tables) await client.send(new DeleteTableCommand({ TableName }));
      return tables.length === 0 ? true : undefined;
    });
  } finally {
    client.destroy();
  }
}
