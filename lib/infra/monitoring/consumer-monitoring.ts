import { Stats, type AlarmBase, type Dashboard, type IAlarm, type Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { makeAlarm } from './alarm';
import { consumerAlarmsOf } from './consumer-alarms';
import type { ResolvedConsumerMonitoring } from './consumer-options';
import { GatheredAlarms } from './gathered-alarms';
import { consumerMetric, mappingMetric, type MonitoredConsumer, type ConsumerMetric } from './metrics';
import {
  alarmStates,
  dashboardOf,
  gigabyteSeconds,
  graph,
  graphOfTimes,
  heading,
  invocationsOf,
  labelled,
  line,
  linkToRunbooks,
  percentiles,
  unitsOf,
  type Row,
} from './widgets';

export interface ConsumerMonitoringProps {
  readonly consumer: MonitoredConsumer;
  readonly options: ResolvedConsumerMonitoring;
}

/** The alarms of a consumer, gathered with those of an outbox or by themselves, and its dashboard. */
export class ConsumerMonitoring extends Construct {
  /** The composite alarms of the outbox, or the consumer's own. */
  readonly gathered: GatheredAlarms;

  constructor(scope: Construct, id: string, props: ConsumerMonitoringProps) {
    super(scope, id);
    const { consumer, options } = props;
    const { outbox, pageTopic, ticketTopic, runbookBaseUrl = outbox?.runbookBaseUrl } = options;
    const texts = { prefix: consumer.consumerName, runbookBaseUrl };
    this.gathered = outbox ?? new GatheredAlarms(this, 'Alarms', { ...texts, pageTopic, ticketTopic });
    const alarms: AlarmBase[] = [];
    for (const spec of consumerAlarmsOf(consumer, options)) {
      const alarm = makeAlarm(this, spec, texts);
      this.gathered.watch(spec.severity, alarm);
      alarms.push(alarm);
    }
    if (!options.dashboard) return;
    if (outbox === undefined) consumerDashboard(this, consumer, options, alarms);
    else for (const row of consumerRows(consumer, options)) outbox.dashboard?.addWidgets(...row);
  }
}

export const consumerDashboard = (
  scope: Construct,
  consumer: MonitoredConsumer,
  options: ResolvedConsumerMonitoring,
  alarms: IAlarm[],
): Dashboard =>
  dashboardOf(scope, [
    [linkToRunbooks(options.runbookBaseUrl)],
    [alarmStates(alarms)],
    ...consumerRows(consumer, options),
  ]);

/** The sections of an outbox's dashboard, for a consumer: backlog, latency, cost. */
export function consumerRows(consumer: MonitoredConsumer, { maxLag }: ResolvedConsumerMonitoring): Row[] {
  const { function: func, inbox, consumerName } = consumer;
  const counts = (labels: Partial<Record<ConsumerMetric, string>>): Metric[] =>
    labelled(labels, (name, options) => consumerMetric(consumer, name, options));
  const ofMappings = (metricName: string, statistic: string, label: string): Metric[] =>
    Object.entries(consumer.mappings).map(([topic, mapping]) =>
      mappingMetric(mapping, metricName, statistic, `${topic}, ${label}`),
    );
  return [
    heading(`Consumer ${consumerName}`),
    [
      graph('Messages that wait', {
        left: ofMappings('MaxOffsetLag', Stats.MAXIMUM, 'in one partition'),
        right: ofMappings('SumOffsetLag', Stats.MAXIMUM, 'in all'),
        leftAnnotations: [line(maxLag, 'ticket')],
      }),
      graphOfTimes(
        'From commit to effect',
        percentiles((options) => consumerMetric(consumer, 'commitToApplyLatency', options)),
      ),
      graph('Events', {
        left: counts({ appliedEvents: 'applied', duplicatesIgnored: 'duplicates' }),
        right: counts({
          lateEvents: 'late',
          duplicatesBelowWindow: 'duplicates by place alone',
          replaysIgnored: 'replays',
          unknownTypesSkipped: 'skipped',
        }),
      }),
    ],
    [
      graph('What did not go well', {
        left: counts({
          failedAttempts: 'failed attempts',
          deadLetters: 'dead letters',
          deadLetterFailures: 'dead letters refused',
          parkedEvents: 'parked',
          releasedKeys: 'keys released',
          gaps: 'gaps',
          outages: 'outages',
        }),
      }),
      graph('Invocations of the consumer', {
        left: invocationsOf(func),
        right: [func.metricDuration({ statistic: Stats.p(99), label: 'p99 duration' })],
      }),
      graph('Mappings', {
        left: [
          ...ofMappings('PollingErrorCount', Stats.SUM, 'polls failed'),
          ...ofMappings('InvokeErrorCount', Stats.SUM, 'invocations failed'),
          ...ofMappings('CommitErrorCount', Stats.SUM, 'commits failed'),
        ],
      }),
    ],
    [
      graph('Units of the inbox', { left: unitsOf(inbox) }),
      graph('Lambda, GB-seconds', { left: [gigabyteSeconds(consumer, 'consumer')] }),
      graph('Pollers', { left: ofMappings('ProvisionedPollers', Stats.MAXIMUM, 'running') }),
    ],
  ];
}
