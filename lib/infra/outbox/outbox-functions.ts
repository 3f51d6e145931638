import { Token, Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import {
  EventSourceMapping,
  FilterCriteria,
  MetricType,
  StartingPosition,
  type Function as LambdaFunction,
  type IEventSourceMapping,
} from 'aws-cdk-lib/aws-lambda';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { HomeRegion } from '../../event/home-region';
import { RELAY_ACTIONS, SWEEPER_ACTIONS } from '../../event/table-actions';
import { encodeRelayConfig, RELAY_DEFAULTS, type RelayConfig } from '../../relay/environment';
import { MAPPING_SETTINGS, mappingFilters } from '../../relay/mapping-settings';
import { encodeSweeperConfig, PROBE_EVENT } from '../../sweep/environment';
import { bundledFunction, outboxFunction } from '../functions/outbox-function';
import { estimateTopicArns } from '../template-checks/role-policies';
import type { RelayPublisher, ResolvedOutboxProps } from './outbox-props';
import type { OutboxTable } from './outbox-table';

/** Settings that the relay and the sweeper of an outbox share. */
export interface OutboxFunctionSettings {
  readonly options: ResolvedOutboxProps;
  readonly table: OutboxTable;
  readonly outboxName: string;
  readonly home: HomeRegion | undefined;
  /** Whether the stream invokes the relay, and the schedules the sweeper. */
  readonly enabled?: boolean;
}

/** With less memory, its share of CPU would limit the sweep before the read rate does. */
export const SWEEPER_MEMORY_MB = 1024;

export interface OutboxSweeperProps extends OutboxFunctionSettings {
  /** The mapping from the table's stream to the relay. */
  readonly mapping: IEventSourceMapping;
}

/**
 * Scans the table on a schedule and asks the relay for items that the stream has lost. Calls only DynamoDB, and Lambda
 * about the mapping.
 */
export class OutboxSweeper extends Construct {
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, props: OutboxSweeperProps) {
    super(scope, id);
    const { options, table, outboxName, home, enabled, mapping } = props;
    // The relay of any region may act on a probe of the stream, so every run reads a table with replicas.
    const watchesMapping = home === undefined;
    this.function = outboxFunction(this, {
      options,
      description: `Finds outbox items of ${outboxName} that the stream has lost`,
      code: options.sweeperCode ?? bundledFunction('sweeper'),
      memorySize: SWEEPER_MEMORY_MB,
      // The longest timeout that Lambda allows: the next run resumes where a run stops.
      timeout: Duration.minutes(15),
      // The next run finishes the work; a retry would only read the table once more.
      retryAttempts: 0,
      environment: encodeSweeperConfig({
        tableName: table.table.tableName,
        outboxName,
        overdueAfterSeconds: options.overdueAfter.toSeconds(),
        sweepIntervalSeconds: options.sweepInterval.toSeconds(),
        fullSweepIntervalSeconds: options.fullSweepInterval.toSeconds(),
        mappingId: watchesMapping ? mapping.eventSourceMappingId : undefined,
        readUnitsPerSecond: options.sweepReadUnitsPerSecond,
        home,
      }),
    });
    table.grant(this.function, ...SWEEPER_ACTIONS);
    if (watchesMapping) {
      this.function.addToRolePolicy(
        new PolicyStatement({ actions: ['lambda:GetEventSourceMapping'], resources: [mapping.eventSourceMappingArn] }),
      );
    }
    new Rule(this, 'Schedule', {
      description: `Sweeps the outbox table of ${outboxName}`,
      schedule: Schedule.rate(options.sweepInterval),
      enabled,
      targets: [new LambdaTarget(this.function)],
    });
    new Rule(this, 'Probe', {
      description: `Tries the partitions again for which ${outboxName} holds keys`,
      schedule: Schedule.rate(Duration.minutes(1)),
      enabled,
      targets: [new LambdaTarget(this.function, { event: RuleTargetInput.fromObject(PROBE_EVENT) })],
    });
  }
}

export interface OutboxRelayProps extends OutboxFunctionSettings {
  /** Unique in an account and region, and the same over deployments. */
  readonly outboxId: string;
  readonly publishWithinMs: number;
}

/** Each bundle contains one Kafka client. */
const RELAY_BUNDLES = {
  kafkajs: 'relay',
  platformatic: 'relay-platformatic',
} as const satisfies Record<RelayPublisher, string>;

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
      code: options.relayCode ?? bundledFunction(RELAY_BUNDLES[options.publisher]),
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
const MAX_TOPIC_LENGTH = 249;

function firstTopics(topics: readonly string[]): string[] {
  let length = 0;
  return topics.slice(0, MAX_TOPICS).filter((topic) => {
    length += 1 + (Token.isUnresolved(topic) ? MAX_TOPIC_LENGTH : topic.length);
    return length <= MAX_TOPICS_LENGTH;
  });
}
