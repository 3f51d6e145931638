import { LOCAL_REGION } from '../dynamodb';
import { LOCAL_ACCOUNT } from '../template';
import type { AlarmCondition } from './alarm-state';
import { parseAlarmRule, type AlarmRule } from './alarm-rule';
import type { MetricQuery } from './metric-query';

/** A synthesized CloudFormation template, as far as it concerns monitoring. */
export interface MonitoredTemplate {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties?: Properties }>>;
}
type Properties = Readonly<Record<string, unknown>>;

/** Names of the local resources by logical id; a resource without one has its logical id as its name. */
export type LocalNames = Readonly<Record<string, string>>;

interface AlarmText {
  readonly name: string;
  readonly description: string;
  /** The page of docs/runbooks that the description names. */
  readonly runbook?: string;
}

export interface MetricAlarm extends AlarmText {
  readonly kind: 'metric';
  readonly queries: readonly MetricQuery[];
  readonly periodSeconds: number;
  readonly condition: AlarmCondition;
  /** Seconds from the start of the stack in which the alarm is not evaluated. */
  readonly warmUpSeconds: number;
}

export interface CompositeAlarm extends AlarmText {
  readonly kind: 'composite';
  readonly rule: AlarmRule;
}

export type Alarm = MetricAlarm | CompositeAlarm;

/** A widget of the dashboard's body. Positions and sizes are in CloudWatch's grid of 24 columns. */
export interface WidgetDefinition {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly properties: Properties;
}

export interface Monitoring {
  readonly alarms: readonly Alarm[];
  readonly dashboards: readonly { readonly name: string; readonly widgets: readonly WidgetDefinition[] }[];
}

/** Reads every alarm and dashboard of a template. There is no other definition of them. */
export function readMonitoring(template: MonitoredTemplate, names: LocalNames): Monitoring {
  const resolve = resolver(template, names);
  const ofType = (type: string): [string, Properties][] =>
    Object.entries(template.Resources)
      .filter(([, resource]) => resource.Type === type)
      .map(([logicalId, { Properties: properties = {} }]) => [logicalId, resolve(properties) as Properties]);
  return {
    alarms: [
      ...ofType('AWS::CloudWatch::Alarm').map(([id, properties]) => readMetricAlarm(id, properties)),
      ...ofType('AWS::CloudWatch::CompositeAlarm').map(([id, properties]) => readCompositeAlarm(id, properties)),
    ],
    dashboards: ofType('AWS::CloudWatch::Dashboard').map(([logicalId, { DashboardBody: body }]) => ({
      name: logicalId,
      widgets: (JSON.parse(String(body)) as { readonly widgets: readonly WidgetDefinition[] }).widgets,
    })),
  };
}

const PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  'AWS::Region': LOCAL_REGION,
  'AWS::AccountId': LOCAL_ACCOUNT,
  'AWS::Partition': 'aws',
};

/** Puts local names in place of CloudFormation's references. The ARN of an alarm becomes its name. */
function resolver({ Resources: resources }: MonitoredTemplate, names: LocalNames): (value: unknown) => unknown {
  const nameOf = (logicalId: string): string => {
    const pseudo = PSEUDO_PARAMETERS[logicalId];
    const alarmName = resources[logicalId]?.Properties?.['AlarmName'];
    return pseudo ?? names[logicalId] ?? (typeof alarmName === 'string' ? alarmName : logicalId);
  };
  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolve);
    if (typeof value !== 'object' || value === null) return value;
    const { Ref: reference, 'Fn::GetAtt': attribute, 'Fn::Join': join } = value as Properties;
    if (typeof reference === 'string') return nameOf(reference);
    if (Array.isArray(attribute)) return nameOf(String(attribute[0]));
    if (Array.isArray(join)) return (resolve(join[1]) as unknown[]).join(String(join[0]));
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolve(each)]));
  };
  return resolve;
}

interface MetricProperties {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
}

const metricOf = ({ Namespace, MetricName, Dimensions = [] }: MetricProperties) => ({
  namespace: Namespace,
  name: MetricName,
  dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])),
});

interface AlarmMetric {
  readonly Id: string;
  readonly Label?: string;
  readonly ReturnData?: boolean;
  readonly Expression?: string;
  readonly Period?: number;
  readonly MetricStat?: { readonly Metric: MetricProperties; readonly Period: number; readonly Stat: string };
}

function readMetricAlarm(logicalId: string, properties: Properties): MetricAlarm {
  const {
    ComparisonOperator: comparison,
    Threshold: threshold,
    EvaluationPeriods: evaluationPeriods,
    DatapointsToAlarm: datapointsToAlarm = evaluationPeriods,
    TreatMissingData: treatMissingData = 'missing',
    WarmUpConfiguration: warmUp,
  } = properties;
  const metrics = properties['Metrics'] as readonly AlarmMetric[] | undefined;
  return {
    kind: 'metric',
    ...textOf(logicalId, properties),
    queries: metrics?.map(queryOf) ?? [
      {
        metric: metricOf(properties as unknown as MetricProperties),
        statistic: String(properties['Statistic'] ?? properties['ExtendedStatistic']),
        isResult: true,
      },
    ],
    periodSeconds: Number(
      properties['Period'] ??
        metrics?.map(({ MetricStat: stat, Period: period }) => stat?.Period ?? period).find(Boolean),
    ),
    condition: {
      comparison,
      threshold,
      evaluationPeriods,
      datapointsToAlarm,
      treatMissingData: readsDynamoDb(properties) ? 'ignore' : treatMissingData,
    } as AlarmCondition,
    warmUpSeconds: 60 * Number((warmUp as Properties | undefined)?.['WarmUpPeriodDurationInMinutes'] ?? 0),
  };
}

/** "Alarms that evaluate metrics in the AWS/DynamoDB namespace always ignore missing data" (PutMetricAlarm). */
const readsDynamoDb = ({ Namespace: namespace }: Properties): boolean => namespace === 'AWS/DynamoDB';

const queryOf = ({ Id: id, Label: label, ReturnData: isResult = true, ...metric }: AlarmMetric): MetricQuery => ({
  ...{ id, label, isResult },
  ...(metric.MetricStat === undefined
    ? { expression: metric.Expression ?? '' }
    : { metric: metricOf(metric.MetricStat.Metric), statistic: metric.MetricStat.Stat }),
});

function readCompositeAlarm(logicalId: string, properties: Properties): CompositeAlarm {
  return { kind: 'composite', ...textOf(logicalId, properties), rule: parseAlarmRule(String(properties['AlarmRule'])) };
}

function textOf(
  logicalId: string,
  { AlarmName: name = logicalId, AlarmDescription: text = '' }: Properties,
): AlarmText {
  const description = String(text);
  return { name: String(name), description, runbook: /runbooks\/([\w-]+)\.md/.exec(description)?.[1] };
}
