export {
  defineEvents,
  type EventCatalogue,
  type EventDefinition,
  type EventDefinitions,
  type EventInput,
  type EventOverrides,
  type ResolvedType,
  type TypedEvent,
} from './event/catalogue';
export { OutboxError, type OutboxErrorCode, type OutboxErrorDetails } from './event/errors';
export type { Upcaster, Upcasters } from './event/catalogue';
export type { AggregateKey } from './event/key';
export { formatReceipt, parseReceipt, type Receipt } from './event/receipt';
export {
  readEvent,
  type EventMessage,
  type EventRead,
  type UnreadableEvent,
  type UnreadableReason,
} from './event/read-event';
export type {
  SchemaDirection,
  SchemaInput,
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchemaV1,
} from './event/standard-schema';
export type { ChangedAggregate } from './event/key';
export type { Change } from './write/change';
export type { CommitOptions } from './write/commit';
export type { ConsistencyToken } from './event/consistency-token';
export type { OutboxTransaction, WriteOptions } from './write/input';
export { createOutbox, type Outbox, type OutboxActions, type TransactResult } from './write/outbox';
export type { OutboxOptions } from './write/settings';
export type { TraceContext } from './event/trace-context';
export type {
  ActionCondition,
  ConditionCheckAction,
  KeyedAction,
  OutboxAction,
  PutAction,
  TransactionAction,
  TransactionClient,
  UpdateAction,
} from './dynamodb/transaction';
