import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  AlarmStatusWidgetSortBy,
  Color,
  ConcreteWidget,
  Dashboard,
  GraphWidget,
  LegendPosition,
  MathExpression,
  Stats,
  TextWidget,
  TextWidgetBackground,
  type GraphWidgetProps,
  type HorizontalAnnotation,
  type IAlarm,
  type IMetric,
  type IWidget,
  type Metric,
  type MetricOptions,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { runbookUrl } from './alarm';

const GRID = 24;
export const HEIGHT = 6;

export type Row = readonly IWidget[];

/** CloudFormation generates its name: dashboards are global in an account, and a stack may be in several regions. */
export const dashboardOf = (scope: Construct, rows: readonly Row[]): Dashboard =>
  new Dashboard(scope, 'Dashboard', { defaultInterval: Duration.hours(12), widgets: rows.map((row) => [...row]) });

export const linkToRunbooks = (runbookBaseUrl: string | undefined, introduction = ''): IWidget =>
  new TextWidget({
    width: GRID,
    height: introduction === '' ? 1 : 2,
    markdown: `${introduction}What to do about an alarm: ${runbookUrl('README', runbookBaseUrl)}`,
  });

export const heading = (text: string): Row => [
  new TextWidget({ width: GRID, height: 1, markdown: `## ${text}`, background: TextWidgetBackground.TRANSPARENT }),
];

/**
 * The maximum of one widget:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
 */
const ALARMS_OF_A_WIDGET = 100;

/** The states of alarms, including those added before synthesis; in several widgets if one is too small. */
export const alarmStates = (alarms: readonly IAlarm[]): IWidget => new AlarmStates(alarms);

class AlarmStates extends ConcreteWidget {
  readonly #alarms: readonly IAlarm[];

  constructor(alarms: readonly IAlarm[]) {
    super(GRID, 4);
    this.#alarms = alarms;
  }

  toJson(): unknown[] {
    const widgets = Math.ceil(this.#alarms.length / ALARMS_OF_A_WIDGET);
    const width = Math.floor(this.width / widgets);
    return Array.from({ length: widgets }).flatMap((_, index): unknown[] => {
      const widget = new AlarmStatusWidget({
        title: 'Alarms',
        width,
        height: this.height,
        alarms: this.#alarms.slice(index * ALARMS_OF_A_WIDGET, (index + 1) * ALARMS_OF_A_WIDGET),
        sortBy: AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
      });
      widget.position((this.x ?? 0) + index * width, this.y ?? 0);
      return widget.toJson() as unknown[];
    });
  }
}

/** A third of a row, unless it has another width. */
export const graph = (title: string, props: GraphWidgetProps): GraphWidget =>
  new GraphWidget({ title, width: GRID / 3, height: HEIGHT, legendPosition: LegendPosition.BOTTOM, ...props });

/** A graph of times, with lines at the limits that they should stay below. */
export const graphOfTimes = (title: string, left: IMetric[], leftAnnotations: HorizontalAnnotation[] = []) =>
  graph(title, { left, leftAnnotations, leftYAxis: MILLISECONDS });

export const MILLISECONDS = { label: 'ms', showUnits: false, min: 0 };

export const line = (value: number, label: string): HorizontalAnnotation => ({ value, label, color: Color.RED });

export const labelled = <Name extends string>(
  labels: Readonly<Partial<Record<Name, string>>>,
  metric: (name: Name, options: { readonly label: string }) => Metric,
): Metric[] =>
  // `Object.entries` loses the type of the keys.
  (Object.entries(labels) as [Name, string][]).map(([name, label]) => metric(name, { label }));

export const percentiles = (metric: (options: MetricOptions) => Metric): Metric[] => [
  metric({ statistic: Stats.p(50), label: 'p50' }),
  metric({ statistic: Stats.p(99), label: 'p99' }),
  metric({ statistic: Stats.MAXIMUM, label: 'max' }),
];

export const invocationsOf = (func: IFunction): Metric[] => [
  func.metricInvocations({ label: 'invocations' }),
  func.metricErrors({ label: 'errors' }),
  func.metricThrottles({ label: 'throttles' }),
];

export const unitsOf = (table: ITable): Metric[] => [
  table.metricConsumedWriteCapacityUnits({ statistic: Stats.SUM, label: 'write units' }),
  table.metricConsumedReadCapacityUnits({ statistic: Stats.SUM, label: 'read units' }),
];

export const gigabyteSeconds = (
  { function: func, memorySize }: { readonly function: IFunction; readonly memorySize: number },
  label: 'relay' | 'sweeper' | 'consumer',
): IMetric =>
  new MathExpression({
    // The metric's id must be unique in the widget.
    expression: `${label}Ms / 1000 * ${memorySize} / 1024`,
    label,
    usingMetrics: { [`${label}Ms`]: func.metricDuration({ statistic: Stats.SUM }) },
  });
