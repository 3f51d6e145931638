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
  type AlarmProps,
  type IAlarm,
  type IAlarmRule,
  type IMetric,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';

/** `page` needs action now; `ticket` needs action on the next working day. */
export type Severity = 'page' | 'ticket';

/** One metric against one threshold. */
export interface AlarmCondition {
  readonly metric: IMetric;
  readonly breach: { readonly atLeast: number } | { readonly below: number };
  /** Default: 1. */
  readonly evaluationPeriods?: number;
  /** Breaching periods among `evaluationPeriods` that raise the alarm. Default: all. */
  readonly datapointsToAlarm?: number;
  /** How the alarm treats a period without data. */
  readonly treatMissingData: TreatMissingData;
  /** Added to the alarm's name if it has several conditions. */
  readonly id?: string;
  /** How long a new alarm waits for its first data points. */
  readonly warmUp?: Duration;
}

/** One row of the table of alarms. */
export interface AlarmSpec {
  readonly id: string;
  readonly severity: Severity;
  /** The alarm's description: what is wrong, in one sentence. */
  readonly description: string;
  /** Name of the page in docs/runbooks, without `.md`. Default: `id`. */
  readonly runbook?: string;
  /** The conditions; the alarm is raised while all of them hold. */
  readonly conditions: readonly [AlarmCondition, ...AlarmCondition[]];
  /** Notifies in addition to the composite alarm, which an earlier alarm of the same cause has already raised. */
  readonly repeats?: boolean;
}

export type ConditionSettings = Partial<Omit<AlarmCondition, 'metric' | 'treatMissingData'>>;

const conditionOf =
  (treatMissingData: TreatMissingData, breach: AlarmCondition['breach']) =>
  (metric: IMetric, settings: ConditionSettings = {}): AlarmCondition => ({
    metric,
    breach,
    treatMissingData,
    ...settings,
  });

/** On something that happens: in a period without data, it has not happened. Default: once in a period breaches. */
export const activityCondition = conditionOf(TreatMissingData.NOT_BREACHING, { atLeast: 1 });

/** On a state that is reported now and then: in a period without data, nothing has changed. Default: 1 breaches. */
export const stateCondition = conditionOf(TreatMissingData.IGNORE, { atLeast: 1 });

/** On reports that must not stop: a period without data is the failure. Default: none in a period breaches. */
export const silenceCondition = conditionOf(TreatMissingData.BREACHING, { below: 1 });

/** For failures of single invocations, which recover by themselves. */
export const TWO_OF_THREE_PERIODS = { evaluationPeriods: 3, datapointsToAlarm: 2 };

export interface AlarmTexts {
  /** Prefix of every alarm's name: the watched outbox or consumer. */
  readonly prefix: string;
  readonly runbookBaseUrl?: string;
}

/** Makes the alarm of a row, without an action: a metric alarm, or a composite alarm of several conditions. */
export function makeAlarm(scope: Construct, spec: AlarmSpec, { prefix, runbookBaseUrl }: AlarmTexts): AlarmBase {
  const alarmDescription = `${spec.description} Runbook: ${runbookUrl(spec.runbook ?? spec.id, runbookBaseUrl)}`;
  const make = (id: string, condition: AlarmCondition): Alarm =>
    conditionAlarm(scope, id, { alarmName: `${prefix}-${id}`, alarmDescription }, condition);
  const [only, ...others] = spec.conditions;
  if (others.length === 0) return make(spec.id, only);
  const conditions = spec.conditions.map((condition) => make(`${spec.id}-${condition.id ?? ''}`, condition));
  return new CompositeAlarm(scope, spec.id, {
    compositeAlarmName: `${prefix}-${spec.id}`,
    alarmDescription,
    alarmRule: AlarmRule.allOf(...conditions.map(isRaised)),
  });
}

const isRaised = (alarm: IAlarm): IAlarmRule => AlarmRule.fromAlarm(alarm, AlarmState.ALARM);

function conditionAlarm(
  scope: Construct,
  id: string,
  texts: Pick<AlarmProps, 'alarmName' | 'alarmDescription'>,
  { metric, breach, evaluationPeriods = 1, datapointsToAlarm, treatMissingData, warmUp }: AlarmCondition,
): Alarm {
  const alarm = new Alarm(scope, id, {
    ...texts,
    metric,
    ...('below' in breach
      ? { threshold: breach.below, comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD }
      : { threshold: breach.atLeast, comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD }),
    evaluationPeriods,
    datapointsToAlarm: datapointsToAlarm ?? evaluationPeriods,
    treatMissingData,
  });
  if (warmUp !== undefined && alarm.node.defaultChild instanceof CfnAlarm) {
    alarm.node.defaultChild.warmUpConfiguration = {
      warmUpPeriodDurationInMinutes: warmUp.toMinutes(),
      // Otherwise the first value ends the warm-up, and a metric of FILL(m, 0) has values at once.
      onlyStartEvaluatingAfterWarmUpPeriodEnds: true,
    };
  }
  return alarm;
}

export const runbookUrl = (runbook: string, baseUrl = 'docs/runbooks'): string =>
  `${baseUrl.replace(/\/+$/, '')}/${runbook}.md`;

/** Holds while any of the alarms is raised, including alarms added before synthesis. There must be at least one. */
export const anyAlarm = (alarms: readonly IAlarm[]): IAlarmRule => ({
  renderAlarmRule: () => Lazy.string({ produce: () => AlarmRule.anyOf(...alarms.map(isRaised)).renderAlarmRule() }),
});
