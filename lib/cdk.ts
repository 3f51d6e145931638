export { OutboxError, type OutboxErrorCode, type OutboxErrorDetails } from './event/errors';
export type { BrokerAccess } from './infra/cluster/broker-reach';
export type { BrokerProps } from './infra/cluster/broker-props';
export { KafkaAuthentication, type MskCluster, type TopicAdministration } from './infra/cluster/kafka-authentication';
export { OutboxCluster } from './infra/cluster/outbox-cluster';
export type {
  ClusterKind,
  ExistingClusterProps,
  ExpressClusterProps,
  NewClusterProps,
  ProvisionedClusterProps,
  ServerlessClusterProps,
  StandardClusterProps,
} from './infra/cluster/outbox-cluster-props';
export { OutboxNetwork, type OutboxNetworkProps } from './infra/cluster/outbox-network';
export { OutboxTopics } from './infra/cluster/outbox-topics';
export type { OutboxTopicsProps, ResolvedTopic, TopicProps } from './infra/cluster/outbox-topics-props';
export { ConsumerInbox, type ConsumerInboxProps } from './infra/consumer/consumer-inbox';
export { OutboxConsumer } from './infra/consumer/outbox-consumer';
export type { ConsumerOnFailure, OutboxConsumerProps } from './infra/consumer/outbox-consumer-props';
export type { OutboxFunctionProps } from './infra/functions/outbox-function';
export type { AlarmCondition, AlarmSpec, Severity } from './infra/monitoring/alarm';
export type { ConsumerMonitoring } from './infra/monitoring/consumer-monitoring';
export type { ConsumerMonitoringOptions } from './infra/monitoring/consumer-options';
export type { GatheredAlarms } from './infra/monitoring/gathered-alarms';
export type { ConsumerMetric, OutboxMetricOptions, RelayMetric, SweeperMetric } from './infra/monitoring/metrics';
export type { OutboxMonitoringOptions } from './infra/monitoring/options';
export type { OutboxMonitoring } from './infra/monitoring/outbox-monitoring';
export type { OutboxSlo } from './infra/monitoring/slo';
export { Outbox } from './infra/outbox/outbox';
export type { NewTableProps } from './infra/outbox/new-table';
export type { OutboxProps, RelayPublisher } from './infra/outbox/outbox-props';
export { OutboxReplica, type OutboxReplicaProps } from './infra/outbox/outbox-replica';
export type { KafkaAuth } from './kafka/broker-config';
export type { Compression } from './relay/environment';
