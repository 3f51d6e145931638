import type { Series } from './metric-store';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

const COMPARISONS = {
  GreaterThanOrEqualToThreshold: (value: number, threshold: number) => value >= threshold,
  GreaterThanThreshold: (value: number, threshold: number) => value > threshold,
  LessThanThreshold: (value: number, threshold: number) => value < threshold,
  LessThanOrEqualToThreshold: (value: number, threshold: number) => value <= threshold,
} as const;

export type Comparison = keyof typeof COMPARISONS;

export type MissingData = 'breaching' | 'notBreaching' | 'ignore' | 'missing';

/** The rule of a metric alarm: `DatapointsToAlarm` of the latest `EvaluationPeriods` breach the threshold. */
export interface AlarmCondition {
  readonly comparison: Comparison;
  readonly threshold: number;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  readonly treatMissingData: MissingData;
}

/**
 * CloudWatch looks at more data points than `EvaluationPeriods`, so that points that arrive late or are missing do not
 * decide. Its user guide shows a range of five for an alarm that evaluates three.
 */
const ADDITIONAL_PERIODS = 2;

export const evaluationRange = ({ evaluationPeriods }: AlarmCondition): number =>
  evaluationPeriods + ADDITIONAL_PERIODS;

/**
 * The state of a metric alarm after one evaluation.
 *
 * Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data". The latest existing data points
 * of the range decide if there are enough of them. Only otherwise are missing ones treated as the alarm asks for:
 * `breaching` and `notBreaching` fill them in; with `missing`, a range without any point leads to `INSUFFICIENT_DATA`;
 * with `ignore`, such a range keeps the state, and so do points that all breach but are too few.
 *
 * @param range - the data points of the evaluation range, the oldest first
 */
export function nextState(state: AlarmState, range: Series, condition: AlarmCondition): AlarmState {
  const { comparison, threshold, evaluationPeriods, datapointsToAlarm, treatMissingData } = condition;
  const breaches = (value: number): boolean => COMPARISONS[comparison](value, threshold);
  const present = range.filter((value) => value !== undefined);
  if (present.length >= evaluationPeriods) {
    const latest = present.slice(-evaluationPeriods);
    return latest.filter(breaches).length >= datapointsToAlarm ? 'ALARM' : 'OK';
  }
  if (present.length === 0 && treatMissingData === 'missing') return 'INSUFFICIENT_DATA';
  if (present.length === 0 && treatMissingData === 'ignore') return state;
  const breaching = present.filter(breaches).length;
  const filled = evaluationPeriods - present.length;
  if (treatMissingData === 'breaching') return breaching + filled >= datapointsToAlarm ? 'ALARM' : 'OK';
  if (breaching >= datapointsToAlarm) return 'ALARM';
  if (treatMissingData === 'notBreaching' || breaching < present.length) return 'OK';
  // Every point that exists breaches, but they are too few.
  const oldest = range.findIndex((value) => value !== undefined);
  const isOldEnough = range.length - oldest >= datapointsToAlarm;
  return treatMissingData === 'missing' && isOldEnough ? 'ALARM' : state;
}
