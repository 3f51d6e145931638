import { CONSUMER_MONITORING_DEFAULTS } from '../../lib/infra/monitoring/consumer-options';
import { CONSUMER_CONSTRUCT_DEFAULTS } from '../../lib/infra/consumer/outbox-consumer-props';
import { CLUSTER_DEFAULTS, EXPRESS_DEFAULTS, STANDARD_DEFAULTS } from '../../lib/infra/cluster/outbox-cluster-props';
import { NETWORK_DEFAULTS } from '../../lib/infra/cluster/outbox-network';
import { defaultsOf } from '../../lib/infra/options/option-table';
import { NEW_TABLE_OPTIONS } from '../../lib/infra/outbox/new-table';
import { OUTBOX_DEFAULTS } from '../../lib/infra/outbox/outbox-props';
import { TOPIC_DEFAULTS, TOPICS_PROPS_DEFAULTS } from '../../lib/infra/cluster/outbox-topics-props';
import { comparableValues, documentedDefaults, documentedValues } from './documented-defaults';

const { serverProperties, ...standard } = STANDARD_DEFAULTS;

test.each<[string, string, object]>([
  ['OutboxProps', 'outbox/outbox-props.ts', OUTBOX_DEFAULTS],
  ['OutboxNetworkProps', 'cluster/outbox-network.ts', NETWORK_DEFAULTS],
  ['ProvisionedClusterProps', 'cluster/outbox-cluster-props.ts', withoutRemovalPolicy(CLUSTER_DEFAULTS)],
  ['ExpressClusterProps', 'cluster/outbox-cluster-props.ts', EXPRESS_DEFAULTS],
  // The broker properties are listed apart from those that the outbox chooses.
  ['StandardClusterProps', 'cluster/outbox-cluster-props.ts', { ...standard, serverProperties: {} }],
  ['TopicProps', 'cluster/outbox-topics-props.ts', TOPIC_DEFAULTS],
  ['OutboxTopicsProps', 'cluster/outbox-topics-props.ts', TOPICS_PROPS_DEFAULTS],
  ['OutboxConsumerProps', 'consumer/outbox-consumer-props.ts', CONSUMER_CONSTRUCT_DEFAULTS],
  ['NewTableProps', 'outbox/new-table.ts', defaultsOf(NEW_TABLE_OPTIONS)],
  ['ConsumerMonitoringOptions', 'monitoring/consumer-options.ts', CONSUMER_MONITORING_DEFAULTS],
])('the @default tags of %s are the defaults', (name, file, defaults) => {
  expect(documentedValues(file, name)).toEqual(comparableValues(defaults as Record<string, unknown>));
});

function withoutRemovalPolicy({ removalPolicy: _, ...defaults }: typeof CLUSTER_DEFAULTS): object {
  return defaults;
}

test.each([
  ['OutboxProps', 'outbox/outbox-props.ts', ['topics']],
  ['BrokerProps', 'cluster/broker-props.ts', []],
  ['OutboxNetworkProps', 'cluster/outbox-network.ts', []],
  ['NewClusterProps', 'cluster/outbox-cluster-props.ts', ['network']],
  ['ProvisionedClusterProps', 'cluster/outbox-cluster-props.ts', []],
  ['ExpressClusterProps', 'cluster/outbox-cluster-props.ts', []],
  ['StandardClusterProps', 'cluster/outbox-cluster-props.ts', []],
  ['ExistingClusterProps', 'cluster/outbox-cluster-props.ts', ['clusterArn']],
  ['TopicProps', 'cluster/outbox-topics-props.ts', ['topic']],
  ['OutboxTopicsProps', 'cluster/outbox-topics-props.ts', []],
  ['OutboxConsumerProps', 'consumer/outbox-consumer-props.ts', ['consumerName', 'topics', 'code']],
  ['ConsumerOnFailure', 'consumer/outbox-consumer-props.ts', ['bucket', 'retryAttempts']],
  ['NewTableProps', 'outbox/new-table.ts', []],
  ['ConsumerMonitoringOptions', 'monitoring/consumer-options.ts', []],
])('every optional option of %s has a @default tag', (name, file, required) => {
  const without = [...documentedDefaults(file, name)].filter(([, text]) => text === undefined);
  expect(without.map(([option]) => option)).toEqual(required);
});

test('the broker properties that the outbox chooses are those of its documentation', () => {
  expect(serverProperties).toEqual({
    'auto.create.topics.enable': 'false',
    'default.replication.factor': '3',
    'min.insync.replicas': '2',
    'unclean.leader.election.enable': 'false',
  });
});
