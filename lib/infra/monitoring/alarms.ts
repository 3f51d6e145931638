import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import {
  activityCondition,
  silenceCondition,
  stateCondition,
  TWO_OF_THREE_PERIODS,
  type AlarmCondition,
  type AlarmSpec,
  type ConditionSettings,
} from './alarm';
import {
  mappingMetric,
  relayMetric,
  sweeperMetric,
  type RelayMetric,
  type SweeperMetric,
  type MonitoredOutbox,
} from './metrics';
import { BURN_RATES, rounded, sloMetric, STREAM_EDGES, STREAM_RETENTION, type ResolvedSlo } from './slo';

/**
 * Every alarm of an outbox. A period is five minutes unless the metric has another one. The relay and AWS count events,
 * and report nothing without events. The sweeper reports a state once a run, and nothing in between.
 */
export function alarmsOf(outbox: MonitoredOutbox, slo: ResolvedSlo): readonly AlarmSpec[] {
  const specs = [
    ...burnRateAlarms(outbox, slo),
    ...lagAlarms(outbox, slo),
    ...relayAlarms(outbox),
    ...refusalAlarms(outbox),
    ...sweeperAlarms(outbox),
    ...kafkaAlarms(outbox),
  ];
  // If nothing runs, silence is intended: an alarm that treats silence as a failure would stay raised forever.
  return outbox.publishes
    ? specs
    : specs.filter(({ conditions }) =>
        conditions.every(({ treatMissingData }) => treatMissingData === TreatMissingData.NOT_BREACHING),
      );
}

function burnRateAlarms({ outboxName }: MonitoredOutbox, { objective, minLateEvents }: ResolvedSlo): AlarmSpec[] {
  return BURN_RATES.map(({ id, rate, severity, long, short }) => {
    // Nothing published means nothing late. The alarms on the lag detect a relay that hangs.
    const condition = (period: Duration, minLate: number): AlarmCondition =>
      activityCondition(
        sloMetric(outboxName, {
          expression: `IF(late >= ${minLate}, late / published, 0)`,
          label: 'share of late events',
          period,
        }),
        { id: period.toHumanString().replaceAll(' ', '-'), breach: { atLeast: rounded(rate * (1 - objective)) } },
      );
    return {
      id: `publish-slo-${id}`,
      severity,
      description: `Late events use up the error budget of 30 days ${rate} times too fast.`,
      runbook: 'publish-slo',
      conditions: [condition(long, minLateEvents), condition(short, 1)],
    };
  });
}

function lagAlarms(outbox: MonitoredOutbox, slo: ResolvedSlo): AlarmSpec[] {
  const { relay, sweeper } = outbox;
  // Lambda reports the age with each invocation, so no value means an idle stream. Five minutes are longer than a
  // failing invocation and the pause after it, so an outage shows in every period.
  const behind = (atLeast: number): AlarmCondition =>
    activityCondition(relay.function.metric('IteratorAge', { statistic: Stats.MAXIMUM }), { breach: { atLeast } });
  const unanswered = sweeper.overdueAfter.plus(sweeper.interval);
  return [
    {
      id: 'relay-behind',
      severity: 'page',
      description: `The relay is ${slo.maxLag.toHumanString()} or more behind the stream.`,
      conditions: [behind(slo.maxLag.toMilliseconds())],
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
        conditions: [behind(age)],
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
      conditions: [bySweep(outbox, 'oldestPendingAge', { breach: { atLeast: unanswered.toMilliseconds() } })],
    },
  ];
}

function writesWithoutInvocations({ table, relay }: MonitoredOutbox): AlarmCondition {
  const metric = new MathExpression({
    expression: 'IF(FILL(writes, 0) > 0 AND FILL(invocations, 0) == 0, 1, 0)',
    label: 'written to, not relayed',
    usingMetrics: {
      // Not the table's own method: if a token imports the table, CloudWatch would not know the region.
      writes: new Metric({
        namespace: 'AWS/DynamoDB',
        metricName: 'ConsumedWriteCapacityUnits',
        dimensionsMap: { TableName: table.tableName },
        statistic: Stats.SUM,
      }),
      invocations: relay.function.metricInvocations(),
    },
    period: Duration.minutes(15),
  });
  // The relay handles a write at the end of a period in the next one. An idle table has neither writes nor invocations.
  return activityCondition(metric, { evaluationPeriods: 2 });
}

/** Writes of other regions consume units here too. Only the sweeper knows which pending items this region publishes. */
function pendingWithoutInvocations({ outboxName, relay, sweeper }: MonitoredOutbox): AlarmCondition {
  const metric = new MathExpression({
    expression: `IF(pending >= ${OVERDUE.toMilliseconds()} AND FILL(invocations, 0) == 0, 1, 0)`,
    label: 'pending, not relayed',
    usingMetrics: {
      pending: sweeperMetric(outboxName, 'oldestPendingAge'),
      invocations: relay.function.metricInvocations(),
    },
    period: Duration.minutes(Math.max(sweeper.interval.toMinutes(), OVERDUE.toMinutes())),
  });
  return stateCondition(metric);
}

/** Longer than any invocation and the pause after a failed one. */
const OVERDUE = Duration.minutes(30);

function relayAlarms({ relay, mapping }: MonitoredOutbox): AlarmSpec[] {
  return [
    {
      id: 'relay-throttled',
      severity: 'page',
      description: 'Lambda throttles the relay: no concurrency is available.',
      // Lambda retries a short burst without harm.
      conditions: [activityCondition(relay.function.metricThrottles(), { evaluationPeriods: 2 })],
    },
    {
      id: 'relay-errors',
      severity: 'ticket',
      description: 'Invocations of the relay fail: it throws, runs out of memory or out of time.',
      // A silent relay has its own alarm.
      conditions: [activityCondition(relay.function.metricErrors(), TWO_OF_THREE_PERIODS)],
    },
    {
      id: 'relay-slow',
      severity: 'ticket',
      description: `An invocation of the relay takes nearly its timeout of ${relay.timeout.toHumanString()}.`,
      conditions: [
        activityCondition(relay.function.metricDuration({ statistic: Stats.MAXIMUM }), {
          breach: { atLeast: relay.timeout.toMilliseconds() * 0.9 },
          ...TWO_OF_THREE_PERIODS,
        }),
      ],
    },
    {
      id: 'mapping-dropped',
      severity: 'ticket',
      description: 'The event source mapping has given up on records, which it is configured never to do.',
      conditions: [activityCondition(mappingMetric(mapping, 'DroppedEventCount', Stats.SUM))],
    },
  ];
}

function refusalAlarms(outbox: MonitoredOutbox): AlarmSpec[] {
  const byRelay = (name: RelayMetric): AlarmCondition => activityCondition(relayMetric(outbox.outboxName, name));
  return [
    {
      id: 'breaker-open',
      severity: 'page',
      description: 'So many keys were parked within minutes that the relay treats it as an outage and waits.',
      conditions: [byRelay('breakerOpen')],
    },
    {
      id: 'item-parked',
      severity: 'ticket',
      description: 'An event was refused, and a retry would be refused again: its key is held.',
      runbook: 'held-keys',
      conditions: [byRelay('parkedItems')],
    },
    {
      id: 'held-keys',
      severity: 'ticket',
      description: 'Keys are held: their events wait until an operator redrives or skips the refused event.',
      conditions: [bySweep(outbox, 'heldKeys')],
    },
    {
      id: 'partition-unavailable',
      severity: 'ticket',
      description: 'A topic partition has accepted no writes for minutes: its keys are held until it does.',
      // The sweeper's function reports it once a minute, and only while keys are held.
      conditions: [activityCondition(sweeperMetric(outbox.outboxName, 'keysHeldForPartitions'))],
    },
    {
      id: 'signal-unprocessable',
      severity: 'ticket',
      description: 'The relay has received a signal that it cannot act on.',
      runbook: 'unprocessable-signals',
      conditions: [byRelay('unprocessableSignals')],
    },
    {
      id: 'signals-unprocessable',
      severity: 'ticket',
      description: 'The table contains signals that neither relay nor sweeper can act on.',
      runbook: 'unprocessable-signals',
      conditions: [bySweep(outbox, 'unprocessableSignalsLeft')],
    },
  ];
}

function sweeperAlarms(outbox: MonitoredOutbox): AlarmSpec[] {
  const period = outbox.sweeper.interval;
  const sweeps = new MathExpression({
    // FILL detects silence at once; without it CloudWatch would first evaluate older values.
    expression: 'FILL(runs, 0)',
    label: 'sweeps',
    usingMetrics: { runs: sweeperMetric(outbox.outboxName, 'complete', { statistic: Stats.SAMPLE_COUNT }) },
    period,
  });
  return [
    {
      id: 'sweeper-silent',
      severity: 'ticket',
      description:
        'The sweeper has not reported for two of its intervals: events that the stream loses would not be found.',
      conditions: [
        silenceCondition(sweeps, {
          evaluationPeriods: 2,
          // The first run may start a whole interval after the alarm exists.
          warmUp: Duration.minutes(Math.min(2 * period.toMinutes(), LONGEST_WARM_UP_MINUTES)),
        }),
      ],
    },
    {
      id: 'sweeper-failed',
      severity: 'ticket',
      description: 'Parts of the sweep have failed twice in a row.',
      conditions: [bySweep(outbox, 'failures', { evaluationPeriods: 2 })],
    },
    {
      id: 'sweeper-incomplete',
      severity: 'ticket',
      description: 'The sweeper needs more than three runs to read the whole table.',
      conditions: [bySweep(outbox, 'complete', { breach: { below: 1 }, evaluationPeriods: 3 })],
    },
    {
      id: 'stream-gap-suspected',
      severity: 'ticket',
      description: 'For four sweeps a gap of the stream has been suspected: the stream may have lost records.',
      // A gap is suspected from one sweep until the next complete sweep without a finding.
      conditions: [bySweep(outbox, 'streamGapSuspected', { evaluationPeriods: 4 }, Stats.MINIMUM)],
    },
  ];
}

const LONGEST_WARM_UP_MINUTES = 2_880;

/** Periods of five minutes. */
const AN_HOUR = 12;

/** Single failures recover by themselves. Repeated ones within an hour raise an alarm, for any number of shards. */
function kafkaAlarms({ outboxName, mskClusterName }: MonitoredOutbox): AlarmSpec[] {
  const often = (name: RelayMetric, datapointsToAlarm: number): AlarmCondition =>
    activityCondition(relayMetric(outboxName, name), { evaluationPeriods: AN_HOUR, datapointsToAlarm });
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
  // The metric exists only per broker, and an alarm must not depend on the number of brokers.
  const refused = new MathExpression({
    expression: `SELECT SUM(IAMTooManyConnections) FROM SCHEMA("AWS/Kafka", "Broker ID", "Cluster Name") WHERE "Cluster Name" = '${clusterName}'`,
    label: 'refused connections',
    usingMetrics: {},
  });
  return {
    id: 'kafka-connections',
    severity: 'ticket',
    description: 'A broker refuses new IAM connections: more than 100 a second were opened.',
    // A cluster with the monitoring level DEFAULT does not report it: no alarm instead of one that never ends.
    conditions: [activityCondition(refused, TWO_OF_THREE_PERIODS)],
  };
}

/**
 * A condition on a state that the last sweeps reported. Runs and periods are not aligned, so a period may be empty
 * although nothing has changed. A silent sweeper has its own alarm.
 */
const bySweep = (
  { outboxName, sweeper }: MonitoredOutbox,
  name: SweeperMetric,
  settings?: ConditionSettings,
  statistic: string = Stats.MAXIMUM,
): AlarmCondition => stateCondition(sweeperMetric(outboxName, name, { period: sweeper.interval, statistic }), settings);
