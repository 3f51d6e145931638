export {
  defineEvents,
  type EventCatalogue,
  type EventDefinition,
  type EventDefinitions,
  type EventInput,
} from './event/catalogue';
export type { ConsistencyToken } from './event/consistency-token';
export { deadLetterTopic } from './event/consumer-name';
export { OutboxError, type OutboxErrorCode, type OutboxErrorDetails } from './event/errors';
export type { AggregateKey, ChangedAggregate } from './event/key';
export type { TraceContext } from './event/trace-context';
export type { CallOptions, TransactionAction, TransactionClient } from './dynamodb/transaction';
export type { ConsumerLag } from './consume/applied';
export type { ConsumerClient, TableItem } from './consume/client';
export { createConsumer, type Consumer } from './consume/consumer';
export type { EventEnvelope, UndecodableReason } from './consume/decode';
export type { EmitOptions, EmittingContext, EmittingOutbox } from './consume/emit';
export type { SequenceGap } from './consume/gap';
export {
  atLeastOnce,
  type ConsumedEvent,
  type DataOf,
  type HandlerEffects,
  type EventContext,
  type EventHandler,
  type EventHandlers,
  type HandlerContext,
} from './consume/handler';
export { registerCodecs } from './kafka/codecs/codecs';
export { kafkajsDeadLetters, type DeadLetterOptions, type KafkaDeadLetters } from './consume/kafkajs/dead-letters';
export type { ConsumerRunOptions } from './consume/kafkajs/run-options';
export { runConsumer, type RunningConsumer } from './consume/kafkajs/runner';
export {
  handleKafkaEvent,
  type InvocationContext,
  type KafkaBatchResponse,
  type KafkaHandlerOptions,
} from './consume/lambda/handle-event';
export type { KafkaEvent, KafkaEventRecord } from './consume/lambda/kafka-event';
export type {
  DeadLetterNote,
  DeadLetterReason,
  ConsumerClock,
  ConsumerTelemetry,
  DeadLetters,
  MessagesGone,
} from './consume/ports';
export type { InboxKey } from './consume/inbox-keys';
export type { ConsumerRequestResult, ConsumerRequestOutcome } from './consume/request';
export type { ConsumedRecord, HeaderValue } from './consume/record';
export type { RedriveResult } from './consume/redrive';
export type { ConsumerOptions } from './consume/settings';
export {
  consumerTelemetry,
  type ConsumerTelemetryOptions,
  type TelemetryLogger,
  type TelemetryMetrics,
} from './consume/telemetry-powertools';
export type { RetryBackoff } from './timing/backoff';
