import { Duration } from 'aws-cdk-lib';
import {
  MathExpression,
  SingleValueWidget,
  Stats,
  type Dashboard,
  type IAlarm,
  type IMetric,
  type Metric,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { alarmsOf } from './alarms';
import { GatheredAlarms } from './gathered-alarms';
import { relayMetric, sweeperMetric, type MonitoredOutbox, type RelayMetric, type SweeperMetric } from './metrics';
import type { ResolvedMonitoring } from './options';
import { BURN_RATES, rounded, sloMetric, type ResolvedSlo } from './slo';
import {
  alarmStates,
  dashboardOf,
  gigabyteSeconds,
  graph,
  graphOfTimes,
  heading,
  HEIGHT,
  invocationsOf,
  labelled,
  line,
  linkToRunbooks,
  MILLISECONDS,
  percentiles,
  unitsOf,
  type Row,
} from './widgets';

export interface OutboxMonitoringProps {
  readonly outbox: MonitoredOutbox;
  readonly options: ResolvedMonitoring;
}

/** The alarms of an outbox, gathered in the composite alarms `page` and `ticket`, and its dashboard. */
export class OutboxMonitoring extends GatheredAlarms {
  /** `undefined` if `dashboard` is `false`. */
  readonly dashboard?: Dashboard;

  constructor(scope: Construct, id: string, props: OutboxMonitoringProps) {
    const { outbox, options } = props;
    super(scope, id, { prefix: outbox.outboxName, ...options });
    for (const spec of alarmsOf(outbox, options.slo)) this.addAlarm(spec);
    if (options.dashboard) this.dashboard = outboxDashboard(this, outbox, options, this.shown);
  }
}

/** @param alarms - the alarms to show, including those added before synthesis */
export function outboxDashboard(
  scope: Construct,
  outbox: MonitoredOutbox,
  { slo, runbookBaseUrl }: ResolvedMonitoring,
  alarms: IAlarm[],
): Dashboard {
  const promise = `${percent(slo.objective)} of the events of 30 days are acknowledged by Kafka within ${slo.publishWithin.toHumanString()} of their commit`;
  return dashboardOf(scope, [
    [linkToRunbooks(runbookBaseUrl, `# Outbox ${outbox.outboxName}\nPromised: ${promise}. `)],
    heading('Is it healthy?'),
    ...healthRows(outbox, slo, alarms),
    heading('What waits?'),
    ...backlogRows(outbox, slo),
    heading('Where is time spent?'),
    ...latencyRows(outbox, slo),
    heading('What does it cost?'),
    ...costRows(outbox),
  ]);
}

const percent = (share: number): string => `${rounded(share * 100)} %`;

function healthRows({ outboxName }: MonitoredOutbox, { objective }: ResolvedSlo, alarms: IAlarm[]): Row[] {
  const inTime = sloMetric(outboxName, {
    expression: '100 * (1 - late / published)',
    label: 'published in time, %',
    period: Duration.days(1),
  });
  const burnRate = sloMetric(outboxName, {
    expression: `(late / published) / ${rounded(1 - objective)}`,
    label: 'burn rate over an hour',
    period: Duration.hours(1),
  });
  return [
    [alarmStates(alarms)],
    [
      new SingleValueWidget({
        title: `Published in time in a day (promised: ${percent(objective)})`,
        width: 6,
        height: HEIGHT,
        metrics: [inTime],
        period: Duration.days(1),
        fullPrecision: false,
      }),
      graph('Burn rate of the error budget (1 lasts 30 days)', {
        width: 9,
        left: [burnRate],
        leftAnnotations: BURN_RATES.map(({ rate, severity }) => line(rate, `${severity} at ${rate}`)),
      }),
      graph('Events', {
        width: 9,
        left: relayMetrics(outboxName, { publishedEvents: 'published', lateEvents: 'late' }),
      }),
    ],
  ];
}

function backlogRows(outbox: MonitoredOutbox, { maxLag }: ResolvedSlo): Row[] {
  const { outboxName, relay, sweeper } = outbox;
  const age = relay.function.metric('IteratorAge', {
    statistic: Stats.MAXIMUM,
    label: 'age of the newest record read',
  });
  return [
    [
      // Without the thresholds of the stream's edge: lines at hours would leave no height for minutes.
      graphOfTimes(
        'Behind the stream (it drops records after 24 hours)',
        [age],
        [line(maxLag.toMilliseconds(), 'page')],
      ),
      graphOfTimes(
        'Oldest, as of the last sweep',
        sweeperMetrics(outbox, { oldestPendingAge: 'pending event', oldestHoldAge: 'held key' }),
        [line(sweeper.overdueAfter.toMilliseconds(), 'overdue')],
      ),
      graph('Items and keys, as of the last sweep', {
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
      graph('Refused', {
        left: relayMetrics(outboxName, {
          parkedItems: 'parked',
          discardedItems: 'discarded',
          breakerOpen: 'breaker open',
          unprocessableSignals: 'unprocessable signals',
        }),
      }),
      graph('Left waiting behind a hold, or for the version before', {
        left: relayMetrics(outboxName, { heldItems: 'behind a hold', predecessorWaits: 'for the version before' }),
      }),
      graph('Signals of the sweeper', {
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

function latencyRows(outbox: MonitoredOutbox, { publishWithin }: ResolvedSlo): Row[] {
  const { outboxName, relay, sweeper, mskClusterName } = outbox;
  return [
    [
      graphOfTimes(
        'From commit to acknowledgement',
        percentiles((options) => relayMetric(outboxName, 'commitToAckLatency', options)),
        [line(publishWithin.toMilliseconds(), 'promised')],
      ),
      graphOfTimes(
        'Invocations of the relay: how long',
        percentiles((options) => relay.function.metricDuration(options)),
        [line(relay.timeout.toMilliseconds(), 'timeout')],
      ),
      graph('Invocations of the relay: how many', {
        left: invocationsOf(relay.function),
        right: [relay.function.metric('ConcurrentExecutions', { statistic: Stats.MAXIMUM, label: 'at once' })],
      }),
    ],
    [
      graph('Kafka and marks', {
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
      graph('Lookups, drains and duplicates', {
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
      graph('Sweeps', {
        left: sweeperMetrics(outbox, { duration: 'duration' }),
        leftYAxis: MILLISECONDS,
        right: [
          ...sweeperMetrics(outbox, { complete: 'complete' }),
          sweeper.function.metricErrors({ label: 'errors' }),
        ],
      }),
    ],
  ];
}

function costRows(outbox: MonitoredOutbox): Row[] {
  const { outboxName, table, relay, sweeper } = outbox;
  return [
    [
      graph('Units of the table', {
        left: unitsOf(table),
        right: sweeperMetrics(outbox, { readUnits: 'read units of a sweep' }),
      }),
      graph('Lambda, GB-seconds', { left: [gigabyteSeconds(relay, 'relay'), gigabyteSeconds(sweeper, 'sweeper')] }),
      graph('What it is spent on', {
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
  labelled(labels, (name, options) => relayMetric(outboxName, name, options));

/** A run reports one value: with shorter periods, the graph would show dots. */
const sweeperMetrics = (
  { outboxName, sweeper }: MonitoredOutbox,
  labels: Partial<Record<SweeperMetric, string>>,
): Metric[] =>
  labelled(labels, (name, options) => sweeperMetric(outboxName, name, { ...options, period: sweeper.interval }));
