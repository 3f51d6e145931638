import type { SeriesPoint } from './series';

/** One panel: a number of shards. */
export interface Panel {
  readonly title: string;
  readonly series: readonly SeriesPoint[];
  /** Seconds at which a shard was closed. */
  readonly rolls: readonly number[];
}

/** Narrow and with large letters, so that it can be read on a phone. */
const WIDTH = 480;
const PANEL_HEIGHT = 118;
const HEADER = 62;
const LEFT = 58;
const RIGHT = 14;
const PANEL_TOP = 28;
const FONT = 14;
const STEPS_MS = [100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000] as const;

/**
 * Latencies over time, one panel below the other with the same scale, as SVG. Colours follow the reader's colour scheme.
 *
 * @throws RangeError without a panel that has points.
 */
export function latencyPlot(title: string, panels: readonly Panel[]): string {
  const points = panels.flatMap(({ series }) => series);
  const finite = points.map(({ p99Ms }) => p99Ms).filter(Number.isFinite);
  if (finite.length === 0) throw new RangeError('A plot needs points.');
  const highest = Math.max(...finite);
  const top = STEPS_MS.find((step) => step >= highest) ?? highest;
  const seconds = Math.max(...points.map(({ second }) => second)) + 1;
  const height = HEADER + panels.length * PANEL_HEIGHT + 26;
  const drawn = panels.map((panel, index) =>
    panelOf(panel, { y: HEADER + index * PANEL_HEIGHT, top, seconds, isLast: index === panels.length - 1 }),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="${FONT}">`,
    `<title id="title">${escaped(title)}</title>`,
    STYLE,
    `<text class="text" x="0" y="18" font-weight="600">${escaped(title)}</text>`,
    `<path class="p99 line" d="M0 40h22"/><text class="text" x="28" y="45">p99</text>`,
    `<path class="p50 line" d="M76 40h22"/><text class="text" x="104" y="45">p50</text>`,
    `<path class="roll" d="M152 32v16"/><text class="text" x="160" y="45">a shard closes, its child continues</text>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

interface Place {
  readonly y: number;
  readonly top: number;
  readonly seconds: number;
  readonly isLast: boolean;
}

function panelOf({ title, series, rolls }: Panel, { y, top, seconds, isLast }: Place): string {
  const [bottom, above] = [y + PANEL_HEIGHT - 14, y + PANEL_TOP];
  const xOf = (second: number): number => LEFT + (second / seconds) * (WIDTH - LEFT - RIGHT);
  const yOf = (ms: number): number => bottom - (Math.min(ms, top) / top) * (bottom - above);
  const line = (value: (point: SeriesPoint) => number): string =>
    series
      .map(
        (point, at) => `${at === 0 ? 'M' : 'L'}${xOf(point.second + 0.5).toFixed(1)} ${yOf(value(point)).toFixed(1)}`,
      )
      .join('');
  return [
    `<text class="text" x="${LEFT}" y="${y + 18}">${escaped(title)}</text>`,
    ...[0, top / 2, top].map(
      (ms) =>
        `<path class="grid" d="M${LEFT} ${yOf(ms)}H${WIDTH - RIGHT}"/><text class="axis" x="${LEFT - 6}" y="${yOf(ms) + 5}" text-anchor="end">${labelOf(ms)}</text>`,
    ),
    ...rolls.map((second) => `<path class="roll" d="M${xOf(second).toFixed(1)} ${above}V${bottom}"/>`),
    `<path class="p99 line" d="${line(({ p99Ms }) => p99Ms)}"/>`,
    `<path class="p50 line" d="${line(({ p50Ms }) => p50Ms)}"/>`,
    ...(isLast
      ? [0, seconds / 2, seconds].map(
          (second) =>
            `<text class="axis" x="${xOf(second)}" y="${bottom + 20}" text-anchor="${second === seconds ? 'end' : 'middle'}">${Math.round(second)} s</text>`,
        )
      : []),
  ].join('\n');
}

const labelOf = (ms: number): string => (ms >= 1_000 ? `${ms / 1_000} s` : `${ms} ms`);

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const STYLE = `<style>
.text { fill: #1f2328; } .axis { fill: #59636e; font-size: 13px; }
.grid { stroke: #d1d9e0; } .roll { stroke: #9a6700; stroke-dasharray: 3 3; }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; } .p99 { stroke: #cf222e; } .p50 { stroke: #0969da; }
@media (prefers-color-scheme: dark) {
.text { fill: #f0f6fc; } .axis { fill: #9198a1; }
.grid { stroke: #3d444d; } .roll { stroke: #d29922; } .p99 { stroke: #ff7b72; } .p50 { stroke: #58a6ff; }
}
</style>`;
