import { Token, type Duration } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import {
  EventSourceMapping,
  FilterCriteria,
  MetricType,
  StartingPosition,
  type Code,
  type Function as LambdaFunction,
} from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct, type IDependable } from 'constructs';
import { RELAY_ACTIONS } from '../../event/table-actions';
import { encodeRelayConfig, type RelayConfig } from '../../relay/environment';
import { MAPPING_SETTINGS, mappingFilters } from '../../relay/mapping-settings';
import type { KafkaAuthentication } from '../cluster/kafka-authentication';
import { outboxFunction } from '../functions/outbox-function';
import type { OutboxTable } from './outbox-table';
import { estimateTopicArns } from '../template-checks/role-policies';

export interface OutboxRelayProps {
  readonly table: OutboxTable;
  readonly config: Omit<RelayConfig, 'tableName' | 'auth' | 'topics'>;
  readonly authentication: KafkaAuthentication;
  readonly topics: readonly string[];
  readonly clusterName?: string;
  /** Constructs that must exist before the relay publishes: topics, ports. */
  readonly dependencies: readonly IDependable[];
  readonly code: Code;
  readonly memorySize: number;
  readonly timeout: Duration;
  readonly concurrency?: number;
  /** Whether the stream invokes the relay. */
  readonly enabled?: boolean;
  readonly logRetention: RetentionDays;
  readonly environmentEncryptionKey?: IKey;
  readonly logEncryptionKey?: IKey;
  readonly vpc?: IVpc;
  readonly vpcSubnets?: SubnetSelection;
  readonly securityGroups?: ISecurityGroup[];
}

/** The stateless part: the only publisher, which the table's stream triggers. */
export class OutboxRelay extends Construct {
  readonly function: LambdaFunction;
  readonly eventSourceMapping: EventSourceMapping;

  constructor(scope: Construct, id: string, props: OutboxRelayProps) {
    super(scope, id);
    const { table, authentication, config, clusterName, topics } = props;
    estimateTopicArns(this, { clusterArn: authentication.clusterArn, clusterName, topics });
    this.function = outboxFunction(this, {
      description: `Publishes the outbox items of ${config.outboxName} to Kafka`,
      code: props.code,
      memorySize: props.memorySize,
      timeout: props.timeout,
      reservedConcurrentExecutions: props.concurrency,
      logRetention: props.logRetention,
      environmentEncryption: props.environmentEncryptionKey,
      logEncryptionKey: props.logEncryptionKey,
      vpc: props.vpc,
      vpcSubnets: props.vpcSubnets,
      securityGroups: props.securityGroups,
      environment: {
        ...encodeRelayConfig({
          ...config,
          tableName: table.table.tableName,
          auth: authentication.settings,
          topics: firstTopics(props.topics),
        }),
        // kafkajs schedules timers with a negative delay, and Node.js 24 warns about them on every cold start.
        NODE_OPTIONS: '--disable-warning=TimeoutNegativeWarning',
      },
    });
    this.#grant(props);

    this.eventSourceMapping = new EventSourceMapping(this, 'Stream', {
      target: this.function,
      eventSourceArn: table.streamArn,
      startingPosition: StartingPosition[MAPPING_SETTINGS.startingPosition],
      filters: mappingFilters(config.home).map((pattern) => FilterCriteria.filter(pattern)),
      enabled: props.enabled,
      batchSize: MAPPING_SETTINGS.batchSize,
      parallelizationFactor: MAPPING_SETTINGS.parallelizationFactor,
      bisectBatchOnError: MAPPING_SETTINGS.bisectBatchOnError,
      reportBatchItemFailures: MAPPING_SETTINGS.reportBatchItemFailures,
      retryAttempts: MAPPING_SETTINGS.retryAttempts,
      metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
    });
    this.eventSourceMapping.node.addDependency(...props.dependencies);
  }

  #grant({ table, config, authentication, topics }: OutboxRelayProps): void {
    table.table.grantStreamRead(this.function);
    table.grant(this.function, ...RELAY_ACTIONS, ...(config.retentionSeconds === 0 ? ['dynamodb:PartiQLDelete'] : []));
    authentication.grantPublish(this.function, topics);
  }
}

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
