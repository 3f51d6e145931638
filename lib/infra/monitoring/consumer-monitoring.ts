import type { AlarmBase } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { makeAlarm } from './alarm';
import { consumerAlarmsOf } from './consumer-alarms';
import { consumerDashboard, consumerRows } from './consumer-dashboard';
import type { ResolvedConsumerMonitoring } from './consumer-options';
import { GatheredAlarms } from './gathered-alarms';
import type { MonitoredConsumer } from './subject';

export interface ConsumerMonitoringProps {
  readonly consumer: MonitoredConsumer;
  readonly options: ResolvedConsumerMonitoring;
}

/** The alarms of a consumer, gathered with those of an outbox or by themselves, and its dashboard. */
export class ConsumerMonitoring extends Construct {
  /** The composite alarms of the outbox, or the consumer's own. */
  readonly gathered: GatheredAlarms;

  constructor(scope: Construct, id: string, props: ConsumerMonitoringProps) {
    super(scope, id);
    const { consumer, options } = props;
    const { outbox, pageTopic, ticketTopic, runbookBaseUrl = outbox?.runbookBaseUrl } = options;
    const texts = { prefix: consumer.consumerName, runbookBaseUrl };
    this.gathered = outbox ?? new GatheredAlarms(this, 'Alarms', { ...texts, pageTopic, ticketTopic });
    const alarms: AlarmBase[] = [];
    for (const spec of consumerAlarmsOf(consumer, options)) {
      const alarm = makeAlarm(this, spec, texts);
      this.gathered.watch(spec.severity, alarm);
      alarms.push(alarm);
    }
    if (!options.dashboard) return;
    if (outbox === undefined) consumerDashboard(this, consumer, options, alarms);
    else for (const row of consumerRows(consumer, options)) outbox.dashboard?.addWidgets(...row);
  }
}
