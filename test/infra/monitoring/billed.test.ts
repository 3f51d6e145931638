import { MONITORING } from '../../../lib/operate/cost';
import { outboxStack, propertiesOf } from '../stack';
import { compositeAlarms, metricAlarms, metricsOf } from './template';

test('`outbox cost` counts the alarms that the construct makes', () => {
  const template = outboxStack().template();
  const { alarmMetrics, compositeAlarms: composite, dashboards } = MONITORING;
  expect({ alarmMetrics, composite, dashboards }).toEqual({
    // CloudWatch bills an alarm by its number of metrics.
    alarmMetrics: Object.values(metricAlarms(template)).flatMap(metricsOf).length,
    composite: Object.keys(compositeAlarms(template)).length,
    dashboards: propertiesOf(template, 'AWS::CloudWatch::Dashboard').length,
  });
});
