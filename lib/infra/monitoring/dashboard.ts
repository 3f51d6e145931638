import { Duration } from 'aws-cdk-lib';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import {
  Dashboard,
  MathExpression,
  SingleValueWidget,
  Stats,
  TextWidget,
  type IAlarm,
  type IMetric,
  type IWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { runbookUrl } from './alarm';
import { relayMetric, sweeperMetric, type RelayMetric, type SweeperMetric } from './metrics';
import type { ResolvedMonitoring } from './options';
import { BURN_RATES, type ResolvedSlo } from './slo';
import type { MonitoredOutbox } from './subject';
import { alarmStates, gigabyteSeconds, graph, GRID, heading, HEIGHT, line, type Row } from './widgets';

/**
 * From top to bottom: health, backlog, latency, cost.
 *
 * CloudFormation generates its name: dashboards are global in an account, and one stack in two regions would share a
 * fixed name.
 *
 * @param alarms - the alarms to show, including those added before synthesis
 */
export function outboxDashboard(
  scope: Construct,
  outbox: MonitoredOutbox,
  options: ResolvedMonitoring,
  alarms: IAlarm[],
): Dashboard {
  const rows: Row[] = [
    [introduction(outbox, options)],
    heading('Is it healthy?'),
    ...health(outbox, options.slo, alarms),
    heading('What waits?'),
    ...waiting(outbox, options.slo),
    heading('Where is time spent?'),
    ...time(outbox, options.slo),
    heading('What does it cost?'),
    ...cost(outbox),
  ];
  return new Dashboard(scope, 'Dashboard', {
    defaultInterval: Duration.hours(12),
    widgets: rows.map((row) => [...row]),
  });
}

function introduction({ outboxName }: MonitoredOutbox, { slo, runbookBaseUrl }: ResolvedMonitoring): IWidget {
  const share = `${Number((slo.objective * 100).toPrecision(10))} %`;
  const within = slo.publishWithin.toHumanString();
  return new TextWidget({
    width: GRID,
    height: 2,
    markdown: `# Outbox ${outboxName}\nPromised: ${share} of the events of 30 days are acknowledged by Kafka within ${within} of their commit. What to do about an alarm: ${runbookUrl('README', runbookBaseUrl)}`,
  });
}

function health({ outboxName }: MonitoredOutbox, { objective }: ResolvedSlo, alarms: IAlarm[]): Row[] {
  const share = (period: Duration): IMetric =>
    new MathExpression({
      expression: '100 * (1 - late / published)',
      label: 'published in time, %',
      usingMetrics: {
        late: relayMetric(outboxName, 'lateEvents', { period }),
        published: relayMetric(outboxName, 'publishedEvents', { period }),
      },
      period,
    });
  const burnRate = new MathExpression({
    expression: `(late / published) / ${Number((1 - objective).toPrecision(10))}`,
    label: 'burn rate over an hour',
    usingMetrics: {
      late: relayMetric(outboxName, 'lateEvents', { period: Duration.hours(1) }),
      published: relayMetric(outboxName, 'publishedEvents', { period: Duration.hours(1) }),
    },
    period: Duration.hours(1),
  });
  return [
    [alarmStates(alarms)],
    [
      new SingleValueWidget({
        title: `Published in time in a day (promised: ${Number((objective * 100).toPrecision(10))} %)`,
        width: 6,
        height: HEIGHT,
        metrics: [share(Duration.days(1))],
        period: Duration.days(1),
        fullPrecision: false,
      }),
      graph('Burn rate of the error budget (1 lasts 30 days)', 9, {
        left: [burnRate],
        leftAnnotations: BURN_RATES.map(({ rate, severity }) => line(rate, `${severity} at ${rate}`)),
      }),
      graph('Events', 9, {
        left: relayMetrics(outboxName, { publishedEvents: 'published', lateEvents: 'late' }),
      }),
    ],
  ];
}

function waiting(outbox: MonitoredOutbox, { maxLag }: ResolvedSlo): Row[] {
  const { outboxName, relay, sweeper } = outbox;
  return [
    [
      graph('Behind the stream (it drops records after 24 hours)', 8, {
        left: [
          relay.function.metric('IteratorAge', { statistic: Stats.MAXIMUM, label: 'age of the newest record read' }),
        ],
        // Without the thresholds of the stream's edge: lines at hours would leave no height for minutes.
        leftAnnotations: [line(maxLag.toMilliseconds(), 'page')],
        leftYAxis: { label: 'ms', showUnits: false, min: 0 },
      }),
      graph('Oldest, as of the last sweep', 8, {
        left: sweeperMetrics(outbox, { oldestPendingAge: 'pending event', oldestHoldAge: 'held key' }),
        leftAnnotations: [line(sweeper.overdueAfter.toMilliseconds(), 'overdue')],
        leftYAxis: { label: 'ms', showUnits: false, min: 0 },
      }),
      graph('Items and keys, as of the last sweep', 8, {
        left: sweeperMetrics(outbox, {
          pendingItems: 'pending',
          waitingItems: 'behind a hold',
          parkedItems: 'parked',
          heldKeys: 'held keys',
          keysHeldForPartitions: 'held for a partition',
        }),
      }),
    ],
    [
      graph('Refused', 8, {
        left: relayMetrics(outboxName, {
          parkedItems: 'parked',
          discardedItems: 'discarded',
          breakerOpen: 'breaker open',
          unprocessableSignals: 'unprocessable signals',
        }),
      }),
      graph('Left waiting behind a hold, or for the version before', 8, {
        left: relayMetrics(outboxName, { heldItems: 'behind a hold', predecessorWaits: 'for the version before' }),
      }),
      graph('Signals of the sweeper', 8, {
        left: sweeperMetrics(outbox, {
          signalsSent: 'signals sent',
          signalsReplaced: 'lost signals replaced',
          unprocessableSignalsLeft: 'unprocessable signals',
          streamGapSuspected: 'stream gap suspected',
          failures: 'failures',
        }),
      }),
    ],
  ];
}

function time(outbox: MonitoredOutbox, { publishWithin }: ResolvedSlo): Row[] {
  const { outboxName, relay, sweeper, mskClusterName } = outbox;
  const latency = (statistic: string, label: string): Metric =>
    relayMetric(outboxName, 'commitToAckLatency', { statistic, label });
  const duration = (statistic: string, label: string): Metric => relay.function.metricDuration({ statistic, label });
  return [
    [
      graph('From commit to acknowledgement', 8, {
        left: [latency(Stats.p(50), 'p50'), latency(Stats.p(99), 'p99'), latency(Stats.MAXIMUM, 'max')],
        leftAnnotations: [line(publishWithin.toMilliseconds(), 'promised')],
        leftYAxis: { label: 'ms', showUnits: false, min: 0 },
      }),
      graph('Invocations of the relay: how long', 8, {
        left: [duration(Stats.p(50), 'p50'), duration(Stats.p(99), 'p99'), duration(Stats.MAXIMUM, 'max')],
        leftAnnotations: [line(relay.timeout.toMilliseconds(), 'timeout')],
        leftYAxis: { label: 'ms', showUnits: false, min: 0 },
      }),
      graph('Invocations of the relay: how many', 8, {
        left: [
          relay.function.metricInvocations({ label: 'invocations' }),
          relay.function.metricErrors({ label: 'errors' }),
          relay.function.metricThrottles({ label: 'throttles' }),
        ],
        right: [relay.function.metric('ConcurrentExecutions', { statistic: Stats.MAXIMUM, label: 'at once' })],
      }),
    ],
    [
      graph('Kafka and marks', 8, {
        left: [
          ...relayMetrics(outboxName, {
            outages: 'outages',
            producerRebuilds: 'producers replaced',
            markFailures: 'marks failed',
            keyFailures: 'keys failed alone',
          }),
          ...(mskClusterName === undefined ? [] : [refusedConnections(mskClusterName)]),
        ],
      }),
      graph('Lookups, drains and duplicates', 8, {
        left: relayMetrics(outboxName, {
          lookBacks: 'keys looked up',
          drains: 'drains',
          drainsPostponed: 'drains postponed',
          replayedItems: 'replayed',
          duplicatesSkipped: 'known already',
          suspectStarts: 'suspects',
          streamChanges: 'stream changes',
        }),
      }),
      graph('Sweeps', 8, {
        left: sweeperMetrics(outbox, { duration: 'duration' }),
        leftYAxis: { label: 'ms', showUnits: false, min: 0 },
        right: [
          ...sweeperMetrics(outbox, { complete: 'complete' }),
          sweeper.function.metricErrors({ label: 'errors' }),
        ],
      }),
    ],
  ];
}

function cost(outbox: MonitoredOutbox): Row[] {
  const { outboxName, table, relay, sweeper } = outbox;
  return [
    [
      graph('Units of the table', 8, {
        left: [
          table.metricConsumedWriteCapacityUnits({ statistic: Stats.SUM, label: 'write units' }),
          table.metricConsumedReadCapacityUnits({ statistic: Stats.SUM, label: 'read units' }),
        ],
        right: sweeperMetrics(outbox, { readUnits: 'read units of a sweep' }),
      }),
      graph('Lambda, GB-seconds', 8, {
        left: [
          gigabyteSeconds(relay.function, relay.memorySize, 'relay'),
          gigabyteSeconds(sweeper.function, sweeper.memorySize, 'sweeper'),
        ],
      }),
      graph('What it is spent on', 8, {
        left: relayMetrics(outboxName, { publishedBytes: 'bytes published' }),
        right: [
          relayMetric(outboxName, 'batchSize', { statistic: Stats.AVERAGE, label: 'records an invocation' }),
          ...sweeperMetrics(outbox, { scannedItems: 'items in the table' }),
        ],
      }),
    ],
  ];
}

/** One line per broker, for any number of brokers. */
const refusedConnections = (clusterName: string): IMetric =>
  new MathExpression({
    expression: `SEARCH('{AWS/Kafka,"Broker ID","Cluster Name"} MetricName="IAMTooManyConnections" "Cluster Name"="${clusterName}"', 'Sum', 300)`,
    label: 'connections refused',
    usingMetrics: {},
  });

const relayMetrics = (outboxName: string, labels: Partial<Record<RelayMetric, string>>): Metric[] =>
  // `Object.entries` loses the type of the keys.
  (Object.entries(labels) as [RelayMetric, string][]).map(([name, label]) => relayMetric(outboxName, name, { label }));

/** A run reports one value: with shorter periods, the graph would show dots. */
const sweeperMetrics = (
  { outboxName, sweeper }: MonitoredOutbox,
  labels: Partial<Record<SweeperMetric, string>>,
): Metric[] =>
  (Object.entries(labels) as [SweeperMetric, string][]).map(([name, label]) =>
    sweeperMetric(outboxName, name, { label, period: sweeper.interval }),
  );
