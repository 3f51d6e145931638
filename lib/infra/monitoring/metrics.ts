import type { Duration } from 'aws-cdk-lib';
import { Metric, Stats, type CommonMetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IEventSourceMapping, IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  CONSUMER_METRICS,
  METRICS_NAMESPACE,
  OUTBOX_DIMENSION,
  RELAY_METRICS,
  RELAY_SERVICE,
  SWEEPER_METRICS,
  SWEEPER_SERVICE,
} from '../../event/metrics';

/** The parts of an outbox that its alarms and its dashboard need. */
export interface MonitoredOutbox {
  readonly outboxName: string;
  readonly table: ITable;
  readonly relay: { readonly function: IFunction; readonly memorySize: number; readonly timeout: Duration };
  readonly mapping: IEventSourceMapping;
  /** Whether other regions write to the table too. */
  readonly isGlobal: boolean;
  /** `false` while another region has taken over: then neither relay nor sweeper is invoked. */
  readonly publishes: boolean;
  readonly sweeper: {
    readonly function: IFunction;
    readonly memorySize: number;
    readonly interval: Duration;
    readonly overdueAfter: Duration;
  };
  /** Name of a provisioned Amazon MSK cluster whose metrics are monitored too. */
  readonly mskClusterName?: string;
}

/** The parts of a consumer on Lambda that its alarms and its dashboard need. */
export interface MonitoredConsumer {
  readonly consumerName: string;
  readonly metricsNamespace: string;
  readonly function: IFunction;
  readonly memorySize: number;
  readonly inbox: ITable;
  readonly mappings: Readonly<Record<string, IEventSourceMapping>>;
  /** Whether Lambda gives batches up and puts them into a destination. */
  readonly givesUp: boolean;
  readonly enabled: boolean;
}

/** A metric that the relay emits, by its key in the table of names. */
export type RelayMetric = keyof typeof RELAY_METRICS;
/** A metric that the sweeper emits once a run. */
export type SweeperMetric = keyof typeof SWEEPER_METRICS;

/** A metric that a consumer emits by `consumerTelemetry`, by its key in the table of names. */
export type ConsumerMetric = keyof typeof CONSUMER_METRICS;

/** Options of a metric; the construct sets its dimensions. */
export type OutboxMetricOptions = Omit<CommonMetricOptions, 'dimensionsMap'>;

/** A metric of one outbox's relay: by default its sum, or p99 of the latency, over five minutes. */
export const relayMetric = (outboxName: string, name: RelayMetric, options: OutboxMetricOptions = {}): Metric =>
  new Metric({
    namespace: METRICS_NAMESPACE,
    metricName: RELAY_METRICS[name],
    dimensionsMap: { [OUTBOX_DIMENSION]: outboxName, service: RELAY_SERVICE },
    statistic: name === 'commitToAckLatency' ? Stats.p(99) : Stats.SUM,
    ...options,
  });

/** A metric of one outbox's sweeper: by default its maximum over five minutes. */
export const sweeperMetric = (outboxName: string, name: SweeperMetric, options: OutboxMetricOptions = {}): Metric =>
  new Metric({
    namespace: METRICS_NAMESPACE,
    metricName: SWEEPER_METRICS[name],
    dimensionsMap: { [OUTBOX_DIMENSION]: outboxName, service: SWEEPER_SERVICE },
    statistic: Stats.MAXIMUM,
    ...options,
  });

/**
 * A metric of a consumer: by default its sum, or p99 of the latency, over five minutes. Its only dimension is
 * `service`, which Powertools adds to every metric.
 */
export const consumerMetric = (
  { consumerName, metricsNamespace }: Pick<MonitoredConsumer, 'consumerName' | 'metricsNamespace'>,
  name: ConsumerMetric,
  options: OutboxMetricOptions = {},
): Metric =>
  new Metric({
    namespace: metricsNamespace,
    metricName: CONSUMER_METRICS[name],
    dimensionsMap: { service: consumerName },
    statistic: name === 'commitToApplyLatency' ? Stats.p(99) : Stats.SUM,
    ...options,
  });

/** A metric that Lambda reports for an event source mapping, over five minutes. */
export const mappingMetric = (
  { eventSourceMappingId }: IEventSourceMapping,
  metricName: string,
  statistic: string,
  label?: string,
): Metric =>
  new Metric({
    namespace: 'AWS/Lambda',
    metricName,
    dimensionsMap: { EventSourceMappingUUID: eventSourceMappingId },
    statistic,
    label,
  });
