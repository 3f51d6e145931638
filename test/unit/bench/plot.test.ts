import { latencyPlot } from '../../../bench/end-to-end/plot';
import { seriesOf } from '../../../bench/end-to-end/series';

const point = (second: number, p99Ms: number) => ({ second, p50Ms: p99Ms / 2, p99Ms });

describe('the plot of latencies', () => {
  const svg = latencyPlot('A < B', [
    { title: '1 shard', series: [point(0, 100), point(1, 400)], rolls: [0.5] },
    { title: '2 shards', series: [point(0, 200), point(1, 200)], rolls: [] },
  ]);

  it('draws two lines in each panel, on one scale', () => {
    const lines = [...svg.matchAll(/class="(p\d\d) line" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"/g)];
    expect(lines.map(([, name]) => name)).toEqual(['p99', 'p50', 'p99', 'p50']);
    const heightOf = (line: number, at: number): number => Number(lines[line]?.[at]);
    // 400 ms is higher than 100 ms, and 200 ms lies as deep in its panel in the first as in the second.
    expect(heightOf(0, 5)).toBeLessThan(heightOf(0, 3));
    expect(heightOf(2, 3)).toBeCloseTo(heightOf(1, 5) + 118, 0);
  });

  it('marks where a shard was closed', () => {
    expect(svg.match(/class="roll" d="M\d+\.\d \d+V/g)).toHaveLength(1);
  });

  it('escapes titles and has colours for both colour schemes', () => {
    expect(svg).toContain('A &lt; B');
    expect(svg).toContain('prefers-color-scheme: dark');
  });

  it('refuses to draw nothing', () => {
    expect(() => latencyPlot('Nothing', [])).toThrow(RangeError);
  });
});

it('gathers the latencies of each second', () => {
  const at = (calledAt: number, latency?: number) => ({
    calledAt,
    committedAt: calledAt,
    ...(latency === undefined ? {} : { arrivedAt: calledAt + latency }),
  });
  expect(seriesOf([at(2_100, 30), at(1_000, 10), at(1_999, 20), at(2_200)], 1_000)).toEqual([
    { second: 0, p50Ms: 10, p99Ms: 20 },
    { second: 1, p50Ms: 30, p99Ms: Infinity },
  ]);
});
