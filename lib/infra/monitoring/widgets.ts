import {
  AlarmStatusWidget,
  AlarmStatusWidgetSortBy,
  Color,
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
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';

export const GRID = 24;
export const HEIGHT = 6;

export type Row = readonly IWidget[];

export const heading = (text: string): Row => [
  new TextWidget({ width: GRID, height: 1, markdown: `## ${text}`, background: TextWidgetBackground.TRANSPARENT }),
];

export const alarmStates = (alarms: IAlarm[]): IWidget =>
  new AlarmStatusWidget({
    title: 'Alarms',
    width: GRID,
    height: 4,
    alarms,
    sortBy: AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
  });

export const graph = (title: string, width: number, props: GraphWidgetProps): GraphWidget =>
  new GraphWidget({ title, width, height: HEIGHT, legendPosition: LegendPosition.BOTTOM, ...props });

export const line = (value: number, label: string): HorizontalAnnotation => ({ value, label, color: Color.RED });

export const gigabyteSeconds = (
  func: IFunction,
  memorySize: number,
  label: 'relay' | 'sweeper' | 'consumer',
): IMetric =>
  new MathExpression({
    // The metric's name must be the only one of its kind in the widget.
    expression: `${label}Ms / 1000 * ${memorySize} / 1024`,
    label,
    usingMetrics: { [`${label}Ms`]: func.metricDuration({ statistic: Stats.SUM }) },
  });
