import type { Template } from 'aws-cdk-lib/assertions';

/** A metric as alarms name it. */
export interface NamedMetric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[];
}

interface MetricQuery {
  readonly Id: string;
  readonly Expression?: string;
  readonly Period?: number;
  readonly MetricStat?: { readonly Metric: NamedMetric; readonly Period: number; readonly Stat: string };
}

export interface AlarmProperties extends Partial<NamedMetric> {
  readonly AlarmName: string;
  readonly AlarmDescription: string;
  readonly AlarmActions?: readonly unknown[];
  readonly OKActions?: readonly unknown[];
  readonly Threshold: number;
  readonly ComparisonOperator: string;
  readonly EvaluationPeriods: number;
  readonly DatapointsToAlarm: number;
  readonly TreatMissingData: string;
  readonly Period?: number;
  readonly Metrics?: readonly MetricQuery[];
  readonly WarmUpConfiguration?: { readonly WarmUpPeriodDurationInMinutes: number };
}

export interface CompositeProperties extends Pick<
  AlarmProperties,
  'AlarmName' | 'AlarmDescription' | 'AlarmActions' | 'OKActions'
> {
  readonly AlarmRule: unknown;
}

const propertiesOf = <P>(template: Template, type: string): Record<string, P> =>
  Object.fromEntries(
    Object.entries(template.findResources(type)).map(([logicalId, resource]) => [
      logicalId,
      (resource as { Properties: P }).Properties,
    ]),
  );

/** Metric alarms by logical id. */
export const metricAlarms = (template: Template): Record<string, AlarmProperties> =>
  propertiesOf(template, 'AWS::CloudWatch::Alarm');
/** Composite alarms by logical id. */
export const compositeAlarms = (template: Template): Record<string, CompositeProperties> =>
  propertiesOf(template, 'AWS::CloudWatch::CompositeAlarm');

/** The alarm's name without that of its outbox or consumer, and without the topic of a mapping. */
export const idOf = ({ AlarmName }: { readonly AlarmName: string }): string =>
  AlarmName.replace(/^(Orders-Outbox|shipping)-/, '').replace(/^(consumer-.*)-orders$/, '$1');

/** The ids of the alarms in the rule of a composite alarm. */
export function gathered(template: Template, id: string): string[] {
  const all = { ...metricAlarms(template), ...compositeAlarms(template) };
  const composite = Object.values(compositeAlarms(template)).find((alarm) => idOf(alarm) === id);
  const rule = JSON.stringify(composite?.AlarmRule ?? '');
  return [...rule.matchAll(/"Fn::GetAtt":\["(\w+)","Arn"\]/g)].map(([, logicalId]) => idOf(all[logicalId ?? '']!));
}

/** Every metric of an alarm, also those in expressions. */
export const metricsOf = (alarm: AlarmProperties): NamedMetric[] =>
  alarm.Metrics === undefined
    ? [alarm as NamedMetric]
    : alarm.Metrics.flatMap(({ MetricStat }) => (MetricStat === undefined ? [] : [MetricStat.Metric]));

/** The name of the runbook in a description. */
export const runbookOf = ({ AlarmDescription }: { readonly AlarmDescription: string }): string | undefined =>
  /Runbook: \S*?([\w-]+)\.md$/.exec(AlarmDescription)?.[1];

export interface Widget {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly properties: {
    readonly title?: string;
    readonly markdown?: string;
    readonly alarms?: readonly string[];
    readonly metrics?: readonly (readonly unknown[])[];
  };
}

/** The widgets of the only dashboard. Each reference becomes its logical id. */
export function widgetsOf(template: Template): Widget[] {
  const [dashboard] = Object.values(propertiesOf<{ DashboardBody: unknown }>(template, 'AWS::CloudWatch::Dashboard'));
  const body = dashboard?.DashboardBody as { 'Fn::Join': [string, unknown[]] };
  const text = body['Fn::Join'][1]
    .map((part) => (typeof part === 'string' ? part : (/"(\w+)"[\],}]/.exec(JSON.stringify(part))?.[1] ?? '')))
    .join('');
  return (JSON.parse(text) as { widgets: Widget[] }).widgets;
}

/** The metrics of a widget, also those behind its expressions. */
export const metricsShown = ({ properties: { metrics = [] } }: Widget): NamedMetric[] =>
  metrics.flatMap((row) => {
    const [namespace, metricName, ...dimensions] = row.filter((part) => typeof part === 'string');
    if (namespace === undefined || metricName === undefined) return [];
    return {
      Namespace: namespace,
      MetricName: metricName,
      Dimensions: dimensions.flatMap((Name, at) => (at % 2 === 0 ? { Name, Value: dimensions[at + 1] } : [])),
    };
  });
