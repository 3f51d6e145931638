import { percentile } from '../statistics';

/** An event of a step: the writer's clock before and after the commit, and the reader's clock at its first arrival. */
export interface Timing {
  readonly calledAt: number;
  readonly committedAt: number;
  /** `undefined`: it did not arrive. */
  readonly arrivedAt?: number;
}

export type StepVerdict =
  /** The relay kept up: the latency does not grow. */
  | 'keeps up'
  /** Events pile up in front of the relay. */
  | 'falls behind'
  /** The writer did not reach the rate, so that the step says nothing about the relay. */
  | 'writer too slow';

export interface Step {
  readonly rate: number;
  /** Committed events a second. */
  readonly reached: number;
  readonly events: number;
  /** From the writer's call to its answer. */
  readonly commitP50Ms: number;
  /** From the writer's call to the arrival, so that the commit itself counts. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Committed events that had not arrived at the last commit of the step. */
  readonly backlog: number;
  readonly verdict: StepVerdict;
}

/** The start of a step, in which connections and compilers warm up, is not judged. */
const WARM_UP_SHARE = 0.25;
/** A step that reaches less than this share of its rate is the writer's limit. */
const REACHED_SHARE = 0.9;
/** Milliseconds of events that may be on their way at any time. */
const IN_FLIGHT_MS = 1_000;
/** The latency of the last quarter may be higher than that of the first by this factor, plus the constant. */
const GROWTH = 1.5;
const GROWTH_MS = 150;

/**
 * Judges one step of a ladder.
 *
 * @param stretch - how many times longer than usual everything takes by design
 * @throws RangeError without timings.
 */
export function stepOf(rate: number, timings: readonly Timing[], stretch = 1): Step {
  const inOrder = timings.toSorted((a, b) => a.calledAt - b.calledAt);
  const measured = inOrder.slice(Math.floor(inOrder.length * WARM_UP_SHARE));
  const latencies = measured.map(latencyOf);
  const first = inOrder[0];
  const last = inOrder.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('A step needs timings.');
  const endedAt = inOrder.reduce((latest, { committedAt }) => Math.max(latest, committedAt), 0);
  const reached = (inOrder.length / Math.max(1, endedAt - first.calledAt)) * 1_000;
  const backlog = inOrder.filter(({ arrivedAt = Infinity }) => arrivedAt > endedAt).length;
  return {
    rate,
    reached,
    events: inOrder.length,
    commitP50Ms: percentile(
      measured.map(({ calledAt, committedAt }) => committedAt - calledAt),
      50,
    ),
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    backlog,
    verdict: verdictOf({ rate, reached, backlog, stretch }, latencies),
  };
}

/** From the writer's call to the arrival, in milliseconds; infinite for an event that did not arrive. */
export const latencyOf = ({ calledAt, arrivedAt = Infinity }: Timing): number => arrivedAt - calledAt;

interface Load {
  readonly rate: number;
  readonly reached: number;
  readonly backlog: number;
  readonly stretch: number;
}

function verdictOf({ rate, reached, backlog, stretch }: Load, latencies: readonly number[]): StepVerdict {
  const quarter = Math.max(1, Math.floor(latencies.length / 4));
  const [early, late] = [latencies.slice(0, quarter), latencies.slice(-quarter)].map((part) => percentile(part, 50));
  const grows = (late ?? 0) > GROWTH * (early ?? 0) + GROWTH_MS * stretch;
  if (grows || backlog > (rate * IN_FLIGHT_MS * stretch) / 1_000) return 'falls behind';
  return reached < REACHED_SHARE * rate ? 'writer too slow' : 'keeps up';
}

/** The highest rate at which the relay kept up. */
export const highestRate = (steps: readonly Step[]): number =>
  Math.max(0, ...steps.filter(({ verdict }) => verdict === 'keeps up').map(({ rate }) => rate));
