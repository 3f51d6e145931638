import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
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
    says: `In a partition of ${topic}, ${maxLag} messages or more have waited for a quarter of an hour.`,
    runbook: 'consumer-behind',
    when: [
      {
        metric: mappingMetric(mapping, 'MaxOffsetLag', Stats.MAXIMUM),
        breach: { atLeast: maxLag },
        // The consumer works off a burst in less time.
        of: 3,
        // Lambda measures nothing while it does not poll, which has its own alarm.
        missing: 'fine',
      },
    ],
  };
  const stuck: AlarmSpec = {
    id: `consumer-stuck-${topic}`,
    severity: 'page',
    says: `Messages of ${topic} wait, and for a quarter of an hour none has been finished.`,
    runbook: 'consumer-stuck',
    when: [
      {
        metric: waitingWithoutCommits(mapping),
        breach: { atLeast: 1 },
        of: 3,
        // Same as for "consumer-behind".
        missing: 'fine',
      },
    ],
  };
  const silent: AlarmSpec = {
    id: `consumer-silent-${topic}`,
    severity: 'page',
    says: `Nobody has looked for messages of ${topic} for a quarter of an hour.`,
    runbook: 'consumer-silent',
    when: [
      {
        metric: new MathExpression({
          expression: 'FILL(polls, 0)',
          label: 'polls',
          usingMetrics: { polls: mappingMetric(mapping, 'PolledEventCount', Stats.SAMPLE_COUNT) },
          period: FIVE_MINUTES,
        }),
        breach: { below: 1 },
        of: 3,
        // Pollers report zero if there is nothing to read, so silence is the failure.
        missing: 'breach',
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
    missing: 'fine',
  });
  return [
    {
      id: `consumer-dropped-${topic}`,
      severity: 'ticket',
      says: `The event source mapping of ${topic} has given messages up, and they are nowhere.`,
      runbook: 'consumer-dropped',
      when: [counted('DroppedEventCount')],
    },
    ...(givesUp
      ? [
          {
            id: `consumer-set-aside-${topic}`,
            severity: 'ticket',
            says: `The event source mapping of ${topic} has given messages up and put them into the bucket.`,
            runbook: 'consumer-dropped',
            when: [counted('OnFailureDestinationDeliveredEventCount')],
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
      says: 'The function of the consumer dies: it throws, runs out of memory or out of time.',
      runbook: 'consumer-errors',
      when: [
        {
          metric: consumer.function.metricErrors({ period: FIVE_MINUTES }),
          breach: { atLeast: 1 },
          of: 3,
          periods: 2,
          // The function was not invoked, so nothing failed.
          missing: 'fine',
        },
      ],
    },
    {
      id: 'consumer-throttled',
      severity: 'ticket',
      says: 'Lambda refuses to run the consumer for want of concurrency.',
      runbook: 'consumer-throttled',
      when: [
        {
          metric: consumer.function.metricThrottles({ period: FIVE_MINUTES }),
          breach: { atLeast: 1 },
          // Lambda retries a short burst without harm.
          of: 3,
          // Lambda reports throttles only when they occur.
          missing: 'fine',
        },
      ],
    },
  ];
}

function applying(consumer: MonitoredConsumer): AlarmSpec[] {
  const counted = (name: ConsumerMetric, of = 1): AlarmCondition => ({
    metric: consumerMetric(consumer, consumer.metricsNamespace, name, { period: FIVE_MINUTES }),
    breach: { atLeast: 1 },
    of,
    // The consumer reports it only when it occurs.
    missing: 'fine',
  });
  return [
    {
      id: 'consumer-outage',
      severity: 'page',
      says: 'For a quarter of an hour the consumer has had to wait for DynamoDB, or for what its handlers call.',
      runbook: 'consumer-outage',
      when: [counted('outages', 3)],
    },
    {
      id: 'consumer-dead-letters',
      severity: 'ticket',
      says: 'The consumer has set messages aside: their effect is missing.',
      runbook: 'consumer-dead-letters',
      when: [counted('deadLetters')],
    },
    {
      id: 'consumer-dead-letters-refused',
      severity: 'page',
      says: 'The consumer cannot set messages aside, and their partitions wait.',
      runbook: 'consumer-dead-letters',
      // A restarting broker refuses a dead letter and accepts it a minute later.
      when: [counted('deadLetterFailures', 2)],
    },
    {
      id: 'consumer-parked',
      severity: 'ticket',
      says: 'Events were parked: they and the later ones of their keys wait for a redrive.',
      runbook: 'consumer-parked',
      when: [counted('parkedEvents')],
    },
    {
      id: 'consumer-gaps',
      severity: 'ticket',
      says: 'Events of a key are missing before one that came.',
      runbook: 'consumer-gaps',
      when: [counted('gaps')],
    },
  ];
}
