import { Duration } from 'aws-cdk-lib';
import type { Template } from 'aws-cdk-lib/assertions';
import { Alarm, Dashboard, GraphWidget, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { AlarmMonitor } from '../../../local/cloudwatch/alarm-monitor';
import { widgetData } from '../../../local/cloudwatch/dashboard';
import { MetricStore } from '../../../local/cloudwatch/metric-store';
import { readMonitoring, type MonitoredTemplate } from '../../../local/cloudwatch/monitoring-template';
import { outboxStack } from '../stack';

const NOW = Date.parse('2026-01-31T08:00:30Z');
const scale = { factor: 60 };
const planted = new Metric({
  namespace: 'Shop',
  metricName: 'Carts',
  dimensionsMap: { Shop: 'one' },
  statistic: 'Sum',
});
const measured = { namespace: 'Shop', name: 'Carts', dimensions: { Shop: 'one' }, values: [7], atMs: NOW - 1_000 };

const read = (template: Template) => readMonitoring(template.toJSON() as MonitoredTemplate, {});

it('every widget of the dashboard can be computed, and every alarm evaluated', () => {
  const { alarms, dashboards } = read(outboxStack().template());
  const store = new MetricStore(60_000);
  const monitor = new AlarmMonitor(alarms, store, scale, NOW - 1);
  monitor.evaluate(NOW);
  const statuses = monitor.statuses(NOW);
  expect(statuses.length).toBeGreaterThan(20);
  expect(statuses.filter(({ state }) => state === 'ALARM')).toEqual([]);
  const widgets = dashboards.flatMap((dashboard) => dashboard.widgets);
  expect(widgets.length).toBeGreaterThan(15);
  for (const widget of widgets) {
    const data = widgetData(widget, { store, scale, alarms: statuses, nowMs: NOW, shownMs: 60_000 });
    expect(data.error).toBeUndefined();
    // Each alarm that the widget names is one of the template.
    if (data.type === 'alarm') expect(data.alarms).toHaveLength((widget.properties['alarms'] as string[]).length);
  }
});

it('shows a widget and an alarm that are added to the stack, with no other change', () => {
  const { stack, template } = outboxStack();
  new Dashboard(stack, 'Planted', {
    widgets: [
      [new GraphWidget({ title: 'Carts', left: [planted.with({ period: Duration.minutes(1), label: 'carts' })] })],
    ],
  });
  new Alarm(stack, 'TooMany', { alarmName: 'too-many-carts', metric: planted, threshold: 5, evaluationPeriods: 1 });
  const { alarms, dashboards } = read(template());
  const store = new MetricStore(60_000);
  store.record(measured);
  const monitor = new AlarmMonitor(alarms, store, scale, NOW - 10_000);
  monitor.evaluate(NOW);
  expect(monitor.statuses(NOW).find(({ name }) => name === 'too-many-carts')).toMatchObject({ state: 'ALARM' });
  const widget = dashboards
    .flatMap((dashboard) => dashboard.widgets)
    .find(({ properties }) => properties['title'] === 'Carts');
  if (widget === undefined) throw new Error('The widget is not in the template.');
  const { lines } = widgetData(widget, { store, scale, alarms: [], nowMs: NOW, shownMs: 60_000 });
  expect(lines).toMatchObject([{ label: 'carts', values: [7] }]);
});
