import { Annotations, Match, type Template } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { CONSUMER_METRICS, METRICS_NAMESPACE } from '../../../lib/event/metrics';
import { OutboxCluster } from '../../../lib/infra/cluster/outbox-cluster';
import { OutboxConsumer } from '../../../lib/infra/consumer/outbox-consumer';
import { consumerProps, consumerStack } from '../consumer-stack';
import { CLUSTER_ARN, outboxStack } from '../stack';
import { compositeAlarms, gathered, idOf, metricAlarms, metricsOf, metricsShown, widgetsOf } from './template';

/** A stack with every optional alarm. */
const complete = () =>
  consumerStack((stack) => ({ onFailure: { bucket: new Bucket(stack, 'GivenUp'), retryAttempts: 100 } }));

const MAPPING = { Ref: expect.stringMatching(/^ShippingMappingorders/) as unknown };

/** Datapoints to alarm of evaluated periods, with the comparison; threshold; treatment of missing data. */
const EXPECTED: Readonly<Record<string, [string, number, string]>> = {
  'consumer-behind': ['3 of 3 >=', 10_000, 'notBreaching'],
  'consumer-stuck': ['3 of 3 >=', 1, 'notBreaching'],
  'consumer-silent': ['3 of 3 <', 1, 'breaching'],
  'consumer-dropped': ['1 of 1 >=', 1, 'notBreaching'],
  'consumer-on-failure': ['1 of 1 >=', 1, 'notBreaching'],
  'consumer-errors': ['2 of 3 >=', 1, 'notBreaching'],
  'consumer-throttled': ['3 of 3 >=', 1, 'notBreaching'],
  'consumer-outage': ['3 of 3 >=', 1, 'notBreaching'],
  'consumer-dead-letters': ['1 of 1 >=', 1, 'notBreaching'],
  'consumer-dead-letters-refused': ['2 of 2 >=', 1, 'notBreaching'],
  'consumer-parked': ['1 of 1 >=', 1, 'notBreaching'],
  'consumer-gaps': ['1 of 1 >=', 1, 'notBreaching'],
};
const PAGES = ['consumer-stuck', 'consumer-silent', 'consumer-outage', 'consumer-dead-letters-refused'];

test('every alarm breaches at its threshold, and treats missing data as intended', () => {
  const OPERATORS: Readonly<Record<string, string>> = {
    GreaterThanOrEqualToThreshold: '>=',
    LessThanThreshold: '<',
  };
  const found = Object.values(metricAlarms(complete().template())).map((alarm) => [
    idOf(alarm),
    [
      `${alarm.DatapointsToAlarm} of ${alarm.EvaluationPeriods} ${OPERATORS[alarm.ComparisonOperator]}`,
      alarm.Threshold,
      alarm.TreatMissingData,
    ],
  ]);
  expect(Object.fromEntries(found)).toEqual(EXPECTED);
});

test('pages when messages do not get through, and makes a ticket otherwise', () => {
  const template = complete().template();
  expect(gathered(template, 'page')).toEqual(PAGES);
  expect(gathered(template, 'ticket').toSorted()).toEqual(
    Object.keys(EXPECTED)
      .filter((id) => !PAGES.includes(id))
      .toSorted(),
  );
});

describe('of many topics', () => {
  const topics = (count: number) => Array.from({ length: count }, (_, index) => `orders-${index}`);

  test('the states of all alarms are shown side by side: a widget shows at most a hundred', () => {
    const template = consumerStack(() => ({ topics: topics(30) })).template();
    const alarms = Object.keys(metricAlarms(template)).length;
    const shown = widgetsOf(template).filter(({ type }) => type === 'alarm');
    expect(shown.map(({ properties }) => properties.alarms?.length)).toEqual([100, alarms - 100]);
    expect(shown.map(({ x, width }) => [x, width])).toEqual([
      [0, 12],
      [12, 12],
    ]);
  });

  test('more alarms than a composite alarm gathers are refused', () => {
    expect(consumerStack(() => ({ topics: topics(50) })).template).toThrow(
      /The composite alarm Shop\/Shipping\/Monitoring\/Alarms\/page gathers 102 alarms/,
    );
  });
});

test('is made without a warning', () => {
  Annotations.fromStack(complete().stack).hasNoWarning('*', Match.anyValue());
});

const alarmOf = (template: Template, name: string) =>
  Object.values(metricAlarms(template)).find(({ AlarmName }) => AlarmName === name);

test('the lag is that of each mapping, and so is its work', () => {
  const template = consumerStack(() => ({ topics: ['orders', 'payments'] })).template();
  expect(alarmOf(template, 'shipping-consumer-behind-orders')).toMatchObject({
    Namespace: 'AWS/Lambda',
    MetricName: 'MaxOffsetLag',
    Dimensions: [{ Name: 'EventSourceMappingUUID', Value: MAPPING }],
    Statistic: 'Maximum',
    Period: 300,
  });
  expect(alarmOf(template, 'shipping-consumer-stuck-payments')?.Metrics).toEqual([
    expect.objectContaining({ Expression: 'IF(FILL(lag, 0) > 0 AND FILL(committed, 0) == 0, 1, 0)' }),
    expect.objectContaining({ Id: 'lag', MetricStat: expect.objectContaining({ Stat: 'Minimum' }) as unknown }),
    expect.objectContaining({ Id: 'committed', MetricStat: expect.objectContaining({ Stat: 'Sum' }) as unknown }),
  ]);
  expect(alarmOf(template, 'shipping-consumer-silent-orders')).toMatchObject({
    WarmUpConfiguration: { WarmUpPeriodDurationInMinutes: 30 },
  });
});

test('the metrics of the consumer are in the table of names, under its namespace and the service that Powertools adds', () => {
  const own = (namespace: string, template: Template) =>
    Object.values(metricAlarms(template))
      .flatMap(metricsOf)
      .filter(({ Namespace }) => Namespace === namespace);
  const metrics = own(METRICS_NAMESPACE, complete().template());
  expect(metrics.map(({ MetricName }) => MetricName).toSorted()).toEqual(
    ['ConsumerOutages', 'DeadLetterFailures', 'DeadLetters', 'Gaps', 'ParkedEvents'].toSorted(),
  );
  for (const { MetricName, Dimensions } of metrics) {
    expect(Object.values(CONSUMER_METRICS)).toContain(MetricName);
    expect(Dimensions).toEqual([{ Name: 'service', Value: 'shipping' }]);
  }
  expect(own('Shop', consumerStack(() => ({ metricsNamespace: 'Shop' })).template())).toHaveLength(5);
});

test('a consumer that is switched off is silent on purpose', () => {
  const template = consumerStack(() => ({ enabled: false })).template();
  expect(Object.values(metricAlarms(template)).map(idOf)).not.toContain('consumer-silent');
});

test('monitoring can be left out, and so can the dashboard', () => {
  const none = consumerStack(() => ({ monitoring: false }));
  expect(none.consumer.monitoring).toBeUndefined();
  none.template().resourceCountIs('AWS::CloudWatch::Alarm', 0);
  none.template().resourceCountIs('AWS::CloudWatch::Dashboard', 0);
  const { template } = consumerStack(() => ({ monitoring: { dashboard: false } }));
  template().resourceCountIs('AWS::CloudWatch::Dashboard', 0);
});

test('tells the topics of the consumer', () => {
  const { template } = consumerStack((stack) => ({
    monitoring: { pageTopic: new Topic(stack, 'Pager'), ticketTopic: new Topic(stack, 'Tickets'), maxLag: 5 },
  }));
  const told = Object.values(compositeAlarms(template())).map((alarm) => [alarm.AlarmName, alarm.AlarmActions]);
  expect(Object.fromEntries(told)).toEqual({
    'shipping-page': [{ Ref: expect.stringMatching(/^Pager/) as unknown }],
    'shipping-ticket': [{ Ref: expect.stringMatching(/^Tickets/) as unknown }],
  });
  expect(alarmOf(template(), 'shipping-consumer-behind-orders')?.Threshold).toBe(5);
});

describe('with the monitoring of an outbox', () => {
  const together = (): Template => {
    const { stack, outbox, template } = outboxStack(() => ({
      monitoring: { runbookBaseUrl: 'https://example.com/runbooks' },
    }));
    new OutboxConsumer(
      stack,
      'Shipping',
      consumerProps({
        cluster: OutboxCluster.existing(stack, 'Existing', { clusterArn: CLUSTER_ARN }),
        monitoring: { outbox: outbox.monitoring },
      }),
    );
    return template();
  };

  test('its alarms count among those of the outbox, with its runbooks', () => {
    const template = together();
    expect(gathered(template, 'page')).toEqual(expect.arrayContaining(['relay-behind', ...PAGES]));
    expect(gathered(template, 'ticket')).toEqual(expect.arrayContaining(['relay-errors', 'consumer-parked']));
    expect(Object.values(compositeAlarms(template)).map(({ AlarmName }) => AlarmName)).not.toContain('shipping-page');
    expect(alarmOf(template, 'shipping-consumer-parked')?.AlarmDescription).toMatch(
      / Runbook: https:\/\/example\.com\/runbooks\/consumer-parked\.md$/,
    );
  });

  test('the dashboard has a part about it', () => {
    const widgets = widgetsOf(together());
    expect(widgets.map(({ properties }) => properties.markdown)).toContain('## Consumer shipping');
    expect(widgets.filter(({ properties }) => properties.alarms !== undefined)).toHaveLength(1);
  });
});

test('the dashboard fills its rows and names metrics that exist', () => {
  const widgets = widgetsOf(complete().template());
  const rows = Map.groupBy(widgets, ({ y }) => y);
  for (const row of rows.values()) expect(row.reduce((sum, { width }) => sum + width, 0)).toBe(24);
  const own = widgets.flatMap(metricsShown).filter(({ Namespace }) => Namespace === METRICS_NAMESPACE);
  expect(own.length).toBeGreaterThan(10);
  for (const { MetricName } of own) expect(Object.values(CONSUMER_METRICS)).toContain(MetricName);
});
