import { highestRate, stepOf, type Timing } from '../../../bench/delivery/ladder';

const RATE = 100;

/** Ten seconds of events at the rate, each with the latency that `latencyOf` says. */
const timings = (latencyOf: (second: number) => number, rate = RATE): Timing[] =>
  Array.from({ length: 10 * RATE }, (_, index) => {
    const calledAt = 1_000_000 + (index * 1_000) / rate;
    return { calledAt, committedAt: calledAt + 5, arrivedAt: calledAt + latencyOf((index * 1) / rate) };
  });

describe('a step of the ladder', () => {
  it('keeps up with an even latency', () => {
    const step = stepOf(
      RATE,
      timings(() => 120),
    );
    expect(step).toMatchObject({ verdict: 'keeps up', p50Ms: 120, p99Ms: 120, commitP50Ms: 5, events: 1_000 });
    expect(step.reached).toBeCloseTo(RATE, 0);
  });

  it('does not judge its start, in which a relay compiles and connects', () => {
    expect(
      stepOf(
        RATE,
        timings((second) => (second < 2 ? 3_000 : 100)),
      ),
    ).toMatchObject({ verdict: 'keeps up', p99Ms: 100 });
  });

  it('falls behind if the latency grows', () => {
    expect(
      stepOf(
        RATE,
        timings((second) => 100 + second * 80),
      ).verdict,
    ).toBe('falls behind');
  });

  it('falls behind if more than a second of events is on its way at the end', () => {
    const step = stepOf(
      RATE,
      timings(() => 1_500),
    );
    expect(step).toMatchObject({ verdict: 'falls behind', backlog: 150 });
  });

  it('allows more on its way and more growth in a stretched run', () => {
    const [late, growing] = [timings(() => 1_500), timings((second) => 100 + second * 60)];
    expect(stepOf(RATE, late, 2).verdict).toBe('keeps up');
    expect([stepOf(RATE, growing).verdict, stepOf(RATE, growing, 2).verdict]).toEqual(['falls behind', 'keeps up']);
  });

  it('counts an event that never arrived as on its way, and its latency as infinite', () => {
    const all = timings(() => 100).map((each, index) => (index % 50 === 0 ? { ...each, arrivedAt: undefined } : each));
    expect(stepOf(RATE, all)).toMatchObject({ backlog: 20 + 10, p99Ms: Infinity });
  });

  it('blames the writer if it did not reach the rate', () => {
    expect(
      stepOf(
        RATE,
        timings(() => 100, RATE / 2),
      ).verdict,
    ).toBe('writer too slow');
  });

  it('refuses to judge nothing', () => {
    expect(() => stepOf(RATE, [])).toThrow(RangeError);
  });
});

it('finds the highest rate at which the relay kept up', () => {
  const step = (rate: number, latency: number) =>
    ({
      ...stepOf(
        RATE,
        timings((second) => latency * (1 + second)),
      ),
      rate,
    }) as const;
  expect(highestRate([step(100, 10), step(200, 10), step(400, 500)])).toBe(200);
  expect(highestRate([])).toBe(0);
});
