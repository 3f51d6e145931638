import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import prettier from 'prettier';
import { endToEndSections, type EndToEndReport } from '../../../bench/end-to-end/report';
import { peersSections, type PeerReport, type PeersReport } from '../../../bench/peers/report';
import { printed, withSection } from '../../../bench/written-section';

const verdict = { committed: 10, delivered: 10, lost: 0, invented: 0, overtaken: 0, duplicates: 0 };
const step = {
  ...{ rate: 100, reached: 99.6, events: 1_500, commitP50Ms: 3, p50Ms: 130, p99Ms: 290, backlog: 4 },
  verdict: 'keeps up',
} as const;
const drain = {
  ...{ events: 1_000, eventsPerSecond: 5_000, cpuMsPer1000: 100, storeCpuMsPer1000: 90, peakRssMb: 200 },
  ...{ firstMessageMs: 800, loadAverage: 0.4, verdict },
};
const crash = { events: 1_000, duplicates: 40, awayMs: 900, verdict };
const common = {
  machine: { cores: 2, node: '24.0.0', kafka: '4.1.0' },
  measuredAt: '2026-01-01',
  options: { events: 1_000, rounds: 1, seconds: 15 },
  loadAverages: [0.1, 0.2],
};

/** Pages are checked with prettier, the parts that a benchmark writes too. */
const isFormatted = (text: string): Promise<boolean> =>
  prettier.check(`${text}\n`, { parser: 'markdown', printWidth: 120, singleQuote: true });

const renderPeers = (report: PeersReport): string => printed(peersSections(report));
const renderEndToEnd = (report: EndToEndReport): string => printed(endToEndSections(report));

const peer = (name: string): PeerReport => ({
  ...{ name, versions: '1.0', drains: [drain], crashes: [crash] },
  ladder: { steps: [step, { ...step, rate: 200, verdict: 'falls behind' }], verdict },
  outage: { outageMs: 30_000, events: 1_000, caughtUpMs: 12_345, verdict },
  poison: { others: 100, delivered: 100, limitMs: 60_000, overtookThePoison: 0 },
  minIsr: { sickMs: 180_000, healthy: 50, deliveredMeanwhile: 49, healthyP99Ms: 400, verdict },
});
const peersReport = { ...common, subjects: [peer('this outbox'), peer('Debezium')] };

const shards = (count: number, p99Ms: number, ratePerShard = 60, pollMs = 250) => ({
  ...{ ...step, p99Ms, shards: count, ratePerShard, pollMs, series: [], rolls: [1], judgement: verdict },
});
const endToEndReport = {
  ...common,
  ladders: [{ pollMs: 250, rounds: [{ steps: [step, { ...step, rate: 200, p99Ms: 400 }], verdict }] }],
  shards: [[shards(1, 300), shards(8, 330)]],
  stretched: [[shards(1, 2_100, 37.5, 2_000), shards(8, 2_200, 37.5, 2_000)]],
  drains: [drain],
  crashes: [crash],
};

describe('the report about other outboxes', () => {
  it('is formatted as the pages are', async () => {
    await expect(isFormatted(renderPeers(peersReport))).resolves.toBe(true);
  });

  it('has goals for this outbox alone', () => {
    const lines = renderPeers(peersReport).split('\n');
    expect(lines.filter((line) => line.startsWith('| Debezium ') && line.includes('goal'))).toEqual([]);
    expect(lines.filter((line) => line.startsWith('| this outbox ') && line.includes('goal')).length).toBe(4);
  });

  it('says which measurement failed, and leaves out parts that did not run', () => {
    const { outage, ...withoutOutage } = peer('Debezium');
    const text = renderPeers({ ...peersReport, subjects: [peer('this outbox'), withoutOutage] });
    expect(outage).toBeDefined();
    expect(text).toMatch(/\| Debezium\s+\| failed/);
    const none = { ...common, subjects: [{ name: 'x', versions: '1', drains: [], crashes: [] }] };
    expect(peersSections(none).map(({ name }) => name)).toEqual(['peers-versions']);
  });
});

describe('the report about the way to the consumer', () => {
  it('is formatted as the pages are', async () => {
    await expect(isFormatted(renderEndToEnd(endToEndReport))).resolves.toBe(true);
  });

  it('compares the p99 of the most shards with that of one, inside a round', () => {
    expect(renderEndToEnd(endToEndReport)).toContain('1.10 (goal ≤ 1.20: met)');
    expect(
      renderEndToEnd({ ...endToEndReport, shards: [...endToEndReport.shards, [shards(1, 100), shards(8, 300)]] }),
    ).toContain('2.05 (goal ≤ 1.20: missed)');
  });

  it('says whether a shard got as much as a partition can take', () => {
    expect(renderEndToEnd(endToEndReport)).toContain(
      '60 events a second, half of the highest rate that this machine carries',
    );
    expect(renderEndToEnd({ ...endToEndReport, shards: [[shards(1, 300, 300)]] })).toContain('90 % of the write limit');
  });

  it('says how often the shards of the stretched runs are read', () => {
    expect(renderEndToEnd(endToEndReport)).toContain(
      'stretched by 8: each shard is read once in 2 s instead of 8 times, and gets 37.5 events a second.',
    );
    expect(renderEndToEnd(endToEndReport)).toContain('1.05 (goal ≤ 1.20: met)');
  });
});

test.each([
  ['peers.md', peersSections(peersReport)],
  ['benchmarks.md', endToEndSections(endToEndReport)],
])('%s has a place for each section', (page, sections) => {
  const markdown = readFileSync(join(__dirname, '../../../docs', page), 'utf8');
  expect(sections.length).toBeGreaterThan(3);
  for (const { name, text } of sections) expect(withSection(markdown, name, text)).toContain(text);
});
