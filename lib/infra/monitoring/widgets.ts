import {
  AlarmStatusWidget,
  AlarmStatusWidgetSortBy,
  Color,
  ConcreteWidget,
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

export const graph = (title: string, width: number, props: GraphWidgetProps): GraphWidget =>
  new GraphWidget({ title, width, height: HEIGHT, legendPosition: LegendPosition.BOTTOM, ...props });

export const line = (value: number, label: string): HorizontalAnnotation => ({ value, label, color: Color.RED });

export const gigabyteSeconds = (
  func: IFunction,
  memorySize: number,
  label: 'relay' | 'sweeper' | 'consumer',
): IMetric =>
  new MathExpression({
    // The metric's id must be unique in the widget.
    expression: `${label}Ms / 1000 * ${memorySize} / 1024`,
    label,
    usingMetrics: { [`${label}Ms`]: func.metricDuration({ statistic: Stats.SUM }) },
  });
