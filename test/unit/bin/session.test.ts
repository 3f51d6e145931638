import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { openDoctorSession, openInboxSession, openSession } from '../../../bin/cli/session';
import { aTable, TABLE_NAME } from '../../builders/deployment';

const dynamodb = mockClient(DynamoDBClient);
const lambda = mockClient(LambdaClient);
const cwd = process.cwd();
let folder: string;

beforeEach(() => {
  dynamodb.reset();
  lambda.reset();
  folder = mkdtempSync(join(tmpdir(), 'outbox-session-'));
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(cwd);
  rmSync(folder, { recursive: true });
});

function runLocalStack(): void {
  mkdirSync('.outbox');
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const local = { region: 'local-1', dynamodbEndpoint: 'http://127.0.0.1:1', tableName: 'local-outbox', credentials };
  writeFileSync('.outbox/stack.json', JSON.stringify({ ...local, pids: { stack: process.pid } }));
}

test.each([{ stack: 'Shop' }, { table: TABLE_NAME }])(
  'whoever names %p means no local stack that runs here, also for the table of a consumer',
  async (named) => {
    runLocalStack();
    dynamodb.on(DescribeTableCommand).resolves({ Table: aTable() });
    expect(await openInboxSession({}).client.config.region()).toBe('local-1');
    expect(await openInboxSession({ ...named, region: 'eu-west-1' }).client.config.region()).toBe('eu-west-1');
  },
);

test('doctor gets a session of an outbox of which nothing tells the region, and no other command does', async () => {
  dynamodb.on(DescribeTableCommand).resolves({ Table: aTable({ Replicas: [{ RegionName: 'eu-central-1' }] }) });
  lambda.on(ListEventSourceMappingsCommand).resolves({ EventSourceMappings: [] });
  const options = { table: TABLE_NAME, region: 'eu-west-1' };
  await expect(openSession(options)).rejects.toThrow('no relay reads the stream');
  expect((await openDoctorSession(options)).target).toMatchObject({ tableName: TABLE_NAME });
});
