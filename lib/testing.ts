export type { DeliverResult, DeadLetteredMessage, ParkedEvent } from './testing/deliver';
export type { KeySchema } from './testing/dynamodb/table';
export { eventFactory, type EventFactory, type EventFactoryOptions, type FactoryEvent } from './testing/event-factory';
export type { ExpectedEvent } from './testing/expect-published';
export type { KafkaRefusal } from './testing/memory-kafka';
export type { PublishedEvent } from './testing/expect-published';
export {
  createTestOutbox,
  type DeliverOptions,
  type RelayResult,
  type TestOutbox,
  type TestOutboxOptions,
} from './testing/test-outbox';
