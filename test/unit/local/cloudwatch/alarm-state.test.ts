import {
  nextState,
  type AlarmCondition,
  type AlarmState,
  type MissingData,
} from '../../../../local/cloudwatch/alarm-state';

const THRESHOLD = 10;
const condition = (datapointsToAlarm: number, treatMissingData: MissingData): AlarmCondition => ({
  comparison: 'GreaterThanOrEqualToThreshold',
  threshold: THRESHOLD,
  evaluationPeriods: 3,
  datapointsToAlarm,
  treatMissingData,
});

/** `0` does not breach, `X` breaches, `-` is missing: the notation of CloudWatch's user guide. */
const points = (range: string) =>
  range.split(' ').map((point) => (point === '-' ? undefined : point === 'X' ? THRESHOLD : 0));

const TREATMENTS = ['missing', 'ignore', 'breaching', 'notBreaching'] as const;
const KEPT = 'kept';
type Expected = AlarmState | typeof KEPT;

/** The two tables of "Configuring how CloudWatch alarms treat missing data". */
const TABLES: readonly [datapoints: number, range: string, ...expected: Expected[]][] = [
  [3, '0 - X - X', 'OK', 'OK', 'OK', 'OK'],
  [3, '- - - - 0', 'OK', 'OK', 'OK', 'OK'],
  [3, '- - - - -', 'INSUFFICIENT_DATA', KEPT, 'ALARM', 'OK'],
  [3, '0 X X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  [3, '- - X - -', 'ALARM', KEPT, 'ALARM', 'OK'],
  [2, '0 - X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  [2, '0 0 X 0 X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  [2, '0 - X - -', 'OK', 'OK', 'ALARM', 'OK'],
  [2, '- - - - 0', 'OK', 'OK', 'ALARM', 'OK'],
  [2, '- - - X -', 'ALARM', KEPT, 'ALARM', 'OK'],
];

const CASES = TABLES.flatMap(([datapoints, range, ...expected]) =>
  TREATMENTS.map((treatment, index) => ({ datapoints, range, treatment, expected: expected[index] })),
);

it.each(CASES)(
  '$datapoints of 3, points $range, missing data $treatment: $expected',
  ({ datapoints, range, treatment, expected }) => {
    for (const state of ['OK', 'ALARM', 'INSUFFICIENT_DATA'] as const) {
      expect(nextState(state, points(range), condition(datapoints, treatment))).toBe(
        expected === KEPT ? state : expected,
      );
    }
  },
);

it.each([
  ['GreaterThanThreshold', 10, 'OK'],
  ['GreaterThanThreshold', 11, 'ALARM'],
  ['LessThanThreshold', 10, 'OK'],
  ['LessThanThreshold', 9, 'ALARM'],
  ['LessThanOrEqualToThreshold', 10, 'ALARM'],
] as const)('%s compares %d with 10: %s', (comparison, value, expected) => {
  const one = { ...condition(1, 'missing'), evaluationPeriods: 1, comparison };
  expect(nextState('INSUFFICIENT_DATA', [undefined, undefined, value], one)).toBe(expected);
});
