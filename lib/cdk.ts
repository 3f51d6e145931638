export { OutboxError } from './event/errors';
export type { OutboxErrorCode, OutboxErrorDetails } from './event/errors';
export { KafkaAuthentication } from './infra/kafka-authentication';
export type { MskCluster } from './infra/kafka-authentication';
export { Outbox } from './infra/outbox';
export type { OutboxProps } from './infra/outbox-props';
export type { Compression, KafkaAuth } from './relay/environment';
