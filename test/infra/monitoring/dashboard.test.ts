import { Duration } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { METRICS_NAMESPACE, RELAY_METRICS, SWEEPER_METRICS } from '../../../lib/event/metrics';
import { outboxStack } from '../stack';
import { metricsShown, widgetsOf, type Widget } from './template';
import { TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';

const GRID = 24;

const everything = (): Template =>
  outboxStack(() => ({
    sweepInterval: Duration.minutes(10),
    monitoring: {
      slo: { publishWithin: Duration.minutes(1), objective: 0.9999, maxLag: Duration.minutes(30) },
      runbookBaseUrl: 'https://example.com/runbooks/',
      mskClusterName: 'orders',
    },
  })).template();
const variants: [string, () => Template][] = [
  ['of the defaults', () => outboxStack().template()],
  ['with everything set', everything],
];

const titleOf = ({ properties: { title, markdown } }: Widget): string => title ?? markdown ?? '';

describe.each(variants)('the dashboard %s', (_, template) => {
  const widgets = widgetsOf(template());

  test('fills each row to its width, and nothing lies on anything else', () => {
    const rows = Map.groupBy(widgets, ({ y }) => y);
    let end = 0;
    for (const [y, row] of rows) {
      expect(y).toBe(end);
      expect(new Set(row.map(({ height }) => height)).size).toBe(1);
      let right = 0;
      for (const { x, width } of row.toSorted((a, b) => a.x - b.x)) {
        expect(x).toBe(right);
        right += width;
      }
      expect(right).toBe(GRID);
      end += row[0]!.height;
    }
  });

  test('reads from top to bottom', () => {
    const headings = widgets.map(titleOf).filter((title) => title.startsWith('## '));
    expect(headings).toEqual([
      '## Is it healthy?',
      '## What waits?',
      '## Where is time spent?',
      '## What does it cost?',
    ]);
  });

  test('names metrics that exist', () => {
    const own = widgets.flatMap(metricsShown).filter(({ Namespace }) => Namespace === METRICS_NAMESPACE);
    for (const { MetricName, Dimensions } of own) {
      const service = Dimensions!.find(({ Name }) => Name === 'service')!.Value;
      const names = { 'outbox-relay': RELAY_METRICS, 'outbox-sweeper': SWEEPER_METRICS }[String(service)]!;
      expect(Object.values(names)).toContain(MetricName);
    }
  });

  test('shows everything that is emitted', () => {
    const shown = widgets.flatMap(metricsShown).map(({ MetricName }) => MetricName);
    expect(shown).toEqual(expect.arrayContaining([...Object.values(RELAY_METRICS), ...Object.values(SWEEPER_METRICS)]));
  });

  test('looks as it did', () => {
    expect(
      widgets.map((widget) => {
        const metrics = metricsShown(widget).map(({ MetricName }) => MetricName);
        const place = `${widget.x},${widget.y} ${widget.width}x${widget.height}`;
        return [place, titleOf(widget), ...(metrics.length === 0 ? [] : [metrics.join(' ')])].join(' | ');
      }),
    ).toMatchSnapshot();
  });
});

test('the state of every alarm is shown, of those added later too', () => {
  const { outbox, template } = outboxStack();
  const before = outbox.monitoring!;
  before.addAlarm({
    id: 'added',
    severity: 'ticket',
    description: 'Added.',
    runbook: 'added',
    conditions: [
      {
        metric: outbox.metricRelay('outages'),
        breach: { atLeast: 1 },
        treatMissingData: TreatMissingData.NOT_BREACHING,
      },
    ],
  });
  const [status] = widgetsOf(template()).filter(({ type }) => type === 'alarm');
  expect(status!.properties.alarms).toHaveLength(26);
  expect(status!.properties.alarms).toContainEqual(expect.stringContaining('added'));
});

test('one line a broker is shown of a cluster that is named', () => {
  const kafka = widgetsOf(everything()).find((widget) => titleOf(widget) === 'Kafka and marks');
  expect(JSON.stringify(kafka)).toContain('IAMTooManyConnections');
});

test('a dashboard can be left out', () => {
  const { outbox, template } = outboxStack(() => ({ monitoring: { dashboard: false } }));
  template().resourceCountIs('AWS::CloudWatch::Dashboard', 0);
  expect(outbox.monitoring!.dashboard).toBeUndefined();
});

test('the dashboard has no name of ours: dashboards are global, and two regions may have the same outbox', () => {
  outboxStack(() => ({ outboxName: 'orders' }))
    .template()
    .hasResourceProperties('AWS::CloudWatch::Dashboard', { DashboardName: Match.absent() });
});
