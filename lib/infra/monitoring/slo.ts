import { Duration } from 'aws-cdk-lib';
import { MathExpression, type MathExpressionProps } from 'aws-cdk-lib/aws-cloudwatch';
import { RELAY_DEFAULTS } from '../../relay/environment';
import { requireOption } from '../options/invalid-option';
import {
  anyValue,
  defaultsOf,
  duration,
  integer,
  resolveOptions,
  type OptionTable,
  type Resolved,
} from '../options/option-table';
import { relayMetric } from './metrics';

/** The service level objective of an outbox, from which all thresholds follow, and how early alarms report a miss. */
export interface OutboxSlo {
  /**
   * How long an event may take from its writer's commit to the broker's acknowledgement. The relay counts slower events
   * as late. The measure trusts the writers' clocks.
   *
   * @default Duration.seconds(5)
   */
  readonly publishWithin?: Duration;

  /**
   * Share of the events of 30 days that the relay must publish in time: at least 0.95, and below 1.
   *
   * @default 0.999
   */
  readonly objective?: number;

  /**
   * Number of late events below which their share does not count: with little traffic, a single cold start would
   * otherwise look like an outage.
   *
   * @default 10
   */
  readonly minLateEvents?: number;

  /**
   * How far the relay may be behind the stream before an alarm needs action: more than `publishWithin`, less than six
   * hours. This alarm detects an outage, in which nothing is published and so no event is counted as late.
   *
   * @default Duration.minutes(5)
   */
  readonly maxLag?: Duration;
}

/** A stream drops its records after this time. */
export const STREAM_RETENTION = Duration.hours(24);
/** Percentages of the retention at which the relay's lag raises another alarm. */
export const STREAM_EDGES = [25, 50, 75] as const;

/**
 * Burn rates of the error budget, as in Google's SRE workbook: at rate 1 it lasts exactly 30 days. The long window
 * shows that the burn matters, the short one that it continues.
 */
export const BURN_RATES = [
  // 2 % of the budget in an hour.
  { id: 'fast', rate: 14.4, severity: 'page', long: Duration.hours(1), short: Duration.minutes(5) },
  // 5 % in six hours.
  { id: 'slow', rate: 6, severity: 'page', long: Duration.hours(6), short: Duration.minutes(30) },
  // 10 % in a day.
  { id: 'creeping', rate: 3, severity: 'ticket', long: Duration.days(1), short: Duration.hours(2) },
] as const;

/** Removes floating-point noise, such as that of 14.4 times 0.001. */
export const rounded = (value: number): number => Number(value.toPrecision(10));

/** A formula of `late` and `published`, the numbers of events in a period. */
export const sloMetric = (
  outboxName: string,
  options: Pick<MathExpressionProps, 'expression' | 'label' | 'period'>,
): MathExpression =>
  new MathExpression({
    ...options,
    usingMetrics: {
      late: relayMetric(outboxName, 'lateEvents'),
      published: relayMetric(outboxName, 'publishedEvents'),
    },
  });

/** Below about 0.93 the first alarm is impossible: 14.4 times the budget exceeds the share of all events. */
const LOWEST_OBJECTIVE = 0.95;

const OPTIONS = {
  publishWithin: duration('milliseconds', {
    min: 1_000,
    default: Duration.millis(RELAY_DEFAULTS.publishWithinMs),
    advice: 'Lambda polls the stream four times a second, and the clocks of writers differ.',
  }),
  objective: anyValue(0.999),
  minLateEvents: integer({ min: 1, default: 10, advice: 'With 1, a single late event counts.' }),
  maxLag: duration('seconds', { default: Duration.minutes(5), advice: 'It must be longer than publishWithin.' }),
} satisfies OptionTable<OutboxSlo>;

export const SLO_DEFAULTS = defaultsOf(OPTIONS);

export type ResolvedSlo = Resolved<OutboxSlo, typeof OPTIONS>;

export function resolveSlo(slo: OutboxSlo = {}): ResolvedSlo {
  const resolved = resolveOptions('slo', slo, OPTIONS, 'slo.');
  const { publishWithin, objective, maxLag } = resolved;
  requireOption(
    // NaN and the number that stands for a token fail these comparisons too.
    objective >= LOWEST_OBJECTIVE && objective < 1,
    'slo.objective',
    objective,
    `at least ${LOWEST_OBJECTIVE} and below 1`,
    'It is a share, such as 0.999. With a lower one the fastest alarm would never be raised.',
  );
  const lowestEdgeMs = (STREAM_RETENTION.toMilliseconds() * STREAM_EDGES[0]) / 100;
  const lagMs = maxLag.toMilliseconds();
  requireOption(
    lagMs > publishWithin.toMilliseconds() && lagMs < lowestEdgeMs,
    'slo.maxLag',
    maxLag,
    `more than publishWithin (${publishWithin.toString()}) and less than ${Duration.millis(lowestEdgeMs).toHumanString()}`,
    'From a quarter of the retention of the stream on, the lag has alarms of its own.',
  );
  return resolved;
}
