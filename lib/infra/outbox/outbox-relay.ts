import { Token } from 'aws-cdk-lib';
import {
  EventSourceMapping,
  FilterCriteria,
  MetricType,
  StartingPosition,
  type Function as LambdaFunction,
} from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { RELAY_ACTIONS } from '../../event/table-actions';
import { encodeRelayConfig, type RelayConfig, RELAY_DEFAULTS } from '../../relay/environment';
import { MAPPING_SETTINGS, mappingFilters } from '../../relay/mapping-settings';
import { bundledFunction } from '../functions/bundled-function';
import { outboxFunction } from '../functions/outbox-function';
import { estimateTopicArns } from '../template-checks/role-policies';
import type { OutboxFunctionSettings } from './outbox-sweeper';

export interface OutboxRelayProps extends OutboxFunctionSettings {
  /** Unique in an account and region, and the same over deployments. */
  readonly outboxId: string;
  readonly publishWithinMs: number;
}

/** The stateless part: the only publisher, which the table's stream triggers. */
export class OutboxRelay extends Construct {
  readonly function: LambdaFunction;
  readonly eventSourceMapping: EventSourceMapping;

  constructor(scope: Construct, id: string, props: OutboxRelayProps) {
    super(scope, id);
    const { options, table, home } = props;
    const { authentication, topics, cluster } = options;
    estimateTopicArns(this, { clusterArn: authentication.clusterArn, clusterName: cluster?.clusterName, topics });
    this.function = outboxFunction(this, {
      options,
      network: options,
      description: `Publishes the outbox items of ${props.outboxName} to Kafka`,
      code: options.relayCode ?? bundledFunction('relay'),
      memorySize: options.relayMemorySize,
      timeout: options.relayTimeout,
      reservedConcurrentExecutions: options.relayConcurrency,
      environment: encodeRelayConfig(configOf(props)),
    });
    table.table.grantStreamRead(this.function);
    const deletion = options.retention.toSeconds() === 0 ? ['dynamodb:PartiQLDelete'] : [];
    table.grant(this.function, ...RELAY_ACTIONS, ...deletion);
    authentication.grantPublish(this.function, topics);

    const { startingPosition, maxRecordAgeSeconds: _, ...delivery } = MAPPING_SETTINGS;
    this.eventSourceMapping = new EventSourceMapping(this, 'Stream', {
      target: this.function,
      eventSourceArn: table.streamArn,
      ...delivery,
      startingPosition: StartingPosition[startingPosition],
      filters: mappingFilters(home).map((pattern) => FilterCriteria.filter(pattern)),
      enabled: props.enabled,
      metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
    });
    this.eventSourceMapping.node.addDependency(...options.dependencies);
  }
}

const configOf = ({ options, table, ...config }: OutboxRelayProps): RelayConfig => ({
  ...options,
  ...config,
  tableName: table.table.tableName,
  brokers: [options.bootstrapBrokers],
  auth: options.authentication.settings,
  topics: firstTopics(options.topics),
  retentionSeconds: options.retention.toSeconds(),
  requestTimeoutMs: options.requestTimeout.toMilliseconds(),
  lateAfterSeconds: RELAY_DEFAULTS.lateAfterSeconds,
  partitionPatienceSeconds: options.partitionPatience.toSeconds(),
});

/** Enough for a new process to tell an unavailable partition from an unavailable cluster. */
const MAX_TOPICS = 20;
/** Lambda accepts 4 KB of environment variables in total. */
const MAX_TOPICS_LENGTH = 1_000;
/** The longest topic name that Kafka accepts. */
const MAX_TOPIC_LENGTH = 249;

function firstTopics(topics: readonly string[]): string[] {
  let length = 0;
  return topics.slice(0, MAX_TOPICS).filter((topic) => {
    length += 1 + (Token.isUnresolved(topic) ? MAX_TOPIC_LENGTH : topic.length);
    return length <= MAX_TOPICS_LENGTH;
  });
}
