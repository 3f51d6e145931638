import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateTimeToLiveCommand,
  type KeySchemaElement,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { createInboxTable } from '../../../lib/operate/consumer/create-inbox-table';

const KEYS: KeySchemaElement[] = [
  { AttributeName: 'pk', KeyType: 'HASH' },
  { AttributeName: 'sk', KeyType: 'RANGE' },
];
const answered = { message: 'answered', $metadata: {} };
const tableOf = (
  KeySchema: KeySchemaElement[],
  type: 'S' | 'N' = 'S',
  TableStatus: 'ACTIVE' | 'CREATING' = 'ACTIVE',
) => ({
  Table: {
    TableStatus,
    KeySchema,
    AttributeDefinitions: KeySchema.map(({ AttributeName }) => ({ AttributeName, AttributeType: type })),
  },
});

function aDynamoDb() {
  const client = new DynamoDBClient({ region: 'eu-west-1' });
  const mock = mockClient(client);
  mock.on(CreateTableCommand).resolves({});
  mock.on(DescribeTableCommand).resolves(tableOf(KEYS));
  mock.on(DescribeTimeToLiveCommand).resolves({ TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' } });
  mock.on(UpdateTimeToLiveCommand).resolves({});
  return { client, mock };
}

describe('createInboxTable', () => {
  it('creates the table, waits until it is active, and lets items expire', async () => {
    const { client, mock } = aDynamoDb();
    mock
      .on(DescribeTableCommand)
      .rejectsOnce(new ResourceNotFoundException(answered))
      .resolvesOnce(tableOf(KEYS, 'S', 'CREATING'))
      .resolves(tableOf(KEYS));
    await expect(createInboxTable(client, 'inbox')).resolves.toBe('created');
    expect(mock.commandCalls(CreateTableCommand)[0]?.args[0].input).toEqual({
      TableName: 'inbox',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: KEYS.map(({ AttributeName }) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: KEYS,
    });
    expect(mock.commandCalls(DescribeTableCommand)).toHaveLength(3);
    expect(mock.commandCalls(UpdateTimeToLiveCommand)[0]?.args[0].input).toEqual({
      TableName: 'inbox',
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
  });

  it('changes nothing in a table that is as it must be', async () => {
    const { client, mock } = aDynamoDb();
    mock.on(CreateTableCommand).rejects(new ResourceInUseException(answered));
    mock.on(DescribeTimeToLiveCommand).resolves({
      TimeToLiveDescription: { TimeToLiveStatus: 'ENABLING', AttributeName: 'expiresAt' },
    });
    await expect(createInboxTable(client, 'inbox')).resolves.toBe('existed');
    expect(mock.commandCalls(UpdateTimeToLiveCommand)).toHaveLength(0);
  });

  it('completes what a call before has left undone, also next to another one', async () => {
    const { client, mock } = aDynamoDb();
    mock.on(CreateTableCommand).rejects(new ResourceInUseException(answered));
    mock
      .on(DescribeTimeToLiveCommand)
      .resolvesOnce({ TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' } })
      .resolves({ TimeToLiveDescription: { TimeToLiveStatus: 'ENABLED', AttributeName: 'expiresAt' } });
    mock.on(UpdateTimeToLiveCommand).rejects(new Error('TimeToLive is already enabled'));
    await expect(createInboxTable(client, 'inbox')).resolves.toBe('existed');
  });

  it.each<[string, KeySchemaElement[], 'S' | 'N']>([
    ['other names', [{ AttributeName: 'id', KeyType: 'HASH' }], 'S'],
    ['no sort key', KEYS.slice(0, 1), 'S'],
    ['another type', KEYS, 'N'],
  ])('refuses a table with other keys: %s', async (_, keys, type) => {
    const { client, mock } = aDynamoDb();
    mock.on(CreateTableCommand).rejects(new ResourceInUseException(answered));
    mock.on(DescribeTableCommand).resolves(tableOf(keys, type));
    await expect(createInboxTable(client, 'inbox')).rejects.toMatchObject({ code: 'operation-refused' });
    expect(mock.commandCalls(UpdateTimeToLiveCommand)).toHaveLength(0);
  });

  it('refuses a table whose items expire by another attribute', async () => {
    const { client, mock } = aDynamoDb();
    mock.on(DescribeTimeToLiveCommand).resolves({
      TimeToLiveDescription: { TimeToLiveStatus: 'ENABLED', AttributeName: 'ttl' },
    });
    await expect(createInboxTable(client, 'inbox')).rejects.toMatchObject({ code: 'operation-refused' });
  });

  it('ends with its time limit when nobody answers, or the table stays in creation', async () => {
    const { client, mock } = aDynamoDb();
    mock.on(DescribeTableCommand).resolves(tableOf(KEYS, 'S', 'CREATING'));
    await expect(createInboxTable(client, 'inbox', { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'service-unavailable',
    });
    mock.on(CreateTableCommand).callsFake(() => new Promise(() => undefined));
    await expect(createInboxTable(client, 'inbox', { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'service-unavailable',
    });
  });
});
