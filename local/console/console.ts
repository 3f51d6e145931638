import { readFileSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
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
import { faultsOf, type Fault, type Services } from './faults';
import { Lanes } from './lanes';
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

/** A fault with its state. */
export interface FaultStatus extends Pick<Fault, 'name' | 'label' | 'shortcut' | 'expectation' | 'recovery'> {
  readonly isOn: boolean;
  /** Whether it lasts until it is ended. */
  readonly lasts: boolean;
  readonly sinceMs?: number;
  /** The key that it wrote. */
  readonly key?: string;
}

/** The state of the stack that changes slowly. */
export interface StackStatus {
  readonly tableName: string;
  readonly topics: readonly string[];
  readonly consumers: readonly ConsoleConsumer[];
  readonly mapping: 'Enabled' | 'Disabled';
  readonly relayPid?: number;
  readonly brokers: readonly { readonly address: string; readonly isRunning: boolean }[];
  readonly faults: readonly FaultStatus[];
  readonly scale: number;
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
  readonly #faults: readonly Fault[];
  readonly #active = new Map<string, { readonly sinceMs: number; readonly key?: string }>();
  readonly #client: DynamoDBClient;
  readonly #ends: (() => Promise<void> | void)[] = [];

  constructor(options: ConsoleOptions) {
    const { stack, consumers, services, proxy, scale = DEFAULT_SCALE } = options;
    this.#options = options;
    this.#scale = scale;
    this.#client = new DynamoDBClient(stack.clientConfig);
    this.lanes = new Lanes(consumers.flatMap(({ topics }) => topics));
    this.actions = actionsOf({ stack, consumers, client: this.#client });
    this.#faults = faultsOf({ stack, proxy, services });
    const template = JSON.parse(readFileSync(stack.template.path, 'utf8')) as MonitoredTemplate;
    const { relay, sweeper, table } = stack.template;
    const names = { [relay.logicalId]: relay.logicalId, [sweeper.logicalId]: sweeper.logicalId };
    this.#monitoring = readMonitoring(template, { ...names, [table.logicalId]: stack.tableName });
    this.#alarms = new AlarmMonitor(this.#monitoring.alarms, this.#store, scale, Date.now());
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
    const evaluation = setInterval(() => this.#alarms.evaluate(Date.now()), EVALUATE_EVERY_MS);
    this.#ends.push(() => clearInterval(evaluation));
  }

  /** Takes the capacity that a request has consumed, as DynamoDB's metrics of the table report it. */
  consumed({ tableName, units, kind }: ConsumedUnits): void {
    const name = kind === 'read' ? 'ConsumedReadCapacityUnits' : 'ConsumedWriteCapacityUnits';
    this.#store.record({
      ...{ namespace: 'AWS/DynamoDB', name, dimensions: { TableName: tableName } },
      ...{ values: [units], atMs: Date.now() },
    });
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
    return {
      ...{ tableName, mapping, topics, consumers, relayPid: pids.relay, scale: this.#scale.factor },
      brokers:
        nodes === undefined
          ? stack.brokers.map((address) => ({ address, isRunning: true }))
          : nodes.map(({ address, pid }) => ({ address, isRunning: pid !== undefined })),
      faults: this.#faults.map((fault) => {
        const { name, label, shortcut, expectation, recovery } = fault;
        const active = this.#active.get(name);
        return {
          ...{
            name,
            label,
            shortcut,
            expectation,
            recovery,
            lasts: fault.end !== undefined,
            isOn: active !== undefined,
          },
          ...active,
        };
      }),
    };
  }

  /**
   * Begins or ends a fault. A fault that is on already, or off already, stays as it is.
   *
   * @throws RangeError for a fault that this stack does not have.
   */
  async setFault(name: string, on: boolean): Promise<void> {
    const fault = this.#faults.find((each) => each.name === name);
    if (fault === undefined) {
      throw new RangeError(
        `There is no fault "${name}"; there are ${this.#faults.map((each) => each.name).join(', ')}.`,
      );
    }
    if (on === this.#active.has(name)) return;
    if (on) {
      // Before it begins, because some take seconds.
      if (fault.end !== undefined) this.#active.set(name, { sinceMs: Date.now() });
      const key = await fault.begin();
      if (fault.end !== undefined) this.#active.set(name, { sinceMs: Date.now(), key });
    } else {
      await fault.end?.();
      this.#active.delete(name);
    }
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.toReversed()) await end();
    this.#client.destroy();
  }
}
