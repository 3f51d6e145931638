import {
  CreateTableCommand,
  DynamoDBClient,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { doctor } from '../../lib/operate/doctor/doctor';
import { controlStore } from '../../lib/relay/dynamodb/control';
import { startStack, type Stack } from '../../local/stack';
import { emptyDatabase, sharedKafka } from './harness/shared-servers';
import { STARTUP_MS } from './harness/world';

let stack: Stack;
let client: DynamoDBClient;

beforeAll(async () => {
  stack = await startStack({
    ...(await emptyDatabase()),
    brokers: await sharedKafka(),
    topics: [{ topic: 'orders' }],
    mapping: false,
  });
  client = new DynamoDBClient(stack.clientConfig);
}, STARTUP_MS);

afterAll(async () => {
  client.destroy();
  await stack.stop();
});

const NOT_LOCAL = 'unknown: not checked on the local stack';

/** The results by check, without the checks that need AWS. */
async function examine(tableName: string): Promise<Readonly<Record<string, string>>> {
  const { lines } = await doctor({ client, tableName });
  return Object.fromEntries(
    lines
      .map(({ check, verdict, found }) => [check, `${verdict}: ${found}`] as const)
      .filter(([, found]) => found !== NOT_LOCAL),
  );
}

it('finds the table of the template right, but for what DynamoDB Local does not protect', async () => {
  expect(await examine(stack.tableName)).toEqual({
    table: 'ok: ACTIVE',
    keys: 'ok: partition key pk (S), sort key sk (S)',
    stream: 'ok: NEW_IMAGE',
    'time to live': 'ok: ENABLED on expiresAt',
    'index that keeps a key in one shard': 'ok: pin on pin, KEYS_ONLY',
    billing: 'ok: PAY_PER_REQUEST',
    'deletion protection': 'warn: off: the table can be deleted while events are pending',
    replicas: 'ok: none',
    'trust in the stream': 'ok: the relay has not noted a stream yet',
  });
});

it('finds each fault of a table made by hand', async () => {
  await client.send(
    new CreateTableCommand({
      TableName: 'by-hand',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'N' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
    }),
  );

  expect(await examine('by-hand')).toMatchObject({
    table: 'ok: ACTIVE',
    keys: 'wrong: partition key id (N), sort key none',
    stream: 'wrong: off: nothing is published',
    'time to live': 'wrong: DISABLED: processed items stay forever',
    'index that keeps a key in one shard': 'wrong: none',
    billing: expect.stringMatching(/^warn: PROVISIONED/),
    'trust in the stream': expect.stringMatching(/^unknown: ValidationException/),
  });
});

it('sees what was fixed', async () => {
  const TableName = 'by-hand';
  await client.send(
    new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { Enabled: true, AttributeName: 'expiresAt' } }),
  );
  await client.send(
    new UpdateTableCommand({
      TableName,
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    }),
  );

  expect(await examine(TableName)).toMatchObject({
    stream: expect.stringMatching(/^warn: NEW_AND_OLD_IMAGES/),
    'time to live': 'ok: ENABLED on expiresAt',
  });
});

it('finds out when the stream was made again', async () => {
  const tableName = stack.tableName;
  const control = controlStore({ client, tableName });
  await control.noteStream(await control.read(), stack.streamArn);
  const former = stack.streamArn;
  expect(await examine(tableName)).toMatchObject({ 'trust in the stream': 'ok: no gap is suspected' });

  await stack.recreateStream();

  expect(await examine(tableName)).toMatchObject({
    'trust in the stream': `warn: the relay last read another stream, ${former}`,
  });
});

it('finds a table that does not exist', async () => {
  expect(await examine('elsewhere')).toMatchObject({ table: 'wrong: it does not exist' });
});
