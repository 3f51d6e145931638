import type { AlarmStatus } from './alarm-monitor';
import { runQueries, type MetricQuery } from './metric-query';
import type { MetricStore } from './metric-store';
import type { WidgetDefinition } from './monitoring-template';
import { localPeriodMs, type TimeScale } from './time-scale';

/** A widget with its data, as the page draws it. */
export interface WidgetData {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title?: string;
  readonly view?: string;
  readonly markdown?: string;
  readonly alarms?: readonly AlarmStatus[];
  readonly lines?: readonly LineData[];
  /** Horizontal lines, such as thresholds. */
  readonly annotations?: readonly Annotation[];
  readonly axes?: Readonly<Partial<Record<Axis, AxisOptions>>>;
  /** The reason if the widget cannot be computed. */
  readonly error?: string;
}

type Axis = 'left' | 'right';

interface AxisOptions {
  readonly label?: string;
  readonly min?: number;
  readonly max?: number;
}

interface Annotation {
  readonly value: number;
  readonly label?: string;
  readonly color?: string;
  readonly yAxis?: Axis;
}

export interface LineData {
  readonly label: string;
  readonly axis: Axis;
  readonly color?: string;
  /** Epoch milliseconds of the beginning of each period that has a value. */
  readonly times: readonly number[];
  readonly values: readonly number[];
}

interface RowOptions {
  readonly id?: string;
  readonly label?: string;
  readonly visible?: boolean;
  readonly stat?: string;
  readonly period?: number;
  readonly yAxis?: Axis;
  readonly color?: string;
  readonly expression?: string;
}

/** CloudWatch's defaults for a widget that does not name them. */
const DEFAULTS = { periodSeconds: 300, statistic: 'Average' } as const;

export interface DashboardContext {
  readonly store: MetricStore;
  readonly scale: TimeScale;
  readonly alarms: readonly AlarmStatus[];
  readonly nowMs: number;
  /** How much of the past the graphs show. */
  readonly shownMs: number;
}

/** Computes one widget of a dashboard's body. A widget that cannot be computed has an `error` instead of lines. */
export function widgetData({ properties, ...place }: WidgetDefinition, context: DashboardContext): WidgetData {
  const { title, view, markdown, yAxis: axes, annotations } = properties;
  const base = { ...place, title, view, markdown, axes } as WidgetData;
  if (place.type === 'alarm') {
    const shown = new Set(properties['alarms'] as readonly string[]);
    return { ...base, alarms: context.alarms.filter(({ name }) => shown.has(name)) };
  }
  if (place.type !== 'metric') return base;
  const { horizontal = [] } = (annotations ?? {}) as { readonly horizontal?: readonly Annotation[] };
  try {
    return { ...base, annotations: horizontal, lines: linesOf(properties, context) };
  } catch (error) {
    return { ...base, error: error instanceof Error ? error.message : String(error) };
  }
}

function linesOf(properties: Readonly<Record<string, unknown>>, context: DashboardContext): LineData[] {
  const { period: widgetPeriod, stat: widgetStatistic } = properties as {
    readonly period?: number;
    readonly stat?: string;
  };
  const rows = readRows(properties['metrics'] as readonly (readonly unknown[])[], widgetStatistic);
  return rows.flatMap(({ query, options }) => {
    if (!query.isResult) return [];
    const periodMs = localPeriodMs(options.period ?? widgetPeriod ?? DEFAULTS.periodSeconds, context.scale);
    const window = windowUntil(context.nowMs, periodMs, context.shownMs);
    // Only this row is a result; the others are its operands.
    const queries = rows.map((row) => (row.query === query ? query : { ...row.query, isResult: false }));
    return runQueries(queries, window, context.store).map(({ label, series }) => {
      const points = series.flatMap((value, index) =>
        value === undefined ? [] : [[window.fromMs + index * periodMs, value] as const],
      );
      return {
        label: label ?? defaultLabel(query),
        axis: options.yAxis ?? 'left',
        color: options.color,
        times: points.map(([at]) => at),
        values: points.map(([, value]) => value),
      };
    });
  });
}

/** Periods begin at multiples of their length, as in CloudWatch. The last one is not complete yet. */
function windowUntil(nowMs: number, periodMs: number, shownMs: number) {
  const endMs = (Math.floor(nowMs / periodMs) + 1) * periodMs;
  const periods = Math.max(1, Math.ceil(shownMs / periodMs));
  return { fromMs: endMs - periods * periodMs, periodMs, periods };
}

const defaultLabel = (query: MetricQuery): string => ('metric' in query ? query.metric.name : query.expression);

/**
 * Rows of a widget's `metrics`: `[namespace, name, dimension, value, …, options]`. A row may repeat the row above it by
 * `"."` for one place and `"..."` for all.
 */
function readRows(rows: readonly (readonly unknown[])[] = [], widgetStatistic?: string) {
  let above: readonly string[] = [];
  return rows.map((row) => {
    const last = row.at(-1);
    const options = (typeof last === 'object' ? last : {}) as RowOptions;
    const { id, label, visible: isResult = true } = options;
    if (options.expression !== undefined) {
      return { options, query: { id, label, isResult, expression: options.expression } satisfies MetricQuery };
    }
    const places = row.filter((each): each is string => typeof each === 'string');
    const full = places.flatMap((place, index) =>
      place === '...'
        ? above.slice(index, above.length - places.length + index + 1)
        : [place === '.' ? (above[index] ?? '') : place],
    );
    above = full;
    const [namespace = '', name = '', ...pairs] = full;
    const dimensions = Object.fromEntries(
      Array.from({ length: pairs.length / 2 }, (_, index) => [pairs[2 * index] ?? '', pairs[2 * index + 1] ?? '']),
    );
    const statistic = options.stat ?? widgetStatistic ?? DEFAULTS.statistic;
    return {
      options,
      query: { id, label, isResult, metric: { namespace, name, dimensions }, statistic } satisfies MetricQuery,
    };
  });
}
