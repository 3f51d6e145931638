/**
 * Names of OpenTelemetry's semantic conventions for messaging 1.44, in development when they were read. Those of
 * `@opentelemetry/semantic-conventions` would be a dependency of every service.
 */
export const ATTRIBUTES = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  partition: 'messaging.destination.partition.id',
  group: 'messaging.consumer.group.name',
  batchCount: 'messaging.batch.message_count',
  messageId: 'messaging.message.id',
  conversation: 'messaging.message.conversation_id',
  offset: 'messaging.kafka.offset',
  tombstone: 'messaging.kafka.message.tombstone',
  errorType: 'error.type',
} as const;

export const METRICS = {
  operationDuration: 'messaging.client.operation.duration',
  sentMessages: 'messaging.client.sent.messages',
  consumedMessages: 'messaging.client.consumed.messages',
  processDuration: 'messaging.process.duration',
  relayReports: 'dynamodb_outbox.relay.reports',
  relayLatency: 'dynamodb_outbox.relay.latency',
  consumerReports: 'dynamodb_outbox.consumer.reports',
  consumerLatency: 'dynamodb_outbox.consumer.latency',
} as const;

/** Bucket boundaries in seconds, as the conventions give them for durations. */
export const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** From commit to acknowledgement or effect: it may last as long as an outage. */
export const LATENCY_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400];
