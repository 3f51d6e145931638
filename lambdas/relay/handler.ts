import { setImmediate } from 'node:timers/promises';
import type { Context, DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import { dynamodbClient } from '../../lib/relay/dynamodb/client';
import { directCalls } from '../../lib/relay/dynamodb/direct-calls';
import { dynamoDbStores } from '../../lib/relay/dynamodb/stores';
import { decodeRelayConfig, type RelayConfig } from '../../lib/relay/environment';
import { growHeap } from '../../lib/relay/heap-growth';
import { relayOptionsOf } from '../../lib/relay/options';
import type { Clock, Publisher } from '../../lib/relay/ports';
import { recordsOfHome } from '../../lib/relay/record';
import { createRelay } from '../../lib/relay/relay';
import { reportedTelemetry, tracedPublisher } from '../../lib/relay/telemetry-channels';
import { powertoolsTelemetry } from '../../lib/relay/telemetry-powertools';

/** The parts of a publisher that do not depend on its client. */
export interface PublisherParts extends RelayConfig {
  /** Name of the client id. */
  readonly name: string;
  readonly clock: Clock;
  readonly onRebuilt: (cause: unknown) => void;
}

type Handler = (event: DynamoDBStreamEvent, context: Context) => Promise<DynamoDBBatchResponse>;

/** The relay's handler over a publisher; reads the configuration once. */
export function relayHandler(createPublisher: (parts: PublisherParts) => Publisher): Handler {
  growHeap(Number(process.env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']));
  const config = decodeRelayConfig(process.env);
  const clock = { now: Date.now };
  const telemetry = reportedTelemetry(config.outboxName, powertoolsTelemetry(config));
  const client = dynamodbClient();
  const relay = createRelay(
    {
      publisher: tracedPublisher(
        config.outboxName,
        createPublisher({
          ...config,
          name: config.outboxName,
          clock,
          onRebuilt: (cause) => telemetry.producerRebuilt(cause),
        }),
      ),
      ...dynamoDbStores(client, config, clock, directCalls(client)),
      telemetry,
      clock,
      nextTurn: () => setImmediate(),
    },
    relayOptionsOf(config),
  );
  return async (event, context) => {
    const records = recordsOfHome(event.Records, config.home);
    const failed = await relay.handle(records, () => context.getRemainingTimeInMillis());
    if (failed === undefined) return { batchItemFailures: [] };
    // Without a sequence number Lambda treats the whole batch as failed, which is the safe reading.
    return { batchItemFailures: [{ itemIdentifier: records[failed]?.dynamodb?.SequenceNumber ?? '' }] };
  };
}
