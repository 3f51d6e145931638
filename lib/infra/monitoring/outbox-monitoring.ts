import { CompositeAlarm, type AlarmBase, type Dashboard, type IAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { anyAlarm, makeAlarm, type AlarmSpec, type Severity } from './alarm';
import { alarmsOf } from './alarms';
import { outboxDashboard } from './dashboard';
import type { ResolvedMonitoring } from './options';
import type { MonitoredOutbox } from './subject';

export interface OutboxMonitoringProps {
  readonly outbox: MonitoredOutbox;
  readonly options: ResolvedMonitoring;
}

/** The alarms of an outbox, gathered in the composite alarms `page` and `ticket`, and its dashboard. */
export class OutboxMonitoring extends Construct {
  /** In alarm while anything needs somebody now. */
  readonly page: CompositeAlarm;
  /** In alarm while anything needs somebody on the next working day. */
  readonly ticket: CompositeAlarm;
  /** Left out when the options say so. */
  readonly dashboard?: Dashboard;

  readonly #options: ResolvedMonitoring;
  readonly #outboxName: string;
  /** What each composite alarm gathers; read as the template is made. */
  readonly #gathered: Readonly<Record<Severity, IAlarm[]>> = { page: [], ticket: [] };
  /** What the dashboard shows the state of. */
  readonly #shown: IAlarm[] = [];

  constructor(scope: Construct, id: string, { outbox, options }: OutboxMonitoringProps) {
    super(scope, id);
    this.#options = options;
    this.#outboxName = outbox.outboxName;
    this.page = this.#composite('page', 'Somebody must act now.');
    this.ticket = this.#composite('ticket', 'Somebody must act on the next working day.');
    for (const spec of alarmsOf(outbox, options.slo)) this.addAlarm(spec);
    if (options.dashboard) this.dashboard = outboxDashboard(this, outbox, options, this.#shown);
  }

  /** Makes an alarm of one more part, such as a consumer, and gathers it. */
  addAlarm(spec: AlarmSpec): AlarmBase {
    const alarm = makeAlarm(this, spec, { outboxName: this.#outboxName, runbookBaseUrl: this.#options.runbookBaseUrl });
    if (spec.repeats === true) notify(alarm, this.#topic(spec.severity));
    this.watch(spec.severity, alarm);
    return alarm;
  }

  /** Gathers an alarm that exists already in `page` or `ticket`, and shows its state in the dashboard. */
  watch(severity: Severity, alarm: IAlarm): void {
    this.#gathered[severity].push(alarm);
    this.#shown.push(alarm);
  }

  #composite(severity: Severity, alarmDescription: string): CompositeAlarm {
    const composite = new CompositeAlarm(this, severity, {
      compositeAlarmName: `${this.#outboxName}-${severity}`,
      alarmDescription: `${alarmDescription} The reason names the alarm, whose description names the runbook.`,
      alarmRule: anyAlarm(this.#gathered[severity]),
    });
    notify(composite, this.#topic(severity));
    return composite;
  }

  #topic(severity: Severity): ITopic | undefined {
    return severity === 'page' ? this.#options.pageTopic : this.#options.ticketTopic;
  }
}

function notify(alarm: AlarmBase, topic: ITopic | undefined): void {
  if (topic === undefined) return;
  const action = new SnsAction(topic);
  alarm.addAlarmAction(action);
  alarm.addOkAction(action);
}
