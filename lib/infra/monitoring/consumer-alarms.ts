import { Duration } from 'aws-cdk-lib';
import { MathExpression, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { IEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import {
  activityCondition,
  silenceCondition,
  TWO_OF_THREE_PERIODS,
  type AlarmCondition,
  type AlarmSpec,
  type ConditionSettings,
} from './alarm';
import type { ResolvedConsumerMonitoring } from './consumer-options';
import { consumerMetric, mappingMetric, type ConsumerMetric, type MonitoredConsumer } from './metrics';

/** Lambda needs a few minutes to start the pollers of a new mapping. */
const WARM_UP = Duration.minutes(30);

/** Periods of five minutes. */
const A_QUARTER_OF_AN_HOUR = { evaluationPeriods: 3 };

/**
 * Every alarm of a consumer. A period is five minutes. Lambda measures each mapping, but reports nothing about a
 * disabled one. The consumer counts events, and reports nothing without events.
 */
export function consumerAlarmsOf(consumer: MonitoredConsumer, options: ResolvedConsumerMonitoring): AlarmSpec[] {
  return [
    ...Object.entries(consumer.mappings).flatMap(([topic, mapping]) =>
      topicAlarms(topic, mapping, consumer, options).map((spec) => ({
        runbook: spec.id,
        ...spec,
        id: `${spec.id}-${topic}`,
      })),
    ),
    ...invocationAlarms(consumer),
    ...applyAlarms(consumer),
  ];
}

/** The alarms of one topic. The alarm's name gets the topic, and its runbook is the same for every topic. */
function topicAlarms(
  topic: string,
  mapping: IEventSourceMapping,
  { enabled, givesUp }: MonitoredConsumer,
  { maxLag }: ResolvedConsumerMonitoring,
): AlarmSpec[] {
  const waitingWithoutCommits = new MathExpression({
    // The minimum lag is above zero: at no time in the period had the consumer read everything.
    expression: 'IF(FILL(lag, 0) > 0 AND FILL(committed, 0) == 0, 1, 0)',
    label: 'waiting, none finished',
    usingMetrics: {
      lag: mappingMetric(mapping, 'MaxOffsetLag', Stats.MINIMUM),
      committed: mappingMetric(mapping, 'CommittedEventCount', Stats.SUM),
    },
  });
  const polls = new MathExpression({
    expression: 'FILL(polls, 0)',
    label: 'polls',
    usingMetrics: { polls: mappingMetric(mapping, 'PolledEventCount', Stats.SAMPLE_COUNT) },
  });
  const specs: (AlarmSpec | false)[] = [
    {
      id: 'consumer-behind',
      severity: 'ticket',
      description: `In a partition of ${topic}, ${maxLag} messages or more have waited for a quarter of an hour.`,
      // The consumer works off a burst in less time. Lambda measures nothing while it does not poll, which has its own
      // alarm.
      conditions: [
        activityCondition(mappingMetric(mapping, 'MaxOffsetLag', Stats.MAXIMUM), {
          breach: { atLeast: maxLag },
          ...A_QUARTER_OF_AN_HOUR,
        }),
      ],
    },
    {
      id: 'consumer-stuck',
      severity: 'page',
      description: `Messages of ${topic} wait, and none has been processed for a quarter of an hour.`,
      conditions: [activityCondition(waitingWithoutCommits, A_QUARTER_OF_AN_HOUR)],
    },
    // A consumer that is disabled on purpose is silent.
    enabled && {
      id: 'consumer-silent',
      severity: 'page',
      description: `Lambda has not polled ${topic} for a quarter of an hour.`,
      // Pollers report zero if there is nothing to read.
      conditions: [silenceCondition(polls, { ...A_QUARTER_OF_AN_HOUR, warmUp: WARM_UP })],
    },
    {
      id: 'consumer-dropped',
      severity: 'ticket',
      description: `The event source mapping of ${topic} has given up on messages, and they are stored nowhere.`,
      // Lambda reports it only while the mapping processes messages.
      conditions: [activityCondition(mappingMetric(mapping, 'DroppedEventCount', Stats.SUM))],
    },
    givesUp && {
      id: 'consumer-on-failure',
      severity: 'ticket',
      description: `The event source mapping of ${topic} has given up on messages and put them into the bucket.`,
      runbook: 'consumer-dropped',
      conditions: [activityCondition(mappingMetric(mapping, 'OnFailureDestinationDeliveredEventCount', Stats.SUM))],
    },
  ];
  return specs.filter((spec) => spec !== false);
}

function invocationAlarms(consumer: MonitoredConsumer): AlarmSpec[] {
  return [
    {
      id: 'consumer-errors',
      severity: 'ticket',
      description: 'Invocations of the consumer fail: the function throws, runs out of memory or out of time.',
      conditions: [activityCondition(consumer.function.metricErrors(), TWO_OF_THREE_PERIODS)],
    },
    {
      id: 'consumer-throttled',
      severity: 'ticket',
      description: 'Lambda throttles the consumer: no concurrency is available.',
      // Lambda retries a short burst without harm.
      conditions: [activityCondition(consumer.function.metricThrottles(), A_QUARTER_OF_AN_HOUR)],
    },
  ];
}

function applyAlarms(consumer: MonitoredConsumer): AlarmSpec[] {
  const counted = (name: ConsumerMetric, settings?: ConditionSettings): AlarmCondition =>
    activityCondition(consumerMetric(consumer, name), settings);
  return [
    {
      id: 'consumer-outage',
      severity: 'page',
      description:
        'For a quarter of an hour the consumer has had to wait for DynamoDB, or for a service that its handlers call.',
      conditions: [counted('outages', A_QUARTER_OF_AN_HOUR)],
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
      conditions: [counted('deadLetterFailures', { evaluationPeriods: 2 })],
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
