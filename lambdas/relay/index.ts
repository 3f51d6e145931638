import { setImmediate } from 'node:timers/promises';
import type { Context, DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import { directCalls } from '../../lib/relay/dynamodb/direct-calls';
import { dynamodbClient } from '../../lib/relay/dynamodb/client';
import { dynamoDbStores } from '../../lib/relay/dynamodb/stores';
import { decodeRelayConfig } from '../../lib/relay/environment';
import { relayOptionsOf } from '../../lib/relay/options';
import { kafkaClient } from '../../lib/kafka/client';
import { createKafkaPublisher } from '../../lib/relay/kafkajs/publisher';
import { secretReader } from '../../lib/kafka/secrets';
import { createRelay } from '../../lib/relay/relay';
import { powertoolsTelemetry } from '../../lib/relay/telemetry-powertools';
import { recordsOfHome } from '../../lib/relay/record';

const config = decodeRelayConfig(process.env);
const clock = { now: Date.now };
const telemetry = powertoolsTelemetry(config);

const client = dynamodbClient();

const relay = createRelay(
  {
    publisher: createKafkaPublisher({
      ...config,
      connect: kafkaClient({ ...config, name: config.outboxName }, secretReader()),
      clock,
      onRebuilt: (cause) => telemetry.producerRebuilt(cause),
    }),
    ...dynamoDbStores(client, config, clock, directCalls(client)),
    telemetry,
    clock,
    untilSent: () => setImmediate(),
  },
  relayOptionsOf(config),
);

/** Handles one batch of the table's stream. Lambda delivers again from the lowest failed sequence number. */
export async function handler(event: DynamoDBStreamEvent, context: Context): Promise<DynamoDBBatchResponse> {
  const records = recordsOfHome(event.Records, config.home);
  const failed = await relay.handle(records, () => context.getRemainingTimeInMillis());
  if (failed === undefined) return { batchItemFailures: [] };
  // Without a sequence number Lambda treats the whole batch as failed, which is the safe reading.
  return { batchItemFailures: [{ itemIdentifier: records[failed]?.dynamodb?.SequenceNumber ?? '' }] };
}
