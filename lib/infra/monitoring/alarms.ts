import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats, TreatMissingData, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { AlarmSpec, AlarmCondition } from './alarm';
import { relayMetric, sweeperMetric, type OutboxMetricOptions, type RelayMetric, type SweeperMetric } from './metrics';
import { BURN_RATES, STREAM_EDGES, STREAM_RETENTION, type ResolvedSlo } from './slo';
import type { MonitoredOutbox } from './subject';

const FIVE_MINUTES = Duration.minutes(5);
const HOUR = Duration.hours(1);

/**
 * Every alarm of an outbox: its metric, its threshold, and how it treats missing data.
 *
 * There are two kinds of metrics. The relay and AWS count events, and report nothing without events. The sweeper
 * reports a state once a run, and nothing in between.
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
  // If nothing runs, silence is intended: an alarm that treats silence as a failure would stay raised forever.
  return outbox.publishes
    ? specs
    : specs.filter(({ conditions }) =>
        conditions.every(({ treatMissingData }) => treatMissingData === TreatMissingData.NOT_BREACHING),
      );
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
    const condition = (window: Duration, minLate: number): AlarmCondition => ({
      id: window.toHumanString().replaceAll(' ', '-'),
      metric: lateShare(window, minLate),
      breach,
      // Nothing was published, so nothing was late. The alarms on the lag detect a relay that hangs.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    return {
      id: `publish-slo-${id}`,
      severity,
      description: `Late events use up the error budget of 30 days ${rate} times too fast.`,
      runbook: 'publish-slo',
      conditions: [condition(long, minLateEvents), condition(short, 1)],
    };
  });
}

/** Removes floating-point noise, such as that of 14.4 times 0.001. */
const rounded = (threshold: number): number => Number(threshold.toPrecision(10));

function lag(outbox: MonitoredOutbox, slo: ResolvedSlo): AlarmSpec[] {
  const { relay, sweeper } = outbox;
  const iteratorAge = relay.function.metric('IteratorAge', { statistic: Stats.MAXIMUM, period: FIVE_MINUTES });
  const unanswered = sweeper.overdueAfter.plus(sweeper.interval);
  return [
    {
      id: 'relay-behind',
      severity: 'page',
      description: `The relay is ${slo.maxLag.toHumanString()} or more behind the stream.`,
      conditions: [
        {
          metric: iteratorAge,
          breach: { atLeast: slo.maxLag.toMilliseconds() },
          // Lambda reports the age with each invocation, so no value means an idle stream. Five minutes are longer than
          // a failing invocation and the pause after it, so an outage shows in every period.
          treatMissingData: TreatMissingData.NOT_BREACHING,
        },
      ],
    },
    ...STREAM_EDGES.map((percent): AlarmSpec => {
      const age = (STREAM_RETENTION.toMilliseconds() * percent) / 100;
      const left = Duration.millis(STREAM_RETENTION.toMilliseconds() - age).toHumanString();
      return {
        id: `stream-edge-${percent}`,
        severity: 'page',
        description: `The relay is so far behind that the stream drops records in ${left}.`,
        runbook: 'stream-edge',
        // The composite alarm "page" has been raised for hours by then, and would not notify again.
        repeats: true,
        // Same as for "relay-behind".
        conditions: [
          { metric: iteratorAge, breach: { atLeast: age }, treatMissingData: TreatMissingData.NOT_BREACHING },
        ],
      };
    }),
    {
      id: 'relay-silent',
      severity: 'page',
      description: 'The table is written to, but the relay is not invoked.',
      conditions: [outbox.isGlobal ? pendingWithoutInvocations(outbox) : writesWithoutInvocations(outbox)],
    },
    {
      id: 'oldest-pending',
      severity: 'page',
      description: `An event has waited for ${unanswered.toHumanString()} or more, although the sweeper has sent a signal for it.`,
      conditions: [bySweep(outbox, 'oldestPendingAge', { atLeast: unanswered.toMilliseconds() })],
    },
  ];
}

function writesWithoutInvocations({ table, relay }: MonitoredOutbox): AlarmCondition {
  const period = Duration.minutes(15);
  return {
    metric: new MathExpression({
      expression: 'IF(FILL(writes, 0) > 0 AND FILL(invocations, 0) == 0, 1, 0)',
      label: 'written to, not relayed',
      usingMetrics: {
        // Not the table's own method: if a token imports the table, CloudWatch would not know the region.
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
    // The relay handles a write at the end of a period in the next one.
    evaluationPeriods: 2,
    // The table is idle: it has neither writes nor invocations.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  };
}

/** Writes of other regions consume units here too. Only the sweeper knows which pending items this region publishes. */
function pendingWithoutInvocations({ outboxName, relay, sweeper }: MonitoredOutbox): AlarmCondition {
  const period = Duration.minutes(Math.max(sweeper.interval.toMinutes(), OVERDUE.toMinutes()));
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
    // Same as for every other alarm on the sweeper's findings.
    treatMissingData: TreatMissingData.IGNORE,
  };
}

/** Longer than any invocation and the pause after a failed one. */
const OVERDUE = Duration.minutes(30);

function relayHealth(outbox: MonitoredOutbox): AlarmSpec[] {
  const { relay, mapping } = outbox;
  return [
    {
      id: 'relay-throttled',
      severity: 'page',
      description: 'Lambda throttles the relay: no concurrency is available.',
      conditions: [
        {
          metric: relay.function.metricThrottles({ period: FIVE_MINUTES }),
          breach: { atLeast: 1 },
          // Lambda retries a short burst without harm.
          evaluationPeriods: 2,
          // Lambda reports throttles only when they occur.
          treatMissingData: TreatMissingData.NOT_BREACHING,
        },
      ],
    },
    {
      id: 'relay-errors',
      severity: 'ticket',
      description: 'Invocations of the relay fail: it throws, runs out of memory or out of time.',
      conditions: [
        {
          metric: relay.function.metricErrors({ period: FIVE_MINUTES }),
          breach: { atLeast: 1 },
          evaluationPeriods: 3,
          datapointsToAlarm: 2,
          // The relay was not invoked, so nothing failed. A silent relay has its own alarm.
          treatMissingData: TreatMissingData.NOT_BREACHING,
        },
      ],
    },
    {
      id: 'relay-slow',
      severity: 'ticket',
      description: `An invocation of the relay takes nearly its timeout of ${relay.timeout.toHumanString()}.`,
      conditions: [
        {
          metric: relay.function.metricDuration({ statistic: Stats.MAXIMUM, period: FIVE_MINUTES }),
          breach: { atLeast: relay.timeout.toMilliseconds() * 0.9 },
          evaluationPeriods: 3,
          datapointsToAlarm: 2,
          // The relay was not invoked, so it was not slow.
          treatMissingData: TreatMissingData.NOT_BREACHING,
        },
      ],
    },
    {
      id: 'mapping-dropped',
      severity: 'ticket',
      description: 'The event source mapping has given up on records, which it is configured never to do.',
      conditions: [
        {
          metric: new Metric({
            namespace: 'AWS/Lambda',
            metricName: 'DroppedEventCount',
            dimensionsMap: { EventSourceMappingUUID: mapping.eventSourceMappingId },
            statistic: Stats.SUM,
            period: FIVE_MINUTES,
          }),
          breach: { atLeast: 1 },
          // Lambda reports it only while the mapping processes records.
          treatMissingData: TreatMissingData.NOT_BREACHING,
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
      description: 'So many keys were parked within minutes that the relay treats it as an outage and waits.',
      conditions: [counted(outbox, 'breakerOpen')],
    },
    {
      id: 'item-parked',
      severity: 'ticket',
      description: 'An event was refused, and a retry would be refused again: its key is held.',
      runbook: 'held-keys',
      conditions: [counted(outbox, 'parkedItems')],
    },
    {
      id: 'held-keys',
      severity: 'ticket',
      description: 'Keys are held: their events wait until an operator redrives or skips the refused event.',
      conditions: [bySweep(outbox, 'heldKeys', { atLeast: 1 })],
    },
    {
      id: 'partition-unavailable',
      severity: 'ticket',
      description: 'A topic partition has accepted no writes for minutes: its keys are held until it does.',
      conditions: [
        {
          metric: sweeperMetric(outbox.outboxName, 'keysHeldForPartitions', { period: FIVE_MINUTES }),
          breach: { atLeast: 1 },
          // The sweeper's function reports it once a minute, and only while keys are held.
          treatMissingData: TreatMissingData.NOT_BREACHING,
        },
      ],
    },
    {
      id: 'signal-unprocessable',
      severity: 'ticket',
      description: 'The relay has received a signal that it cannot act on.',
      runbook: 'unprocessable-signals',
      conditions: [counted(outbox, 'unprocessableSignals')],
    },
    {
      id: 'signals-unprocessable',
      severity: 'ticket',
      description: 'The table contains signals that neither relay nor sweeper can act on.',
      runbook: 'unprocessable-signals',
      conditions: [bySweep(outbox, 'unprocessableSignalsLeft', { atLeast: 1 })],
    },
  ];
}

function sweeping(outbox: MonitoredOutbox): AlarmSpec[] {
  const { outboxName, sweeper } = outbox;
  const period = sweeper.interval;
  return [
    {
      id: 'sweeper-silent',
      severity: 'ticket',
      description:
        'The sweeper has not reported for two of its intervals: events that the stream loses would not be found.',
      conditions: [
        {
          metric: new MathExpression({
            expression: 'FILL(runs, 0)',
            label: 'sweeps',
            usingMetrics: { runs: sweeperMetric(outboxName, 'complete', { statistic: Stats.SAMPLE_COUNT, period }) },
            period,
          }),
          breach: { below: 1 },
          evaluationPeriods: 2,
          // The sweeper reports in every run, so silence is the failure. FILL detects it at once; without it CloudWatch
          // would first evaluate older values.
          treatMissingData: TreatMissingData.BREACHING,
          // The first run may start a whole interval after the alarm exists.
          warmUp: Duration.minutes(Math.min(2 * period.toMinutes(), LONGEST_WARM_UP_MINUTES)),
        },
      ],
    },
    {
      id: 'sweeper-failed',
      severity: 'ticket',
      description: 'Parts of the sweep have failed twice in a row.',
      conditions: [bySweep(outbox, 'failures', { atLeast: 1 }, { evaluationPeriods: 2 })],
    },
    {
      id: 'sweeper-incomplete',
      severity: 'ticket',
      description: 'The sweeper needs more than three runs to read the whole table.',
      conditions: [bySweep(outbox, 'complete', { below: 1 }, { evaluationPeriods: 3 })],
    },
    {
      id: 'stream-gap-suspected',
      severity: 'ticket',
      description: 'For four sweeps a gap of the stream has been suspected: the stream may have lost records.',
      // A gap is suspected from one sweep until the next complete sweep without a finding.
      conditions: [
        bySweep(outbox, 'streamGapSuspected', { atLeast: 1 }, { evaluationPeriods: 4 }, { statistic: Stats.MINIMUM }),
      ],
    },
  ];
}

const LONGEST_WARM_UP_MINUTES = 2_880;

/** Single failures recover by themselves. Repeated ones within an hour raise an alarm, for any number of shards. */
function kafka(outbox: MonitoredOutbox): AlarmSpec[] {
  const { outboxName, mskClusterName } = outbox;
  const often = (name: RelayMetric, datapointsToAlarm: number): AlarmCondition => ({
    metric: relayMetric(outboxName, name, { period: FIVE_MINUTES }),
    breach: { atLeast: 1 },
    evaluationPeriods: HOUR.toMinutes() / FIVE_MINUTES.toMinutes(),
    datapointsToAlarm,
    // The relay reports it only when it occurs.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  return [
    {
      id: 'kafka-outages',
      severity: 'ticket',
      description: 'The relay could not publish, and had to wait, several times within an hour.',
      runbook: 'kafka-unstable',
      // A rolling restart of three brokers stays below this limit.
      conditions: [often('outages', 4)],
    },
    {
      id: 'producer-rebuilds',
      severity: 'ticket',
      description: 'The relay has replaced its Kafka producer several times within an hour: sends fail or time out.',
      runbook: 'kafka-unstable',
      conditions: [often('producerRebuilds', 6)],
    },
    ...(mskClusterName === undefined ? [] : [tooManyConnections(mskClusterName)]),
  ];
}

function tooManyConnections(clusterName: string): AlarmSpec {
  return {
    id: 'kafka-connections',
    severity: 'ticket',
    description: 'A broker refuses new IAM connections: more than 100 a second were opened.',
    conditions: [
      {
        // The metric exists only per broker, and an alarm must not depend on the number of brokers.
        metric: new MathExpression({
          expression: `SELECT SUM(IAMTooManyConnections) FROM SCHEMA("AWS/Kafka", "Broker ID", "Cluster Name") WHERE "Cluster Name" = '${clusterName}'`,
          label: 'refused connections',
          usingMetrics: {},
          period: FIVE_MINUTES,
        }),
        breach: { atLeast: 1 },
        evaluationPeriods: 3,
        datapointsToAlarm: 2,
        // A cluster with the monitoring level DEFAULT does not report it: no alarm instead of one that never ends.
        treatMissingData: TreatMissingData.NOT_BREACHING,
      },
    ],
  };
}

/** A condition that one occurrence in five minutes meets. */
const counted = ({ outboxName }: MonitoredOutbox, name: RelayMetric): AlarmCondition => ({
  metric: relayMetric(outboxName, name, { period: FIVE_MINUTES }),
  breach: { atLeast: 1 },
  // The relay reports it only when it occurs.
  treatMissingData: TreatMissingData.NOT_BREACHING,
});

/** A condition on a state that the last sweeps reported. */
const bySweep = (
  { outboxName, sweeper }: MonitoredOutbox,
  name: SweeperMetric,
  breach: AlarmCondition['breach'],
  window: Pick<AlarmCondition, 'evaluationPeriods'> = {},
  options: OutboxMetricOptions = {},
): AlarmCondition => ({
  metric: sweeperMetric(outboxName, name, { period: sweeper.interval, ...options }),
  breach,
  ...window,
  // Runs and periods are not aligned, so a period may be empty although nothing has changed. A silent sweeper has its
  // own alarm.
  treatMissingData: TreatMissingData.IGNORE,
});
