import { Duration } from 'aws-cdk-lib';
import { Dashboard, Stats, TextWidget, type IAlarm, type Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { runbookUrl } from './alarm';
import { mappingMetric } from './consumer-alarms';
import type { ResolvedConsumerMonitoring } from './consumer-options';
import { consumerMetric, type ConsumerMetric } from './metrics';
import type { MonitoredConsumer } from './subject';
import { alarmStates, gigabyteSeconds, graph, GRID, heading, line, type Row } from './widgets';

/** A dashboard for one consumer. CloudFormation generates its name, because dashboards are global in an account. */
export function consumerDashboard(
  scope: Construct,
  consumer: MonitoredConsumer,
  options: ResolvedConsumerMonitoring,
  alarms: IAlarm[],
): Dashboard {
  const introduction = new TextWidget({
    width: GRID,
    height: 1,
    markdown: `What to do about an alarm: ${runbookUrl('README', options.runbookBaseUrl)}`,
  });
  const rows: Row[] = [[introduction], [alarmStates(alarms)], ...consumerRows(consumer, options)];
  return new Dashboard(scope, 'Dashboard', {
    defaultInterval: Duration.hours(12),
    widgets: rows.map((row) => [...row]),
  });
}

/** The sections of an outbox's dashboard, for a consumer: backlog, latency, cost. */
export function consumerRows(consumer: MonitoredConsumer, { maxLag }: ResolvedConsumerMonitoring): Row[] {
  const { function: func, inbox, consumerName } = consumer;
  const latency = (statistic: string, label: string): Metric =>
    consumerMetric(consumer, consumer.metricsNamespace, 'commitToApplyLatency', { statistic, label });
  return [
    heading(`Consumer ${consumerName}`),
    [
      graph('Messages that wait', 8, {
        left: ofMappings(consumer, 'MaxOffsetLag', Stats.MAXIMUM, 'in one partition'),
        right: ofMappings(consumer, 'SumOffsetLag', Stats.MAXIMUM, 'in all'),
        leftAnnotations: [line(maxLag, 'ticket')],
      }),
      graph('From commit to effect', 8, {
        left: [latency(Stats.p(50), 'p50'), latency(Stats.p(99), 'p99'), latency(Stats.MAXIMUM, 'max')],
        leftYAxis: { label: 'ms', showUnits: false, min: 0 },
      }),
      graph('Events', 8, {
        left: counts(consumer, { appliedEvents: 'applied', duplicatesIgnored: 'duplicates' }),
        right: counts(consumer, {
          lateEvents: 'late',
          duplicatesBelowWindow: 'duplicates by place alone',
          replaysIgnored: 'replays',
          unknownTypesSkipped: 'skipped',
        }),
      }),
    ],
    [
      graph('What did not go well', 8, {
        left: counts(consumer, {
          failedAttempts: 'failed attempts',
          deadLetters: 'dead letters',
          deadLetterFailures: 'dead letters refused',
          parkedEvents: 'parked',
          releasedKeys: 'keys released',
          gaps: 'gaps',
          outages: 'outages',
        }),
      }),
      graph('Invocations of the consumer', 8, {
        left: [
          func.metricInvocations({ label: 'invocations' }),
          func.metricErrors({ label: 'errors' }),
          func.metricThrottles({ label: 'throttles' }),
        ],
        right: [func.metricDuration({ statistic: Stats.p(99), label: 'p99 duration' })],
      }),
      graph('Mappings', 8, {
        left: [
          ...ofMappings(consumer, 'PollingErrorCount', Stats.SUM, 'polls failed'),
          ...ofMappings(consumer, 'InvokeErrorCount', Stats.SUM, 'invocations failed'),
          ...ofMappings(consumer, 'CommitErrorCount', Stats.SUM, 'commits failed'),
        ],
      }),
    ],
    [
      graph('Units of the inbox', 8, {
        left: [
          inbox.metricConsumedWriteCapacityUnits({ statistic: Stats.SUM, label: 'write units' }),
          inbox.metricConsumedReadCapacityUnits({ statistic: Stats.SUM, label: 'read units' }),
        ],
      }),
      graph('Lambda, GB-seconds', 8, { left: [gigabyteSeconds(func, consumer.memorySize, 'consumer')] }),
      graph('Pollers', 8, { left: ofMappings(consumer, 'ProvisionedPollers', Stats.MAXIMUM, 'running') }),
    ],
  ];
}

const ofMappings = ({ mappings }: MonitoredConsumer, name: string, statistic: string, label: string): Metric[] =>
  Object.entries(mappings).map(([topic, mapping]) => mappingMetric(mapping, name, statistic, `${topic}, ${label}`));

const counts = (consumer: MonitoredConsumer, labels: Partial<Record<ConsumerMetric, string>>): Metric[] =>
  // `Object.entries` loses the type of the keys.
  (Object.entries(labels) as [ConsumerMetric, string][]).map(([name, label]) =>
    consumerMetric(consumer, consumer.metricsNamespace, name, { label }),
  );
