import { Stack, Token } from 'aws-cdk-lib';
import { CfnAlarm, CfnCompositeAlarm, CompositeAlarm, type AlarmBase, type IAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { anyAlarm, makeAlarm, type AlarmSpec, type AlarmTexts, type Severity } from './alarm';
import { letAlarmsPublish, publishProblems } from './alarm-topics';

export interface GatheredAlarmsProps extends AlarmTexts {
  readonly pageTopic?: ITopic;
  readonly ticketTopic?: ITopic;
}

const TOPIC_OPTIONS = ['pageTopic', 'ticketTopic'] as const;

/** Alarms, gathered in the composite alarms `page` and `ticket`, which send the notifications. */
export class GatheredAlarms extends Construct {
  /** Raised while any alarm needs action now. */
  readonly page: CompositeAlarm;
  /** Raised while any alarm needs action on the next working day. */
  readonly ticket: CompositeAlarm;
  /** Base URL of the published runbooks; if `undefined`, alarms name the path in the repository. */
  readonly runbookBaseUrl?: string;

  readonly #props: GatheredAlarmsProps;
  /** The alarms of each composite alarm; synthesis reads them. */
  readonly #gathered: Readonly<Record<Severity, IAlarm[]>> = { page: [], ticket: [] };
  /** All alarms, for the dashboard. */
  protected readonly shown: IAlarm[] = [];

  constructor(scope: Construct, id: string, props: GatheredAlarmsProps) {
    super(scope, id);
    this.#props = props;
    this.runbookBaseUrl = props.runbookBaseUrl;
    for (const option of TOPIC_OPTIONS) letAlarmsPublish(this, option, props[option]);
    this.page = this.#composite('page', 'An engineer must act now.');
    this.ticket = this.#composite('ticket', 'An engineer must act on the next working day.');
    // Validate after the whole app exists: consumers add their alarms after the outbox.
    this.node.addValidation({ validate: () => this.#problems() });
  }

  /** Makes one more alarm and gathers it. */
  addAlarm(spec: AlarmSpec): AlarmBase {
    const alarm = makeAlarm(this, spec, this.#props);
    if (spec.repeats === true) this.#notify(spec.severity, alarm);
    this.watch(spec.severity, alarm);
    return alarm;
  }

  /** Gathers an existing alarm in `page` or `ticket`, and shows its state in the dashboard. */
  watch(severity: Severity, alarm: IAlarm): void {
    this.#gathered[severity].push(alarm);
    this.shown.push(alarm);
  }

  #composite(severity: Severity, alarmDescription: string): CompositeAlarm {
    const composite = new CompositeAlarm(this, severity, {
      compositeAlarmName: `${this.#props.prefix}-${severity}`,
      alarmDescription: `${alarmDescription} The reason names the alarm, whose description names the runbook.`,
      alarmRule: anyAlarm(this.#gathered[severity]),
    });
    this.#notify(severity, composite);
    return composite;
  }

  #notify(severity: Severity, alarm: AlarmBase): void {
    const topic = this.#props[`${severity}Topic`];
    if (topic === undefined) return;
    const action = new SnsAction(topic);
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
  }

  #problems(): string[] {
    return [
      ...TOPIC_OPTIONS.flatMap((option) => publishProblems(this, option, this.#props[option])),
      ...Object.entries(this.#gathered).flatMap(
        ([severity, alarms]) =>
          compositeAlarmProblem(`${this.node.path}/${severity}`, alarms.map(nameOf), Stack.of(this).region) ?? [],
      ),
    ];
  }
}

/** The alarm's name; empty if only CloudFormation knows it. */
function nameOf(alarm: IAlarm): string {
  const resource = alarm.node.defaultChild;
  const name =
    resource instanceof CfnAlarm || resource instanceof CfnCompositeAlarm ? resource.alarmName : alarm.alarmName;
  return name === undefined || Token.isUnresolved(name) ? '' : name;
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html */
const MAX_ALARMS = 100;
const MAX_RULE_LENGTH = 10_240;

/** Why CloudWatch would refuse a composite alarm of alarms with these names; `undefined` if it would not. */
export function compositeAlarmProblem(path: string, names: readonly string[], region: string): string | undefined {
  const length = ruleLength(names, Token.isUnresolved(region) ? 'eu-west-1' : region);
  if (names.length <= MAX_ALARMS && length <= MAX_RULE_LENGTH) return undefined;
  return `The composite alarm ${path} gathers ${names.length} alarms in a rule of about ${length} characters. CloudWatch takes ${MAX_ALARMS} alarms and ${MAX_RULE_LENGTH} characters. Leave "outbox" out of the monitoring of some consumers, which then have composite alarms of their own, or divide the topics of a consumer among several.`;
}

/** A composite alarm names its alarms by their ARNs. */
const ruleLength = (names: readonly string[], region: string): number =>
  names.map((name) => `ALARM("arn:aws:cloudwatch:${region}:111122223333:alarm:${name}")`).join(' OR ').length;
