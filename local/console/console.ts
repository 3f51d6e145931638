import { readFileSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { METRICS_NAMESPACE } from '../../lib/event/metrics';
import { AlarmMonitor, type AlarmStatus } from '../cloudwatch/alarm-monitor';
import { collectMetrics } from '../cloudwatch/collect-metrics';
import { widgetData, type WidgetData } from '../cloudwatch/dashboard';
import { MetricStore } from '../cloudwatch/metric-store';
import { readMonitoring, type MonitoredTemplate } from '../cloudwatch/monitoring-template';
import { DEFAULT_SCALE, type TimeScale } from '../cloudwatch/time-scale';
import type { Stack } from '../stack';
import { actionsOf, type Action, type ConsoleConsumer } from './actions';
import { watchTopics } from './arrivals';
import type { ConsoleProxy, ConsumedUnits } from './console-proxy';
import { FaultTrials, type Beginning, type FaultStatus } from './fault-trials';
import { faultsOf, type Services } from './faults';
import { Lanes, type Latency, type WaitingKey } from './lanes';
import type { Observation } from './observation';
import { watchTable } from './watch-table';

/** The stack and the services that the console shows and operates. */
export interface ConsoleOptions {
  readonly stack: Stack;
  readonly consumers: readonly ConsoleConsumer[];
  readonly services?: Services;
  readonly proxy?: ConsoleProxy;
  /** Default: a minute of CloudWatch lasts a second. */
  readonly scale?: TimeScale;
}

/** How much of the past is kept, and shown in the graphs. */
const KEPT_MS = 60 * 60_000;
const SHOWN_MS = 10 * 60_000;
const EVALUATE_EVERY_MS = 1_000;
const LATENCY_OF_MS = 10_000;

/** The state of the stack that changes slowly. */
export interface StackStatus {
  readonly tableName: string;
  readonly topics: readonly string[];
  readonly consumers: readonly ConsoleConsumer[];
  readonly mapping: 'Enabled' | 'Disabled';
  readonly relayPid?: number;
  readonly brokers: readonly { readonly address: string; readonly isRunning: boolean }[];
  readonly faults: readonly FaultStatus[];
  /** Whether the services cannot write at their pace although nothing was made to fail. */
  readonly isEmulatorBusy: boolean;
  readonly scale: number;
}

/** How far events have come. */
export interface Progress {
  readonly counts: Lanes['counts'];
  readonly waiting: readonly WaitingKey[];
  /** Events on their way. */
  readonly unfinished: number;
  /** From commit to effect, of the last seconds. */
  readonly latency: Latency;
}

/** Everything that the console knows of one stack: the source of what its server sends. */
export class Console {
  readonly lanes: Lanes;
  readonly actions: readonly Action[];
  readonly #store = new MetricStore(KEPT_MS);
  /** Epoch milliseconds at which it began to collect. */
  readonly #sinceMs = Date.now();
  readonly #options: ConsoleOptions;
  readonly #scale: TimeScale;
  readonly #alarms: AlarmMonitor;
  readonly #monitoring: ReturnType<typeof readMonitoring>;
  readonly #trials: FaultTrials;
  readonly #client: DynamoDBClient;
  readonly #ends: (() => Promise<void> | void)[] = [];

  constructor(options: ConsoleOptions) {
    const { stack, consumers, services, proxy, scale = DEFAULT_SCALE } = options;
    this.#options = options;
    this.#scale = scale;
    this.#client = new DynamoDBClient(stack.clientConfig);
    this.lanes = new Lanes(consumers.flatMap(({ topics }) => topics));
    this.actions = actionsOf({ stack, consumers, client: this.#client });
    this.#trials = new FaultTrials(faultsOf({ stack, proxy, services }), {
      begin: (fault) => this.#begin(fault),
      observe: (beginning, key) => this.#observe(beginning, key),
    });
    const template = JSON.parse(readFileSync(stack.template.path, 'utf8')) as MonitoredTemplate;
    const { relay, sweeper, table } = stack.template;
    const names = { [relay.logicalId]: relay.logicalId, [sweeper.logicalId]: sweeper.logicalId };
    this.#monitoring = readMonitoring(template, { ...names, [table.logicalId]: stack.tableName });
    this.#alarms = new AlarmMonitor(this.#monitoring.alarms, this.#store, scale, Date.now());
    if (proxy !== undefined) proxy.onConsumed = (consumed) => this.#consumed(consumed);
    this.#ends.push(
      collectMetrics(
        {
          functions: [
            { name: relay.logicalId, invoker: stack.relay },
            { name: sweeper.logicalId, invoker: stack.sweeper },
          ],
          mapping: { uuid: stack.template.mappingLogicalId, functionName: relay.logicalId, source: stack.mapping },
        },
        this.#store,
      ),
    );
  }

  /** Starts to read the topics, and to evaluate the alarms. Resolves when it sees every message. */
  async start(): Promise<void> {
    const { stack } = this.#options;
    this.#ends.push(watchTable(stack, (records) => this.lanes.records(records)));
    this.#ends.push(
      await watchTopics(stack.brokers, stack.describe().topics, (arrival) => this.lanes.arrived(arrival)),
    );
    const evaluation = setInterval(() => {
      this.#alarms.evaluate(Date.now());
      this.#trials.check(Date.now());
    }, EVALUATE_EVERY_MS);
    this.#ends.push(() => clearInterval(evaluation));
  }

  /** Takes a value that a consumer reports, as the embedded metrics of a deployed one would. */
  consumerMetric(consumer: string, name: string, value: number): void {
    const dimensions = { service: consumer };
    this.#store.record({ namespace: METRICS_NAMESPACE, name, dimensions, values: [value], atMs: Date.now() });
  }

  /** Counts, held keys and the latency of the last ten seconds. */
  progress(): Progress {
    const { lanes } = this;
    return {
      ...{ counts: lanes.counts, waiting: lanes.waiting(), unfinished: lanes.unfinished() },
      latency: lanes.latency('appliedAt', Date.now() - LATENCY_OF_MS),
    };
  }

  alarms(): readonly AlarmStatus[] {
    return this.#alarms.statuses(Date.now());
  }

  /** The widgets of every dashboard in the template with their data, and all alarms. */
  dashboard(): {
    readonly widgets: readonly WidgetData[];
    readonly alarms: readonly AlarmStatus[];
    readonly nowMs: number;
    readonly sinceMs: number;
  } {
    const nowMs = Date.now();
    const alarms = this.alarms();
    const context = { store: this.#store, scale: this.#scale, alarms, nowMs, shownMs: SHOWN_MS };
    const widgets = this.#monitoring.dashboards.flatMap((dashboard) =>
      dashboard.widgets.map((widget) => widgetData(widget, context)),
    );
    return { widgets, alarms, nowMs, sinceMs: this.#sinceMs };
  }

  status(): StackStatus {
    const { stack, consumers } = this.#options;
    const { tableName, mapping, topics, pids } = stack.describe();
    const nodes = stack.kafka?.nodes;
    const faults = this.#trials.statuses();
    return {
      ...{ tableName, mapping, topics, consumers, relayPid: pids.relay, scale: this.#scale.factor },
      brokers:
        nodes === undefined
          ? stack.brokers.map((address) => ({ address, isRunning: true }))
          : nodes.map(({ address, pid }) => ({ address, isRunning: pid !== undefined })),
      faults,
      isEmulatorBusy: this.#options.services?.isBehind() === true && !faults.some(({ isOn }) => isOn),
    };
  }

  /**
   * Begins or ends a fault. A fault that is on already, or off already, stays as it is.
   *
   * @throws RangeError for a fault that this stack does not have.
   */
  setFault(name: string, on: boolean): Promise<void> {
    return this.#trials.set(name, on);
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.toReversed()) await end();
    this.#client.destroy();
  }

  /** Capacity that a request has consumed, as DynamoDB's metrics of the table report it. */
  #consumed({ tableName, units, kind }: ConsumedUnits): void {
    const name = kind === 'read' ? 'ConsumedReadCapacityUnits' : 'ConsumedWriteCapacityUnits';
    this.#store.record({
      ...{ namespace: 'AWS/DynamoDB', name, dimensions: { TableName: tableName } },
      ...{ values: [units], atMs: Date.now() },
    });
  }

  #begin(fault?: Beginning): Beginning {
    const { arrived, applied } = this.lanes.counts;
    const heldBefore = fault?.heldBefore ?? new Set(this.lanes.waiting().map(({ key }) => key));
    return { atMs: Date.now(), arrived, applied, relayPid: this.#options.stack.describe().pids.relay, heldBefore };
  }

  #observe({ atMs, arrived, applied, relayPid, heldBefore }: Beginning, key: string | undefined): Observation {
    const { counts } = this.lanes;
    const waiting = this.lanes.waiting();
    const now = this.#options.stack.describe().pids.relay;
    const red = this.alarms().filter(({ state }) => state === 'ALARM');
    return {
      eventsOfKey: key === undefined ? [] : this.lanes.eventsOf(key),
      isKeyHeld: waiting.some((each) => each.key === key),
      heldKeys: waiting.filter((each) => !heldBefore.has(each.key)).length,
      arrived: counts.arrived - arrived,
      applied: counts.applied - applied,
      ...this.lanes.backlog(),
      latencyMs: this.lanes.latency('arrivedAt', atMs).p50Ms,
      hasNewRelay: now !== undefined && now !== relayPid,
      isRed: (alarm) => red.some(({ name }) => name.endsWith(`-${alarm}`)),
      sumOf: (metric) => this.#store.sumSince(metric, atMs),
    };
  }
}
