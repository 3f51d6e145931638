import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats, TreatMissingData, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { IEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import type { AlarmSpec, AlarmCondition } from './alarm';
import type { ResolvedConsumerMonitoring } from './consumer-options';
import { consumerMetric, type ConsumerMetric } from './metrics';
import type { MonitoredConsumer } from './subject';

const FIVE_MINUTES = Duration.minutes(5);
/** Lambda needs a few minutes to start the pollers of a new mapping. */
const WARM_UP = Duration.minutes(30);

/**
 * Every alarm of a consumer: its metric, its threshold, and how it treats missing data.
 *
 * Lambda measures each mapping, but reports nothing about a disabled one. The consumer counts events, and reports
 * nothing without events.
 */
export function consumerAlarmsOf(consumer: MonitoredConsumer, options: ResolvedConsumerMonitoring): AlarmSpec[] {
  return [
    ...Object.entries(consumer.mappings).flatMap(([topic, mapping]) => [
      ...reading(topic, mapping, consumer, options),
      ...givingUp(topic, mapping, consumer),
    ]),
    ...invocations(consumer),
    ...applying(consumer),
  ];
}

/** A metric that Lambda reports for an event source mapping. */
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
    period: FIVE_MINUTES,
    label,
  });

function reading(
  topic: string,
  mapping: IEventSourceMapping,
  { enabled }: MonitoredConsumer,
  { maxLag }: ResolvedConsumerMonitoring,
): AlarmSpec[] {
  const behind: AlarmSpec = {
    id: `consumer-behind-${topic}`,
    severity: 'ticket',
    description: `In a partition of ${topic}, ${maxLag} messages or more have waited for a quarter of an hour.`,
    runbook: 'consumer-behind',
    conditions: [
      {
        metric: mappingMetric(mapping, 'MaxOffsetLag', Stats.MAXIMUM),
        breach: { atLeast: maxLag },
        // The consumer works off a burst in less time.
        evaluationPeriods: 3,
        // Lambda measures nothing while it does not poll, which has its own alarm.
        treatMissingData: TreatMissingData.NOT_BREACHING,
      },
    ],
  };
  const stuck: AlarmSpec = {
    id: `consumer-stuck-${topic}`,
    severity: 'page',
    description: `Messages of ${topic} wait, and none has been processed for a quarter of an hour.`,
    runbook: 'consumer-stuck',
    conditions: [
      {
        metric: waitingWithoutCommits(mapping),
        breach: { atLeast: 1 },
        evaluationPeriods: 3,
        // Same as for "consumer-behind".
        treatMissingData: TreatMissingData.NOT_BREACHING,
      },
    ],
  };
  const silent: AlarmSpec = {
    id: `consumer-silent-${topic}`,
    severity: 'page',
    description: `Lambda has not polled ${topic} for a quarter of an hour.`,
    runbook: 'consumer-silent',
    conditions: [
      {
        metric: new MathExpression({
          expression: 'FILL(polls, 0)',
          label: 'polls',
          usingMetrics: { polls: mappingMetric(mapping, 'PolledEventCount', Stats.SAMPLE_COUNT) },
          period: FIVE_MINUTES,
        }),
        breach: { below: 1 },
        evaluationPeriods: 3,
        // Pollers report zero if there is nothing to read, so silence is the failure.
        treatMissingData: TreatMissingData.BREACHING,
        warmUp: WARM_UP,
      },
    ],
  };
  // A consumer that is disabled on purpose is silent.
  return enabled ? [behind, stuck, silent] : [behind, stuck];
}

const waitingWithoutCommits = (mapping: IEventSourceMapping): IMetric =>
  new MathExpression({
    // The minimum lag is above zero: at no time in the period had the consumer read everything.
    expression: 'IF(FILL(lag, 0) > 0 AND FILL(committed, 0) == 0, 1, 0)',
    label: 'waiting, none finished',
    usingMetrics: {
      lag: mappingMetric(mapping, 'MaxOffsetLag', Stats.MINIMUM),
      committed: mappingMetric(mapping, 'CommittedEventCount', Stats.SUM),
    },
    period: FIVE_MINUTES,
  });

function givingUp(topic: string, mapping: IEventSourceMapping, { givesUp }: MonitoredConsumer): AlarmSpec[] {
  const counted = (metricName: string): AlarmCondition => ({
    metric: mappingMetric(mapping, metricName, Stats.SUM),
    breach: { atLeast: 1 },
    // Lambda reports it only while the mapping processes messages.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  return [
    {
      id: `consumer-dropped-${topic}`,
      severity: 'ticket',
      description: `The event source mapping of ${topic} has given up on messages, and they are stored nowhere.`,
      runbook: 'consumer-dropped',
      conditions: [counted('DroppedEventCount')],
    },
    ...(givesUp
      ? [
          {
            id: `consumer-on-failure-${topic}`,
            severity: 'ticket',
            description: `The event source mapping of ${topic} has given up on messages and put them into the bucket.`,
            runbook: 'consumer-dropped',
            conditions: [counted('OnFailureDestinationDeliveredEventCount')],
          } satisfies AlarmSpec,
        ]
      : []),
  ];
}

function invocations(consumer: MonitoredConsumer): AlarmSpec[] {
  return [
    {
      id: 'consumer-errors',
      severity: 'ticket',
      description: 'Invocations of the consumer fail: the function throws, runs out of memory or out of time.',
      conditions: [
        {
          metric: consumer.function.metricErrors({ period: FIVE_MINUTES }),
          breach: { atLeast: 1 },
          evaluationPeriods: 3,
          datapointsToAlarm: 2,
          // The function was not invoked, so nothing failed.
          treatMissingData: TreatMissingData.NOT_BREACHING,
        },
      ],
    },
    {
      id: 'consumer-throttled',
      severity: 'ticket',
      description: 'Lambda throttles the consumer: no concurrency is available.',
      conditions: [
        {
          metric: consumer.function.metricThrottles({ period: FIVE_MINUTES }),
          breach: { atLeast: 1 },
          // Lambda retries a short burst without harm.
          evaluationPeriods: 3,
          // Lambda reports throttles only when they occur.
          treatMissingData: TreatMissingData.NOT_BREACHING,
        },
      ],
    },
  ];
}

function applying(consumer: MonitoredConsumer): AlarmSpec[] {
  const counted = (name: ConsumerMetric, evaluationPeriods = 1): AlarmCondition => ({
    metric: consumerMetric(consumer, consumer.metricsNamespace, name, { period: FIVE_MINUTES }),
    breach: { atLeast: 1 },
    evaluationPeriods,
    // The consumer reports it only when it occurs.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  return [
    {
      id: 'consumer-outage',
      severity: 'page',
      description:
        'For a quarter of an hour the consumer has had to wait for DynamoDB, or for a service that its handlers call.',
      conditions: [counted('outages', 3)],
    },
    {
      id: 'consumer-dead-letters',
      severity: 'ticket',
      description: 'The consumer has sent messages to a dead-letter topic: their effect is missing.',
      conditions: [counted('deadLetters')],
    },
    {
      id: 'consumer-dead-letters-refused',
      severity: 'page',
      description: 'The consumer cannot write dead letters, and the partitions of these messages wait.',
      runbook: 'consumer-dead-letters',
      // A restarting broker refuses a dead letter and accepts it a minute later.
      conditions: [counted('deadLetterFailures', 2)],
    },
    {
      id: 'consumer-parked',
      severity: 'ticket',
      description: 'Events were parked: they and the later ones of their keys wait for a redrive.',
      conditions: [counted('parkedEvents')],
    },
    {
      id: 'consumer-gaps',
      severity: 'ticket',
      description: 'Events of a key are missing before one that the consumer received.',
      conditions: [counted('gaps')],
    },
  ];
}
