import type { Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { alarmsOf } from './alarms';
import { outboxDashboard } from './dashboard';
import { GatheredAlarms } from './gathered-alarms';
import type { ResolvedMonitoring } from './options';
import type { MonitoredOutbox } from './subject';

export interface OutboxMonitoringProps {
  readonly outbox: MonitoredOutbox;
  readonly options: ResolvedMonitoring;
}

/** The alarms of an outbox, gathered in the composite alarms `page` and `ticket`, and its dashboard. */
export class OutboxMonitoring extends GatheredAlarms {
  /** `undefined` if `dashboard` is `false`. */
  readonly dashboard?: Dashboard;

  constructor(scope: Construct, id: string, props: OutboxMonitoringProps) {
    const { outbox, options } = props;
    super(scope, id, { prefix: outbox.outboxName, ...options });
    for (const spec of alarmsOf(outbox, options.slo)) this.addAlarm(spec);
    if (options.dashboard) this.dashboard = outboxDashboard(this, outbox, options, this.shown);
  }
}
