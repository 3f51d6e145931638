import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { LineData, WidgetData } from '../../cloudwatch/dashboard';
import { drawNoMore, drawSoon } from './draw-queue';
import { valueOn } from './format';

const COLOURS = ['--c1', '--c2', '--c3', '--c4', '--c5', '--c6', '--c7'];
/** uPlot's own numbers; its enum exists only as a type. */
const SIDES = { left: 3, right: 1 } as never as Readonly<Record<'left' | 'right', uPlot.Axis.Side>>;
const HEIGHT = 130;
const LABEL_HEIGHT = 12;
/** A threshold far above the data would leave the data no height; it is named below the chart instead. */
const SHOWN_FROM_SHARE = 0.2;

export const colourName = (index: number): string => COLOURS[index % COLOURS.length] ?? '--c1';

/** The time that every graph shows, in epoch milliseconds. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Lines of different times in the form of uPlot: one list of times, and a value or `null` for each line. */
function aligned(lines: readonly LineData[]): uPlot.AlignedData {
  const times = [...new Set(lines.flatMap((line) => line.times))].toSorted((a, b) => a - b);
  const columns = lines.map((line) => {
    const values = new Map(line.times.map((time, index) => [time, line.values[index]]));
    return times.map((time) => values.get(time) ?? null);
  });
  return [times.map((time) => time / 1_000), ...columns] as uPlot.AlignedData;
}

/** The annotations that are within sight of the data. */
export function inSight({ annotations = [], lines = [] }: WidgetData): NonNullable<WidgetData['annotations']> {
  const highest = Math.max(0, ...lines.flatMap(({ values }) => values));
  return annotations.filter(({ value }) => highest >= value * SHOWN_FROM_SHARE);
}

/** A graph of a metric widget. It is made once, and then gets new data. */
export function Chart({ widget, span }: { readonly widget: WidgetData; readonly span: Span }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef({ widget, span });
  latest.current = { widget, span };
  const inView = useRef(false);
  const { lines = [] } = widget;
  const shape = lines.map(({ label, axis }) => `${axis}:${label}`).join('\n');

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const chart = new uPlot(optionsOf(element, latest), aligned(latest.current.widget.lines ?? []), element);
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    const visibility = new IntersectionObserver((changes) => {
      inView.current = changes.some(({ isIntersecting }) => isIntersecting);
      if (inView.current) chart.setData(aligned(latest.current.widget.lines ?? []));
    });
    visibility.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = (): void => chart.redraw();
    scheme.addEventListener('change', redraw);
    return () => {
      drawNoMore(chart);
      observer.disconnect();
      visibility.disconnect();
      scheme.removeEventListener('change', redraw);
      chart.destroy();
    };
  }, [shape]);

  useEffect(() => {
    const chart = plot.current;
    if (chart !== undefined && inView.current) drawSoon(chart, () => chart.setData(aligned(lines)));
  }, [widget, span]);
  const isEmpty = lines.every(({ values }) => values.length === 0);
  return (
    <div class="chart" role="img" aria-label={`${widget.title ?? 'Graph'}: ${summary(widget)}`}>
      <div ref={place} />
      {isEmpty ? <p class="empty">nothing to count yet</p> : null}
    </div>
  );
}

/** The latest value of each line, for those who cannot see the graph. */
function summary({ lines = [], axes }: WidgetData): string {
  const latest = lines.flatMap(({ label, values, axis }) => {
    const value = values.at(-1);
    return value === undefined ? [] : [`${label} ${valueOn(axes?.[axis]?.label, value)}`];
  });
  return latest.length === 0 ? 'no data yet' : latest.join(', ');
}

function optionsOf(
  element: HTMLElement,
  latest: { readonly current: { readonly widget: WidgetData; readonly span: Span } },
): uPlot.Options {
  const { lines = [], axes } = latest.current.widget;
  const colour = (name: string): string => getComputedStyle(element).getPropertyValue(name);
  const axisOf = (side: 'left' | 'right'): uPlot.Axis => ({
    scale: side,
    side: SIDES[side],
    size: 56,
    stroke: () => colour('--muted'),
    grid: { show: side === 'left', stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
    values: (_, values) => values.map((value) => valueOn(axes?.[side]?.label, value)),
  });
  const rangeOf =
    (side: 'left' | 'right') =>
    (_: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax => {
      const marks = inSight(latest.current.widget).filter(({ yAxis = 'left' }) => yAxis === side);
      const top = Math.max(high ?? 0, ...marks.map(({ value }) => value));
      const bottom = Math.min(0, low ?? 0);
      return [bottom, top === bottom ? bottom + 1 : top + (top - bottom) * 0.08];
    };
  const hasRight = lines.some(({ axis }) => axis === 'right');
  return {
    width: Math.max(element.clientWidth, 100),
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false },
    // The last time has room beyond the plot.
    padding: [8, hasRight ? 8 : 24, 0, 0],
    scales: {
      x: { range: () => [latest.current.span.fromMs / 1_000, latest.current.span.toMs / 1_000] },
      left: { range: rangeOf('left') },
      right: { range: rangeOf('right') },
    },
    axes: [
      {
        stroke: () => colour('--muted'),
        grid: { show: false },
        ticks: { show: false },
        font: '11px system-ui, sans-serif',
        space: 70,
        size: 28,
        values: (_, times) => times.map((time) => new Date(time * 1_000).toLocaleTimeString('en-GB')),
      },
      axisOf('left'),
      ...(hasRight ? [axisOf('right')] : []),
    ],
    series: [
      {},
      ...lines.map(({ label, axis }, index): uPlot.Series => ({
        label,
        scale: axis,
        stroke: () => colour(colourName(index)),
        width: 1.5,
        // A metric that reports seldom has gaps; its points are joined, as CloudWatch joins them.
        spanGaps: true,
        points: {
          size: 4,
          show: (chart, series) => [...(chart.data[series] ?? [])].filter((value) => value !== null).length < 8,
        },
      })),
    ],
    hooks: {
      draw: [
        (chart) => {
          const { ctx, bbox } = chart;
          const height = LABEL_HEIGHT * devicePixelRatio;
          let labelledAt = Infinity;
          const marks = inSight(latest.current.widget).toSorted((a, b) => a.value - b.value);
          for (const { value, label = '', yAxis = 'left' } of marks) {
            const y = chart.valToPos(value, yAxis, true);
            ctx.save();
            ctx.strokeStyle = ctx.fillStyle = colour('--red');
            ctx.setLineDash([6, 4]);
            ctx.beginPath();
            ctx.moveTo(bbox.left, y);
            ctx.lineTo(bbox.left + bbox.width, y);
            ctx.stroke();
            if (labelledAt - y >= height) {
              ctx.font = `${(LABEL_HEIGHT - 1) * devicePixelRatio}px system-ui, sans-serif`;
              ctx.textAlign = 'left';
              ctx.fillText(label, bbox.left + 6, y - 4);
              labelledAt = y;
            }
            ctx.restore();
          }
        },
      ],
    },
  };
}
