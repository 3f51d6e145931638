import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { AlarmSpec, Condition } from './alarm';
import { relayMetric, sweeperMetric, type OutboxMetricOptions, type RelayMetric, type SweeperMetric } from './metrics';
import { BURN_RATES, STREAM_EDGES, STREAM_RETENTION, type ResolvedSlo } from './slo';
import type { MonitoredOutbox } from './subject';

const FIVE_MINUTES = Duration.minutes(5);
const HOUR = Duration.hours(1);

/**
 * Every alarm of an outbox: what is measured, when it breaches, and what a missing value means.
 *
 * Two kinds of metrics: the relay and AWS count what happens, and say nothing while nothing happens; the sweeper reports
 * how things stand, once a run, and says nothing in between.
 */
export function alarmsOf(outbox: MonitoredOutbox, slo: ResolvedSlo): readonly AlarmSpec[] {
  const specs = [
    ...burnRates(outbox, slo),
    ...lag(outbox, slo),
    ...relayHealth(outbox),
    ...refusals(outbox),
    ...sweeping(outbox),
    ...kafka(outbox),
  ];
  // Where nothing runs, silence is meant: what takes it for a failure would stand for ever.
  return outbox.publishes ? specs : specs.filter(({ when }) => when.every(({ missing }) => missing === 'fine'));
}

function burnRates({ outboxName }: MonitoredOutbox, { objective, minLateEvents }: ResolvedSlo): AlarmSpec[] {
  const lateShare = (period: Duration, minLate: number): IMetric =>
    new MathExpression({
      expression: `IF(late >= ${minLate}, late / published, 0)`,
      label: 'share of late events',
      usingMetrics: {
        late: relayMetric(outboxName, 'lateEvents', { period }),
        published: relayMetric(outboxName, 'publishedEvents', { period }),
      },
      period,
    });
  return BURN_RATES.map(({ id, rate, severity, long, short }) => {
    const breach = { atLeast: rounded(rate * (1 - objective)) };
    const condition = (window: Duration, minLate: number): Condition => ({
      id: window.toHumanString().replaceAll(' ', '-'),
      metric: lateShare(window, minLate),
      breach,
      // Nothing was published, so nothing was late. What hangs has the alarms on the lag.
      missing: 'fine',
    });
    return {
      id: `publish-slo-${id}`,
      severity,
      says: `Late events use up the error budget of 30 days ${rate} times too fast.`,
      runbook: 'publish-slo',
      when: [condition(long, minLateEvents), condition(short, 1)],
    };
  });
}

/** 14.4 times 0.001 without the noise of floating point. */
const rounded = (threshold: number): number => Number(threshold.toPrecision(10));

function lag(outbox: MonitoredOutbox, slo: ResolvedSlo): AlarmSpec[] {
  const { relay, sweeper } = outbox;
  const iteratorAge = relay.function.metric('IteratorAge', { statistic: Stats.MAXIMUM, period: FIVE_MINUTES });
  const unanswered = sweeper.after.plus(sweeper.every);
  return [
    {
      id: 'relay-behind',
      severity: 'page',
      says: `The relay is ${slo.maxLag.toHumanString()} or more behind the stream.`,
      runbook: 'relay-behind',
      when: [
        {
          metric: iteratorAge,
          breach: { atLeast: slo.maxLag.toMilliseconds() },
          // Lambda reports the age when it invokes: no value is an idle stream. Five minutes are longer than an
          // invocation that fails and the pause until the next one, so that an outage shows in each of them.
          missing: 'fine',
        },
      ],
    },
    ...STREAM_EDGES.map((percent): AlarmSpec => {
      const age = (STREAM_RETENTION.toMilliseconds() * percent) / 100;
      const left = Duration.millis(STREAM_RETENTION.toMilliseconds() - age).toHumanString();
      return {
        id: `stream-edge-${percent}`,
        severity: 'page',
        says: `The relay is so far behind that the stream drops records in ${left}.`,
        runbook: 'stream-edge',
        // By then "page" has been in alarm for hours, and would tell nobody.
        repeats: true,
        // As for "relay-behind".
        when: [{ metric: iteratorAge, breach: { atLeast: age }, missing: 'fine' }],
      };
    }),
    {
      id: 'relay-silent',
      severity: 'page',
      says: 'The table is written to, but the relay is not invoked.',
      runbook: 'relay-silent',
      when: [outbox.isGlobal ? pendingWithoutInvocations(outbox) : writesWithoutInvocations(outbox)],
    },
    {
      id: 'oldest-pending',
      severity: 'page',
      says: `An event has waited for ${unanswered.toHumanString()} or more, although the sweeper has asked for it.`,
      runbook: 'oldest-pending',
      when: [bySweep(outbox, 'oldestPendingAge', { atLeast: unanswered.toMilliseconds() })],
    },
  ];
}

function writesWithoutInvocations({ table, relay }: MonitoredOutbox): Condition {
  const period = Duration.minutes(15);
  return {
    metric: new MathExpression({
      expression: 'IF(FILL(writes, 0) > 0 AND FILL(invocations, 0) == 0, 1, 0)',
      label: 'written to, not relayed',
      usingMetrics: {
        // Not by the table's own method: of a table that is imported by a token, CloudWatch would not know the region.
        writes: new Metric({
          namespace: 'AWS/DynamoDB',
          metricName: 'ConsumedWriteCapacityUnits',
          dimensionsMap: { TableName: table.tableName },
          statistic: Stats.SUM,
          period,
        }),
        invocations: relay.function.metricInvocations({ period }),
      },
      period,
    }),
    breach: { atLeast: 1 },
    // A write just before the end of a period is relayed in the next one.
    of: 2,
    // Neither writes nor invocations: an idle table.
    missing: 'fine',
  };
}

/** What other regions write takes units here as well, and is relayed there: only the sweeper knows whose items wait. */
function pendingWithoutInvocations({ outboxName, relay, sweeper }: MonitoredOutbox): Condition {
  const period = Duration.minutes(Math.max(sweeper.every.toMinutes(), OVERDUE.toMinutes()));
  return {
    metric: new MathExpression({
      expression: `IF(pending >= ${OVERDUE.toMilliseconds()} AND FILL(invocations, 0) == 0, 1, 0)`,
      label: 'pending, not relayed',
      usingMetrics: {
        pending: sweeperMetric(outboxName, 'oldestPendingAge', { period }),
        invocations: relay.function.metricInvocations({ period }),
      },
      period,
    }),
    breach: { atLeast: 1 },
    // As for every other alarm on what the sweeper has found.
    missing: 'unchanged',
  };
}

/** Longer than any invocation, and than the pause after one that failed. */
const OVERDUE = Duration.minutes(30);

function relayHealth(outbox: MonitoredOutbox): AlarmSpec[] {
  const { relay, mapping } = outbox;
  return [
    {
      id: 'relay-throttled',
      severity: 'page',
      says: 'Lambda refuses to run the relay for want of concurrency.',
      runbook: 'relay-throttled',
      when: [
        {
          metric: relay.function.metricThrottles({ period: FIVE_MINUTES }),
          breach: { atLeast: 1 },
          // A short burst is retried and harms nobody.
          of: 2,
          // Lambda counts throttles only where there are some.
          missing: 'fine',
        },
      ],
    },
    {
      id: 'relay-errors',
      severity: 'ticket',
      says: 'The relay dies: it throws, runs out of memory or out of time.',
      runbook: 'relay-errors',
      when: [
        {
          metric: relay.function.metricErrors({ period: FIVE_MINUTES }),
          breach: { atLeast: 1 },
          of: 3,
          periods: 2,
          // Not invoked, so nothing failed. That it is not invoked has an alarm of its own.
          missing: 'fine',
        },
      ],
    },
    {
      id: 'relay-slow',
      severity: 'ticket',
      says: `An invocation of the relay takes nearly the ${relay.timeout.toHumanString()} that it may.`,
      runbook: 'relay-slow',
      when: [
        {
          metric: relay.function.metricDuration({ statistic: Stats.MAXIMUM, period: FIVE_MINUTES }),
          breach: { atLeast: relay.timeout.toMilliseconds() * 0.9 },
          of: 3,
          periods: 2,
          // Not invoked, so not slow.
          missing: 'fine',
        },
      ],
    },
    {
      id: 'mapping-dropped',
      severity: 'ticket',
      says: 'The event source mapping has given records up, which it is configured never to do.',
      runbook: 'mapping-dropped',
      when: [
        {
          metric: new Metric({
            namespace: 'AWS/Lambda',
            metricName: 'DroppedEventCount',
            dimensionsMap: { EventSourceMappingUUID: mapping.eventSourceMappingId },
            statistic: Stats.SUM,
            period: FIVE_MINUTES,
          }),
          breach: { atLeast: 1 },
          // Counted only where the mapping handles records.
          missing: 'fine',
        },
      ],
    },
  ];
}

function refusals(outbox: MonitoredOutbox): AlarmSpec[] {
  return [
    {
      id: 'breaker-open',
      severity: 'page',
      says: 'So many keys were parked within minutes that the relay takes it for an outage and waits.',
      runbook: 'breaker-open',
      when: [counted(outbox, 'breakerOpen')],
    },
    {
      id: 'item-parked',
      severity: 'ticket',
      says: 'Kafka has refused an event for good: its key is held.',
      runbook: 'held-keys',
      when: [counted(outbox, 'parkedItems')],
    },
    {
      id: 'held-keys',
      severity: 'ticket',
      says: 'Keys are held: their events wait until somebody redrives or skips the one that was refused.',
      runbook: 'held-keys',
      when: [bySweep(outbox, 'heldKeys', { atLeast: 1 })],
    },
    {
      id: 'partition-unavailable',
      severity: 'ticket',
      says: 'A topic partition has taken no writes for minutes: its keys are held until it does.',
      runbook: 'partition-unavailable',
      when: [
        {
          metric: sweeperMetric(outbox.outboxName, 'keysHeldForPartitions', { period: FIVE_MINUTES }),
          breach: { atLeast: 1 },
          // Reported once a minute, and only while keys are held.
          missing: 'fine',
        },
      ],
    },
    {
      id: 'signal-set-aside',
      severity: 'ticket',
      says: 'The relay was given a signal that it cannot act on.',
      runbook: 'signals-set-aside',
      when: [counted(outbox, 'signalsSetAside')],
    },
    {
      id: 'signals-left-aside',
      severity: 'ticket',
      says: 'Signals lie in the table that nobody will act on.',
      runbook: 'signals-set-aside',
      when: [bySweep(outbox, 'signalsLeftAside', { atLeast: 1 })],
    },
  ];
}

function sweeping(outbox: MonitoredOutbox): AlarmSpec[] {
  const { outboxName, sweeper } = outbox;
  const period = sweeper.every;
  return [
    {
      id: 'sweeper-silent',
      severity: 'ticket',
      says: 'The sweeper has not reported for two of its intervals: what the stream loses would not be found.',
      runbook: 'sweeper-silent',
      when: [
        {
          metric: new MathExpression({
            expression: 'FILL(runs, 0)',
            label: 'sweeps',
            usingMetrics: { runs: sweeperMetric(outboxName, 'complete', { statistic: Stats.SAMPLE_COUNT, period }) },
            period,
          }),
          breach: { below: 1 },
          of: 2,
          // It reports with every run, so that silence is the failure. FILL tells it at once; without it CloudWatch would
          // first fall back on older values.
          missing: 'breach',
          // The first run comes up to an interval after the alarm.
          warmUp: Duration.minutes(Math.min(2 * period.toMinutes(), LONGEST_WARM_UP_MINUTES)),
        },
      ],
    },
    {
      id: 'sweeper-failed',
      severity: 'ticket',
      says: 'Parts of the sweep have failed twice in a row.',
      runbook: 'sweeper-failed',
      when: [bySweep(outbox, 'failures', { atLeast: 1 }, { of: 2 })],
    },
    {
      id: 'sweeper-incomplete',
      severity: 'ticket',
      says: 'The sweeper needs more than three runs for one look at the whole table.',
      runbook: 'sweeper-incomplete',
      when: [bySweep(outbox, 'complete', { below: 1 }, { of: 3 })],
    },
    {
      id: 'doubt-stands',
      severity: 'ticket',
      says: 'For four sweeps it has been in doubt whether the stream has shown everything.',
      runbook: 'doubt-stands',
      // One sweep begins the doubt, and the next complete one without a finding ends it.
      when: [bySweep(outbox, 'doubt', { atLeast: 1 }, { of: 4 }, { statistic: Stats.MINIMUM })],
    },
  ];
}

const LONGEST_WARM_UP_MINUTES = 2_880;

/** Trouble that passes by itself is none; trouble in many minutes of an hour is, whatever the number of shards. */
function kafka(outbox: MonitoredOutbox): AlarmSpec[] {
  const { outboxName, mskClusterName } = outbox;
  const often = (name: RelayMetric, periods: number): Condition => ({
    metric: relayMetric(outboxName, name, { period: FIVE_MINUTES }),
    breach: { atLeast: 1 },
    of: HOUR.toMinutes() / FIVE_MINUTES.toMinutes(),
    periods,
    // The relay counts it only where it happens.
    missing: 'fine',
  });
  return [
    {
      id: 'kafka-outages',
      severity: 'ticket',
      says: 'Again and again within an hour, the relay could not publish and had to wait.',
      runbook: 'kafka-unstable',
      // A rolling restart of three brokers stays below.
      when: [often('outages', 4)],
    },
    {
      id: 'producer-rebuilds',
      severity: 'ticket',
      says: 'The relay replaces its Kafka producer again and again: sends fail or time out.',
      runbook: 'kafka-unstable',
      when: [often('producerRebuilds', 6)],
    },
    ...(mskClusterName === undefined ? [] : [tooManyConnections(mskClusterName)]),
  ];
}

function tooManyConnections(clusterName: string): AlarmSpec {
  return {
    id: 'kafka-connections',
    severity: 'ticket',
    says: 'A broker refuses new IAM connections: more than 100 a second were opened.',
    runbook: 'kafka-connections',
    when: [
      {
        // The metric exists for each broker alone, and an alarm must not know how many there are.
        metric: new MathExpression({
          expression: `SELECT SUM(IAMTooManyConnections) FROM SCHEMA("AWS/Kafka", "Broker ID", "Cluster Name") WHERE "Cluster Name" = '${clusterName}'`,
          label: 'refused connections',
          usingMetrics: {},
          period: FIVE_MINUTES,
        }),
        breach: { atLeast: 1 },
        of: 3,
        periods: 2,
        // A cluster of the monitoring level DEFAULT does not report it: no alarm, rather than one that never ends.
        missing: 'fine',
      },
    ],
  };
}

/** Once in five minutes is enough. */
const counted = ({ outboxName }: MonitoredOutbox, name: RelayMetric): Condition => ({
  metric: relayMetric(outboxName, name, { period: FIVE_MINUTES }),
  breach: { atLeast: 1 },
  // The relay counts it only where it happens.
  missing: 'fine',
});

/** As the last sweeps found it. */
const bySweep = (
  { outboxName, sweeper }: MonitoredOutbox,
  name: SweeperMetric,
  breach: Condition['breach'],
  window: Pick<Condition, 'of'> = {},
  options: OutboxMetricOptions = {},
): Condition => ({
  metric: sweeperMetric(outboxName, name, { period: sweeper.every, ...options }),
  breach,
  ...window,
  // Runs do not keep to the borders of periods, so that one may be empty: nothing has changed then. A sweeper that
  // reports no more has an alarm of its own.
  missing: 'unchanged',
});
