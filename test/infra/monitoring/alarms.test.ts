import { Duration } from 'aws-cdk-lib';
import { Annotations, Match, type Template } from 'aws-cdk-lib/assertions';
import { Alarm, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { METRICS_NAMESPACE, RELAY_METRICS, SWEEPER_METRICS } from '../../../lib/event/metrics';
import { outboxStack } from '../stack';
import { compositeAlarms, gathered, idOf, metricAlarms, metricsOf, type AlarmProperties } from './template';

const alarmOf = (template: Template, id: string): AlarmProperties =>
  Object.values(metricAlarms(template)).find((alarm) => idOf(alarm) === id)!;

/** A stack with every optional alarm. */
const complete = (): Template => outboxStack(() => ({ monitoring: { mskClusterName: 'orders' } })).template();

const HOUR_MS = 3_600_000;

describe('every alarm', () => {
  // Datapoints to alarm of evaluated periods, with the comparison; threshold; treatment of missing data.
  const expected: Record<string, [string, number, string]> = {
    'publish-slo-fast-1-hour': ['1 of 1 >=', 0.0144, 'notBreaching'],
    'publish-slo-fast-5-minutes': ['1 of 1 >=', 0.0144, 'notBreaching'],
    'publish-slo-slow-6-hours': ['1 of 1 >=', 0.006, 'notBreaching'],
    'publish-slo-slow-30-minutes': ['1 of 1 >=', 0.006, 'notBreaching'],
    'publish-slo-creeping-1-day': ['1 of 1 >=', 0.003, 'notBreaching'],
    'publish-slo-creeping-2-hours': ['1 of 1 >=', 0.003, 'notBreaching'],
    'relay-behind': ['1 of 1 >=', 300_000, 'notBreaching'],
    'stream-edge-25': ['1 of 1 >=', 6 * HOUR_MS, 'notBreaching'],
    'stream-edge-50': ['1 of 1 >=', 12 * HOUR_MS, 'notBreaching'],
    'stream-edge-75': ['1 of 1 >=', 18 * HOUR_MS, 'notBreaching'],
    'relay-silent': ['2 of 2 >=', 1, 'notBreaching'],
    'oldest-pending': ['1 of 1 >=', 2 * HOUR_MS, 'ignore'],
    'relay-throttled': ['2 of 2 >=', 1, 'notBreaching'],
    'relay-errors': ['2 of 3 >=', 1, 'notBreaching'],
    'relay-slow': ['2 of 3 >=', 81_000, 'notBreaching'],
    'mapping-dropped': ['1 of 1 >=', 1, 'notBreaching'],
    'breaker-open': ['1 of 1 >=', 1, 'notBreaching'],
    'item-parked': ['1 of 1 >=', 1, 'notBreaching'],
    'held-keys': ['1 of 1 >=', 1, 'ignore'],
    'partition-unavailable': ['1 of 1 >=', 1, 'notBreaching'],
    'signal-unprocessable': ['1 of 1 >=', 1, 'notBreaching'],
    'signals-unprocessable': ['1 of 1 >=', 1, 'ignore'],
    'sweeper-silent': ['2 of 2 <', 1, 'breaching'],
    'sweeper-failed': ['2 of 2 >=', 1, 'ignore'],
    'sweeper-incomplete': ['3 of 3 <', 1, 'ignore'],
    'stream-gap-suspected': ['4 of 4 >=', 1, 'ignore'],
    'kafka-outages': ['4 of 12 >=', 1, 'notBreaching'],
    'producer-rebuilds': ['6 of 12 >=', 1, 'notBreaching'],
    'kafka-connections': ['2 of 3 >=', 1, 'notBreaching'],
  };

  test('breaches at its threshold, and treats missing data as intended', () => {
    const OPERATORS: Readonly<Record<string, string>> = {
      GreaterThanOrEqualToThreshold: '>=',
      LessThanThreshold: '<',
    };
    const found = Object.values(metricAlarms(complete())).map((alarm) => [
      idOf(alarm),
      [
        `${alarm.DatapointsToAlarm} of ${alarm.EvaluationPeriods} ${OPERATORS[alarm.ComparisonOperator]}`,
        alarm.Threshold,
        alarm.TreatMissingData,
      ],
    ]);
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  test('pages or makes a ticket', () => {
    const template = complete();
    expect(gathered(template, 'page')).toEqual([
      'publish-slo-fast',
      'publish-slo-slow',
      'relay-behind',
      'stream-edge-25',
      'stream-edge-50',
      'stream-edge-75',
      'relay-silent',
      'oldest-pending',
      'relay-throttled',
      'breaker-open',
    ]);
    const inBoth = [...gathered(template, 'page'), ...gathered(template, 'ticket')];
    const conditions = Object.keys(expected).filter((id) => /-\d+-(minute|hour|day)/.test(id));
    const alone = Object.keys(expected).filter((id) => !conditions.includes(id));
    const pairs = ['publish-slo-fast', 'publish-slo-slow', 'publish-slo-creeping'];
    expect(inBoth.toSorted()).toEqual([...alone, ...pairs].toSorted());
  });

  test('uses a custom metric of the table of names, under the service that emits it', () => {
    const metrics = Object.values(metricAlarms(complete()))
      .flatMap(metricsOf)
      .filter(({ Namespace }) => Namespace === METRICS_NAMESPACE);
    expect(metrics.length).toBeGreaterThan(20);
    for (const { MetricName, Dimensions } of metrics) {
      const [outbox, service] = Dimensions!;
      expect(outbox).toEqual({ Name: 'Outbox', Value: 'Orders-Outbox' });
      const names = { 'outbox-relay': RELAY_METRICS, 'outbox-sweeper': SWEEPER_METRICS }[String(service!.Value)]!;
      expect(Object.values(names)).toContain(MetricName);
    }
  });

  test.each([1, 59, 60, 660])('stays within the limits of CloudWatch, with a sweep every %i minutes', (minutes) => {
    const template = outboxStack(() => ({ sweepInterval: Duration.minutes(minutes) })).template();
    for (const { Period, Metrics, EvaluationPeriods, WarmUpConfiguration } of Object.values(metricAlarms(template))) {
      const periods = Metrics?.flatMap((query) => query.Period ?? query.MetricStat?.Period ?? []) ?? [Period!];
      const longest = Math.max(...periods);
      // "For alarms with a period of less than one hour, the total can't be longer than one day", else seven days.
      expect(longest * EvaluationPeriods).toBeLessThanOrEqual((longest < 3_600 ? 1 : 7) * 86_400);
      // In one alarm, all metrics have the same period.
      expect(new Set(periods).size).toBe(1);
      expect(WarmUpConfiguration?.WarmUpPeriodDurationInMinutes ?? 1).toBeLessThanOrEqual(2_880);
    }
  });

  test('is made without a warning', () => {
    const { stack } = outboxStack(() => ({ monitoring: { mskClusterName: 'orders' } }));
    Annotations.fromStack(stack).hasNoWarning('*', Match.anyValue());
  });
});

describe('the burn rate', () => {
  test('is the share of late events, once there are enough of them', () => {
    const template = outboxStack(() => ({ monitoring: { slo: { minLateEvents: 3 } } })).template();
    const shareIn = (id: string): unknown => alarmOf(template, id).Metrics;
    expect(shareIn('publish-slo-fast-1-hour')).toEqual([
      expect.objectContaining({ Expression: 'IF(late >= 3, late / published, 0)' }),
      expect.objectContaining({
        Id: 'late',
        MetricStat: {
          Metric: expect.objectContaining({ MetricName: 'LateEvents' }) as unknown,
          Period: 3_600,
          Stat: 'Sum',
        },
        ReturnData: false,
      }),
      expect.objectContaining({
        Id: 'published',
        MetricStat: {
          Metric: expect.objectContaining({ MetricName: 'PublishedEvents' }) as unknown,
          Period: 3_600,
          Stat: 'Sum',
        },
        ReturnData: false,
      }),
    ]);
    // The short window only shows whether the problem continues.
    expect(shareIn('publish-slo-fast-5-minutes')).toContainEqual(
      expect.objectContaining({ Expression: 'IF(late >= 1, late / published, 0)' }),
    );
  });

  test('must be high in the long window and in the short one', () => {
    const template = complete();
    expect(gathered(template, 'publish-slo-slow')).toEqual(['publish-slo-slow-6-hours', 'publish-slo-slow-30-minutes']);
    const pair = Object.values(compositeAlarms(template)).find((alarm) => idOf(alarm) === 'publish-slo-slow');
    expect(JSON.stringify(pair)).toContain('AND ALARM');
  });

  test('follows the objective', () => {
    const template = outboxStack(() => ({ monitoring: { slo: { objective: 0.95 } } })).template();
    expect(alarmOf(template, 'publish-slo-fast-1-hour').Threshold).toBe(0.72);
  });
});

describe('the thresholds', () => {
  test('follow the objective, the sweeper and the relay', () => {
    const template = outboxStack(() => ({
      relayTimeout: Duration.minutes(5),
      sweepInterval: Duration.minutes(30),
      overdueAfter: Duration.minutes(10),
      monitoring: { slo: { maxLag: Duration.minutes(20) } },
    })).template();
    expect(alarmOf(template, 'relay-behind').Threshold).toBe(20 * 60_000);
    expect(alarmOf(template, 'relay-slow').Threshold).toBe(270_000);
    expect(alarmOf(template, 'oldest-pending')).toMatchObject({ Threshold: 40 * 60_000, Period: 1_800 });
    expect(alarmOf(template, 'sweeper-silent').WarmUpConfiguration).toEqual({
      WarmUpPeriodDurationInMinutes: 60,
      OnlyStartEvaluatingAfterWarmUpPeriodEnds: true,
    });
  });

  test('of the cluster are there for a cluster that is named', () => {
    expect(alarmOf(outboxStack().template(), 'kafka-connections')).toBeUndefined();
    expect(alarmOf(complete(), 'kafka-connections').Metrics).toEqual([
      expect.objectContaining({
        Expression: `SELECT SUM(IAMTooManyConnections) FROM SCHEMA("AWS/Kafka", "Broker ID", "Cluster Name") WHERE "Cluster Name" = 'orders'`,
      }),
    ]);
  });
});

describe('with a table in several regions', () => {
  const pageOfRegion = (publishesFor?: string[]): Template =>
    outboxStack(() => ({ replicas: ['eu-central-1'], publishesFor })).template();

  test('a relay is not silent because others write: it is when events of its own region wait', () => {
    const { Metrics, TreatMissingData } = alarmOf(pageOfRegion(), 'relay-silent');
    expect(TreatMissingData).toBe('ignore');
    expect(Metrics).toEqual([
      expect.objectContaining({ Expression: 'IF(pending >= 1800000 AND FILL(invocations, 0) == 0, 1, 0)' }),
      expect.objectContaining({
        Id: 'pending',
        MetricStat: expect.objectContaining({
          Metric: expect.objectContaining({ Namespace: METRICS_NAMESPACE, MetricName: 'OldestPendingAge' }) as unknown,
          Period: 3_600,
        }) as unknown,
      }),
      expect.objectContaining({ Id: 'invocations' }),
    ]);
    const looksAtTheTable = Object.values(metricAlarms(pageOfRegion())).filter((alarm) =>
      metricsOf(alarm).some(({ Namespace }) => Namespace === 'AWS/DynamoDB'),
    );
    expect(looksAtTheTable.map(idOf)).toEqual([]);
  });

  test('a region that another one has taken over may be silent', () => {
    const template = pageOfRegion([]);
    const silent = Object.values(metricAlarms(template)).filter((alarm) => alarm.TreatMissingData !== 'notBreaching');
    expect(silent.map(idOf)).toEqual([]);
    expect(gathered(template, 'ticket')).toContain('kafka-outages');
  });
});

describe('notifications', () => {
  const withTopics = (): Template =>
    outboxStack((stack) => ({
      monitoring: { pageTopic: new Topic(stack, 'Pager'), ticketTopic: new Topic(stack, 'Tickets') },
    })).template();
  const told = (template: Template): Record<string, unknown> =>
    Object.fromEntries(
      [...Object.values(metricAlarms(template)), ...Object.values(compositeAlarms(template))]
        .filter(({ AlarmActions }) => AlarmActions !== undefined)
        .map((alarm) => [idOf(alarm), alarm.AlarmActions]),
    );
  const topic = (id: string): unknown => [{ Ref: expect.stringMatching(`^${id}`) as unknown }];

  test('are not sent without topics', () => {
    expect(told(outboxStack().template())).toEqual({});
  });

  test('is the topic of each severity, and by the edges of the stream once more', () => {
    expect(told(withTopics())).toEqual({
      page: topic('Pager'),
      ticket: topic('Tickets'),
      // By then, "page" has been in alarm for hours and sends no further notification.
      'stream-edge-25': topic('Pager'),
      'stream-edge-50': topic('Pager'),
      'stream-edge-75': topic('Pager'),
    });
  });

  test('hears the end of it too', () => {
    for (const { AlarmActions, OKActions } of [
      ...Object.values(metricAlarms(withTopics())),
      ...Object.values(compositeAlarms(withTopics())),
    ]) {
      expect(OKActions).toEqual(AlarmActions);
    }
  });
});

describe('another part of the system', () => {
  test('adds an alarm of its own, with its runbook', () => {
    const { outbox, template } = outboxStack();
    outbox.monitoring!.addAlarm({
      id: 'consumer-behind',
      severity: 'page',
      description: 'The consumer is behind.',
      runbook: 'consumer-behind',
      conditions: [
        {
          metric: outbox.metricRelay('outages'),
          breach: { atLeast: 1 },
          treatMissingData: TreatMissingData.NOT_BREACHING,
        },
      ],
    });
    expect(gathered(template(), 'page')).toContain('consumer-behind');
    expect(alarmOf(template(), 'consumer-behind').AlarmDescription).toBe(
      'The consumer is behind. Runbook: docs/runbooks/consumer-behind.md',
    );
  });

  test('lets an alarm that exists count', () => {
    const { stack, outbox, template } = outboxStack();
    const alarm = new Alarm(stack, 'Own', {
      alarmName: 'own',
      metric: outbox.metricSweeper('heldKeys'),
      threshold: 100,
      evaluationPeriods: 1,
    });
    outbox.monitoring!.watch('ticket', alarm);
    expect(gathered(template(), 'ticket')).toContain('own');
  });
});

test('without monitoring there is no alarm and no dashboard, and nothing else changes', () => {
  const bare = outboxStack(() => ({ monitoring: false }));
  expect(bare.outbox.monitoring).toBeUndefined();
  const resources = (template: Template): Record<string, { Type: string }> =>
    template.toJSON()['Resources'] as Record<string, { Type: string }>;
  const others = Object.entries(resources(outboxStack().template())).filter(
    ([, { Type }]) => !Type.startsWith('AWS::CloudWatch::'),
  );
  expect(resources(bare.template())).toEqual(Object.fromEntries(others));
});

test('the metrics of an outbox carry its name', () => {
  const { outbox } = outboxStack(() => ({ outboxName: 'orders' }));
  expect(outbox.metricRelay('commitToAckLatency')).toMatchObject({
    namespace: 'DynamoDBOutbox',
    metricName: 'CommitToAckLatency',
    dimensions: { Outbox: 'orders', service: 'outbox-relay' },
    statistic: 'p99',
  });
  expect(outbox.metricRelay('publishedEvents', { period: Duration.minutes(1) })).toMatchObject({
    statistic: 'Sum',
    period: Duration.minutes(1),
  });
  expect(outbox.metricSweeper('parkedItems')).toMatchObject({
    metricName: 'ItemsParked',
    dimensions: { Outbox: 'orders', service: 'outbox-sweeper' },
    statistic: 'Maximum',
  });
});
