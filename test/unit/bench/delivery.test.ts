import { commitOf, judge } from '../../../bench/delivery/judge';
import { Load } from '../../../bench/delivery/load';
import { awayAfter } from '../../../bench/delivery/measure-drain';
import { parseDeliveryOptions } from '../../../bench/delivery/options';
import { crashTable, drainTable, ladderTable, milliseconds } from '../../../bench/delivery/tables';
import { cpuTicksOf } from '../../../bench/delivery/usage';
import { BenchOptionError } from '../../../bench/options';
import { drainRatios } from '../../../bench/peers/report';
import { withSection } from '../../../bench/written-section';

const delivery = (id: string, offset: number, appendedAt = offset) =>
  ({ kind: 'delivery', at: appendedAt, topic: 't', partition: 0, offset, id, appendedAt }) as const;

const FLAWLESS = { committed: 1, delivered: 1, lost: 0, invented: 0, overtaken: 0, duplicates: 0 };
const drain = (eventsPerSecond: number, verdict = FLAWLESS) => ({
  ...{ events: 1_000, eventsPerSecond, cpuMsPer1000: 100, storeCpuMsPer1000: 10, peakRssMb: 200, firstMessageMs: 900 },
  loadAverage: 1,
  verdict,
});

describe('the judge of a run', () => {
  const events = new Load({ topic: 't', keys: 2 }).take(6);
  const commits = events.map((event) => commitOf(event, 0));
  const ids = events.map(({ id }) => id);

  it('finds nothing wrong with deliveries in order', () => {
    const deliveries = ids.map((id, at) => delivery(id, at));
    expect(judge(commits, deliveries)).toEqual({ ...FLAWLESS, committed: 6, delivered: 6 });
  });

  it('counts what was lost, overtaken, repeated and invented', () => {
    // The first and the third event have the same key.
    const order = [ids[2], ids[0], ids[1], ids[3], ids[4], ids[4], 'another'];
    const deliveries = order.map((id = '', at) => delivery(id, at));
    expect(judge(commits, deliveries)).toMatchObject({ lost: 1, overtaken: 1, duplicates: 1, invented: 1 });
  });

  it('orders versions by number, not by text', () => {
    const many = new Load({ topic: 't', keys: 1 }).take(11);
    const deliveries = many.map(({ id }, at) => delivery(id, at));
    const found = judge(
      many.map((event) => commitOf(event, 0)),
      deliveries,
    );
    expect(found.overtaken).toBe(0);
  });
});

it('gives each key its versions in order, and neighbours different keys', () => {
  const load = new Load({ topic: 't', keys: 2, bytes: 600 });
  const events = load.take(4);
  expect(events.map(({ key, version }) => `${key}@${version}`)).toEqual(['key-0@1', 'key-1@1', 'key-0@2', 'key-1@2']);
  expect(events.map(({ data }) => Buffer.byteLength(data))).toEqual([600, 600, 600, 600]);
});

describe('the time away after a SIGKILL', () => {
  it('ends with the first event that was not delivered before', () => {
    const messages = [delivery('a', 0, 900), delivery('a', 1, 2_000), delivery('b', 2, 3_000), delivery('c', 3, 4_000)];
    expect(awayAfter(1_000, messages)).toBe(2_000);
  });

  it('does not end with a request that was already on its way', () => {
    expect(awayAfter(1_000, [delivery('a', 0, 1_050), delivery('b', 1, 5_000)])).toBe(4_000);
  });

  it('does not end without one', () => {
    expect(awayAfter(1_000, [delivery('a', 0, 900)])).toBe(Infinity);
  });
});

describe('the tables', () => {
  it('print no figures of a drain that lost or repeated an event', () => {
    const lines = drainTable([
      { name: 'one', drains: [drain(1_000), drain(3_000), undefined] },
      { name: 'two', drains: [drain(9_999, { ...FLAWLESS, duplicates: 7 })] },
    ]);
    expect(lines[2]).toContain('| 2,000 ');
    expect(lines[3]).toMatch(/^\| two\s+\| none .*\| 0, 0, 7\s+\|$/);
  });

  it('print the worst crash, and judge it only against goals', () => {
    const crash = (duplicates: number) => ({ events: 1_000, duplicates, awayMs: 10 * duplicates, verdict: FLAWLESS });
    const lines = crashTable(
      [
        { name: 'one', crashes: [crash(10), crash(500)] },
        { name: 'two', crashes: [crash(900)] },
      ],
      ({ name }) => (name === 'one' ? { duplicates: 100, awayMs: 5_000 } : undefined),
    );
    expect(lines[2]).toContain('500 (goal ≤ 100: missed)');
    expect(lines[2]).toContain('5,000 ms (goal ≤ 5,000: met)');
    expect(lines[3]).not.toContain('goal');
  });

  it('judge the p99 up to 70 % of the highest rate', () => {
    const step = (rate: number) =>
      ({
        rate,
        reached: rate,
        events: 1,
        commitP50Ms: 1,
        p50Ms: 2,
        p99Ms: 300,
        backlog: 0,
        verdict: 'keeps up',
      }) as const;
    const lines = ladderTable({ steps: [100, 200, 400].map(step), verdict: FLAWLESS }, 310);
    expect(lines.map((line) => line.includes('(goal ≤ 310: met)'))).toEqual([false, false, true, true, false]);
  });

  it('print times in seconds if they are long', () => {
    expect([12.4, 9_999, 12_340, Infinity].map(milliseconds)).toEqual(['12 ms', '9,999 ms', '12.3 s', 'never']);
  });
});

it('compares drains inside one round', () => {
  const of = (name: string, ...rates: (number | undefined)[]) => ({
    ...{ name, versions: '', crashes: [] },
    drains: rates.map((rate) => (rate === undefined ? undefined : drain(rate))),
  });
  const own = of('this outbox', 200, 6_000, 500);
  const lines = drainRatios(own, [own, of('Debezium', 100, 2_000, undefined)]);
  expect(lines[0]).toContain('median of 2 rounds');
  expect(lines[2]).toContain('2.50 (goal ≥ 1.30: met)');
  expect(drainRatios(own, [own])).toEqual([]);
});

it('reads processor time behind a program name with spaces and parentheses', () => {
  const fields = Array.from({ length: 30 }, (_, at) => String(at + 4)).join(' ');
  expect(cpuTicksOf(`123 (a (b) c) S ${fields}`)).toEqual([14, 15]);
});

describe('the written part of a page', () => {
  const page = 'before\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nafter\n';

  it('is replaced, and again by the same', () => {
    const once = withSection(page, 'x', 'new\n');
    expect(once).toBe('before\n<!-- bench:x -->\n\nnew\n\n<!-- /bench:x -->\nafter\n');
    expect(withSection(once, 'x', 'new')).toBe(once);
  });

  it('must be marked', () => {
    expect(() => withSection(page, 'y', 'new')).toThrow('bench:y');
    expect(() => withSection('<!-- bench:x --> no end', 'x', 'new')).toThrow('bench:x');
  });
});

describe('the options', () => {
  const parse = (...args: string[]) =>
    parseDeliveryOptions(args, 'bench:peers', ['drain', 'crash'], { events: 10, rounds: 2, seconds: 3 });

  it('have defaults', () => {
    expect(parse()).toEqual({
      ...{ events: 10, rounds: 2, seconds: 3, parts: ['drain', 'crash'], subjects: [], json: false, write: false },
    });
  });

  it('choose parts in the order of a round, and subjects', () => {
    expect(parse('--only', 'crash,drain', '--subjects', 'a,b', '--rounds', '1')).toMatchObject({
      ...{ parts: ['drain', 'crash'], subjects: ['a', 'b'], rounds: 1 },
    });
  });

  it('do not replace the figures of all subjects by those of some', () => {
    expect(parse('--write').write).toBe(true);
    expect(() => parse('--write', '--subjects', 'a')).toThrow('--write replaces the figures of all subjects');
  });

  it.each([[['--only', 'nothing']], [['--events', '0']], [['--seconds', 'x']], [['--unknown']]])(
    'refuse %j and print the usage',
    (args) => {
      expect(() => parse(...args)).toThrow(BenchOptionError);
      expect(() => parse(...args)).toThrow('npm run bench:peers -- ');
    },
  );
});
