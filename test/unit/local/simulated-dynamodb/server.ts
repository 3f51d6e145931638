import { CreateTableCommand, DescribeTableCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type _Record as StreamRecord,
  type Shard,
} from '@aws-sdk/client-dynamodb-streams';
import { LOCAL_REGION, localClientConfig } from '../../../../local/dynamodb';
import { SimulatedServer } from '../../../../local/simulated-dynamodb/http-server';
import { SERVER_DEFAULTS, type ServerOptions } from '../../../../local/simulated-dynamodb/protocol';
import { simulatedDynamoDbControl, type SimulatedDynamoDbControl } from '../../../../local/simulated-dynamodb/start';

export const TableName = 'outbox';

/** A simulated DynamoDB in this process, with one table of pairs of keys and its stream. */
export interface RunningServer {
  readonly endpoint: string;
  readonly client: DynamoDBClient;
  readonly streams: DynamoDBStreamsClient;
  readonly control: SimulatedDynamoDbControl;
  put(pk: string, sk: string, more?: Record<string, string>): Promise<void>;
  streamArn(): Promise<string>;
  shards(): Promise<readonly Shard[]>;
  iterator(shardId: string, type?: 'TRIM_HORIZON' | 'LATEST'): Promise<string | undefined>;
  /** All records of a shard from an iterator on, and whether the shard is closed. */
  read(iterator: string | undefined): Promise<{ records: readonly StreamRecord[]; isClosed: boolean }>;
  stop(): Promise<void>;
}

export async function runServer(options: Partial<ServerOptions> = {}): Promise<RunningServer> {
  const server = new SimulatedServer({ ...SERVER_DEFAULTS, region: LOCAL_REGION, ...options });
  const endpoint = await server.listen();
  const client = new DynamoDBClient({ ...localClientConfig(endpoint), maxAttempts: 1 });
  const streams = new DynamoDBStreamsClient({ ...localClientConfig(endpoint), maxAttempts: 1 });
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
    }),
  );
  const streamArn = async (): Promise<string> =>
    (await client.send(new DescribeTableCommand({ TableName }))).Table?.LatestStreamArn ?? '';
  return {
    endpoint,
    client,
    streams,
    control: simulatedDynamoDbControl(endpoint),
    async put(pk, sk, more = {}) {
      const texts = Object.entries({ pk, sk, ...more }).map(([name, S]) => [name, { S }]);
      await client.send(
        new PutItemCommand({ TableName, Item: Object.fromEntries(texts) as Record<string, { S: string }> }),
      );
    },
    streamArn,
    async shards() {
      const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn: await streamArn() }));
      return StreamDescription?.Shards ?? [];
    },
    async iterator(ShardId, ShardIteratorType = 'TRIM_HORIZON') {
      const input = { StreamArn: await streamArn(), ShardId, ShardIteratorType };
      return (await streams.send(new GetShardIteratorCommand(input))).ShardIterator;
    },
    async read(iterator) {
      const records: StreamRecord[] = [];
      for (let next = iterator; next !== undefined;) {
        const { Records = [], NextShardIterator } = await streams.send(
          new GetRecordsCommand({ ShardIterator: next, Limit: 7 }),
        );
        records.push(...Records);
        if (Records.length === 0 && NextShardIterator !== undefined) return { records, isClosed: false };
        next = NextShardIterator;
      }
      return { records, isClosed: true };
    },
    async stop() {
      client.destroy();
      streams.destroy();
      await server.stop();
    },
  };
}

export const keyOf = ({ dynamodb }: StreamRecord): string =>
  `${dynamodb?.Keys?.['pk']?.S ?? ''}/${dynamodb?.Keys?.['sk']?.S ?? ''}`;
