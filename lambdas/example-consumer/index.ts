import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { consumerTelemetry, createConsumer, defineEvents, handleKafkaEvent } from '../../lib/consumer';
import { environmentReader } from '../../lib/event/environment';
import { consumerEnvironment } from '../../lib/lambda';

/** The events of the order service that this consumer handles. */
const events = defineEvents({
  'order.placed': { topic: 'orders', schema: z.object({ orderId: z.string(), total: z.int() }) },
  'order.shipped': { topic: 'orders', schema: z.object({ orderId: z.string() }) },
  'order.cancelled': { topic: 'orders', schema: z.object({ orderId: z.string() }) },
});

const TableName = environmentReader(process.env, 'OutboxConsumer').text('ORDER_VIEW_TABLE');

const become = (id: string, status: string) => ({
  Update: {
    TableName,
    Key: { id },
    UpdateExpression: 'SET #status = :status',
    ExpressionAttributeNames: { '#status': 'status' },
    ExpressionAttributeValues: { ':status': status },
  },
});

const { name, tableName, deadLetters } = consumerEnvironment();

const consumer = createConsumer({
  name,
  tableName,
  client: DynamoDBDocument.from(new DynamoDBClient({})),
  events,
  // The topic also carries events of other types.
  onUnknownType: 'skip',
  handlers: {
    'order.placed': ({ data: { orderId: id, total } }) => [
      { Put: { TableName, Item: { id, total, status: 'placed' } } },
    ],
    'order.shipped': ({ data }) => [become(data.orderId, 'shipped')],
    'order.cancelled': ({ data }) => [become(data.orderId, 'cancelled')],
  },
  telemetry: consumerTelemetry({ logger: new Logger(), metrics: new Metrics() }),
});

/** Keeps a view of each order's total and status. */
export const handler = handleKafkaEvent({ consumer, deadLetters, partialBatchResponse: true });
