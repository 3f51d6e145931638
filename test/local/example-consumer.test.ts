import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { encodeConsumerConfig, telemetryVariables } from '../../lib/consume/environment';
import { deadLetterTopic, type ConsumedRecord, type KafkaBatchResponse, type KafkaEvent } from '../../lib/consumer';
import { aRecord, kafkaEventOf } from '../builders/consume';
import { createConsumerTables, INBOX_TABLE } from './harness/consumers';
import { TopicReader } from './harness/topic-reader';
import { startWorld, STARTUP_MS, TOPICS, until, type World } from './harness/world';

const VIEW = 'order-view';
const DEAD_LETTERS = deadLetterTopic('orders', 'example');

interface Handler {
  handler(event: KafkaEvent, context: { getRemainingTimeInMillis(): number }): Promise<KafkaBatchResponse>;
}

let world: World;
let example: Handler;
beforeAll(async () => {
  world = await startWorld({ topics: [...TOPICS, { topic: DEAD_LETTERS }], mapping: false });
  await createConsumerTables(world);
  const client = new DynamoDBClient(world.stack.clientConfig);
  await client.send(
    new CreateTableCommand({
      TableName: VIEW,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
  client.destroy();
  const { credentials, region } = world.stack.clientConfig;
  // The variables that Lambda and the construct set.
  Object.assign(process.env, {
    ...encodeConsumerConfig({
      name: 'example',
      tableName: INBOX_TABLE,
      brokers: world.stack.brokers,
      auth: { kind: 'none' },
    }),
    ...telemetryVariables('example', 'DynamoDBOutbox'),
    POWERTOOLS_METRICS_DISABLED: 'true',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    ORDER_VIEW_TABLE: VIEW,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_DYNAMODB: world.stack.dynamodbEndpoint,
  });
  // The module reads its variables when it is loaded, as a function does.
  example = jest.requireActual<Handler>('../../lambdas/example-consumer');
}, STARTUP_MS);
afterAll(() => world.stop());

const deliver = (...records: ConsumedRecord[]): Promise<KafkaBatchResponse> =>
  example.handler(kafkaEventOf(records), { getRemainingTimeInMillis: () => 30_000 });

const anEvent = (type: string, version: number, data: object): ConsumedRecord =>
  aRecord({ key: 'o-1', type, version, value: Buffer.from(JSON.stringify(data)) });

it('keeps a view of an order, and ignores what comes again', async () => {
  const placed = anEvent('order.placed', 1, { orderId: 'o-1', total: 500 });
  const shipped = anEvent('order.shipped', 2, { orderId: 'o-1' });
  expect(await deliver(placed, shipped)).toEqual({ batchItemFailures: [] });
  expect(await deliver(placed)).toEqual({ batchItemFailures: [] });
  const { Item } = await world.document.get({ TableName: VIEW, Key: { id: 'o-1' }, ConsistentRead: true });
  expect(Item).toEqual({ id: 'o-1', total: 500, status: 'shipped' });
});

it('sends a message that it cannot read to the dead letters, with the configured login', async () => {
  const reader = await TopicReader.start(world.stack.brokers, [DEAD_LETTERS]);
  const unreadable = { ...anEvent('order.placed', 3, {}), value: Buffer.from('no JSON') };
  expect(await deliver(unreadable)).toEqual({ batchItemFailures: [] });
  await until('the dead letter', () => reader.arrivals.length === 1);
  await reader.stop();
  expect(reader.arrivals).toMatchObject([
    { topic: DEAD_LETTERS, headers: { 'outbox-dlt-reason': 'undecodable-data', 'outbox-dlt-topic': 'orders' } },
  ]);
});
