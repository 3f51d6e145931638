import {
  CreateTableCommand,
  DescribeTableCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
  type CreateTableCommandInput,
  type DynamoDBClient,
  type TimeToLiveSpecification,
} from '@aws-sdk/client-dynamodb';
import { LocalStackError } from './errors';
import type { TemplateResource } from './template';

const READY_TIMEOUT_SECONDS = 30;

export interface LocalTable {
  readonly tableName: string;
  readonly streamArn: string;
}

/**
 * Converts `AWS::DynamoDB::GlobalTable` into `CreateTable`. The names are the same, except that CloudFormation
 * describes a stream only by its view type. Protection, backups and tags have no meaning here.
 */
export function createTableInput({ properties }: TemplateResource, tableName: string): CreateTableCommandInput {
  const given = properties as Partial<CreateTableCommandInput>;
  return {
    TableName: tableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: given.AttributeDefinitions,
    KeySchema: given.KeySchema,
    ...(given.LocalSecondaryIndexes === undefined ? {} : { LocalSecondaryIndexes: given.LocalSecondaryIndexes }),
    ...(given.StreamSpecification === undefined
      ? {}
      : { StreamSpecification: { ...given.StreamSpecification, StreamEnabled: true } }),
  };
}

/**
 * Creates the template's table and switches its TTL on.
 *
 * @throws LocalStackError `unsupported-template` if the table has no stream.
 */
export async function createTable(
  client: DynamoDBClient,
  table: TemplateResource,
  tableName: string,
): Promise<LocalTable> {
  await client.send(new CreateTableCommand(createTableInput(table, tableName)));
  await waitUntilTableExists({ client, minDelay: 1, maxWaitTime: READY_TIMEOUT_SECONDS }, { TableName: tableName });
  const ttl = table.properties['TimeToLiveSpecification'] as TimeToLiveSpecification | undefined;
  if (ttl !== undefined) {
    await client.send(new UpdateTimeToLiveCommand({ TableName: tableName, TimeToLiveSpecification: ttl }));
  }
  return { tableName, streamArn: await streamOf(client, table, tableName) };
}

async function streamOf(client: DynamoDBClient, { logicalId }: TemplateResource, tableName: string): Promise<string> {
  const { Table: created } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  const streamArn = created?.LatestStreamArn;
  if (streamArn === undefined) {
    throw new LocalStackError('unsupported-template', `The table ${logicalId} has no stream for the relay to read.`);
  }
  return streamArn;
}

/** Switches the stream off and on; returns the ARN of the new one. */
export async function switchStream(
  client: DynamoDBClient,
  table: TemplateResource,
  tableName: string,
): Promise<string> {
  const { StreamSpecification } = createTableInput(table, tableName);
  const specifications = [{ StreamEnabled: false }, { ...StreamSpecification, StreamEnabled: true }];
  for (const specification of specifications) {
    await client.send(new UpdateTableCommand({ TableName: tableName, StreamSpecification: specification }));
    await waitUntilTableExists({ client, minDelay: 1, maxWaitTime: READY_TIMEOUT_SECONDS }, { TableName: tableName });
  }
  return streamOf(client, table, tableName);
}
