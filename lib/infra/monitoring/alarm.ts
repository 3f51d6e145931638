import { Lazy, type Duration } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmRule,
  AlarmState,
  CfnAlarm,
  ComparisonOperator,
  CompositeAlarm,
  TreatMissingData,
  type AlarmBase,
  type IAlarm,
  type IAlarmRule,
  type IMetric,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';

/** `page` wakes somebody now; `ticket` is for the next working day. */
export type Severity = 'page' | 'ticket';

/** One metric against one threshold. */
export interface Condition {
  readonly metric: IMetric;
  readonly breach: { readonly atLeast: number } | { readonly below: number };
  /** Periods that are looked at. Default 1. */
  readonly of?: number;
  /** Periods of these that must breach. Default all of them. */
  readonly periods?: number;
  /** What a period without a value means. */
  readonly missing: MissingData;
  /** Added to the alarm's name where it has several conditions. */
  readonly id?: string;
  /** How long after its creation a new alarm waits for the first values. */
  readonly warmUp?: Duration;
}

/** `fine` and `breach` as it says, `unchanged`: nothing is known, so the alarm stays as it is. */
export type MissingData = 'fine' | 'breach' | 'unchanged';

/** One row of the table of alarms. */
export interface AlarmSpec {
  readonly id: string;
  readonly severity: Severity;
  /** What is wrong, in one sentence. */
  readonly says: string;
  /** Name of the page in docs/runbooks, without `.md`. */
  readonly runbook: string;
  /** All must hold. */
  readonly when: readonly [Condition, ...Condition[]];
  /** Notifies by itself, because what it makes worse has put the composite alarm into alarm long before. */
  readonly repeats?: boolean;
}

export interface AlarmTexts {
  /** Put before the name of every alarm: what is watched. */
  readonly prefix: string;
  /** Where the runbooks are published; otherwise their path in the repository is named. */
  readonly runbookBaseUrl?: string;
}

/** Makes the alarm of a row: a metric alarm, or a composite one of several. It has no action yet. */
export function makeAlarm(scope: Construct, spec: AlarmSpec, { prefix, runbookBaseUrl }: AlarmTexts): AlarmBase {
  const alarmDescription = `${spec.says} Runbook: ${runbookUrl(spec.runbook, runbookBaseUrl)}`;
  const alarmName = `${prefix}-${spec.id}`;
  const [only, ...others] = spec.when;
  if (others.length === 0) return conditionAlarm(scope, spec.id, alarmName, alarmDescription, only);
  const conditions = spec.when.map((condition) => {
    const id = `${spec.id}-${condition.id ?? ''}`;
    return conditionAlarm(scope, id, `${prefix}-${id}`, alarmDescription, condition);
  });
  return new CompositeAlarm(scope, spec.id, {
    compositeAlarmName: alarmName,
    alarmDescription,
    alarmRule: AlarmRule.allOf(...conditions.map((alarm) => AlarmRule.fromAlarm(alarm, AlarmState.ALARM))),
  });
}

const MISSING: Readonly<Record<MissingData, TreatMissingData>> = {
  fine: TreatMissingData.NOT_BREACHING,
  breach: TreatMissingData.BREACHING,
  unchanged: TreatMissingData.IGNORE,
};

function conditionAlarm(
  scope: Construct,
  id: string,
  alarmName: string,
  alarmDescription: string,
  { metric, breach, of = 1, periods = of, missing, warmUp }: Condition,
): Alarm {
  const alarm = new Alarm(scope, id, {
    alarmName,
    alarmDescription,
    metric,
    ...('below' in breach
      ? { threshold: breach.below, comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD }
      : {
          threshold: breach.atLeast,
          comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        }),
    evaluationPeriods: of,
    datapointsToAlarm: periods,
    treatMissingData: MISSING[missing],
  });
  if (warmUp !== undefined && alarm.node.defaultChild instanceof CfnAlarm) {
    alarm.node.defaultChild.warmUpConfiguration = {
      warmUpPeriodDurationInMinutes: warmUp.toMinutes(),
      // Otherwise a first value ends it, and a metric of FILL(m, 0) has values at once.
      onlyStartEvaluatingAfterWarmUpPeriodEnds: true,
    };
  }
  return alarm;
}

export const runbookUrl = (runbook: string, baseUrl = 'docs/runbooks'): string =>
  `${baseUrl.replace(/\/+$/, '')}/${runbook}.md`;

/** Holds while any of the alarms is in alarm, of which there must be one; what is added before synthesis is included. */
export const anyAlarm = (alarms: readonly IAlarm[]): IAlarmRule => ({
  renderAlarmRule: () =>
    Lazy.string({
      produce: () =>
        AlarmRule.anyOf(...alarms.map((alarm) => AlarmRule.fromAlarm(alarm, AlarmState.ALARM))).renderAlarmRule(),
    }),
});
