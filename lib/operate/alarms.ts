import {
  paginateDescribeAlarms,
  type CloudWatchClient,
  type DescribeAlarmsCommandInput,
} from '@aws-sdk/client-cloudwatch';

/** An alarm as CloudWatch describes it: the fields that decide whether it notifies a person. */
export interface DeployedAlarm {
  readonly name: string;
  readonly state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
  /** Epoch milliseconds, by CloudWatch's clock: when the state was last set. */
  readonly stateSetAt: number;
  /** The actions on ALARM; empty while the actions of the alarm are disabled. */
  readonly actions: readonly string[];
  /** The rule of a composite alarm. */
  readonly rule?: string;
}

/** Returns every metric alarm and composite alarm whose name begins with the prefix. */
export function readAlarms(client: CloudWatchClient, namePrefix: string): Promise<DeployedAlarm[]> {
  return describeAlarms(client, { AlarmNamePrefix: namePrefix });
}

export async function describeAlarms(
  client: CloudWatchClient,
  selection: Pick<DescribeAlarmsCommandInput, 'AlarmNamePrefix' | 'AlarmNames' | 'MaxRecords'>,
): Promise<DeployedAlarm[]> {
  const pages = paginateDescribeAlarms({ client }, { ...selection, AlarmTypes: ['MetricAlarm', 'CompositeAlarm'] });
  const found: DeployedAlarm[] = [];
  for await (const { MetricAlarms = [], CompositeAlarms = [] } of pages) {
    for (const alarm of [...MetricAlarms, ...CompositeAlarms]) {
      const {
        AlarmName: name = '',
        StateValue: state = 'INSUFFICIENT_DATA',
        ActionsEnabled,
        AlarmActions = [],
      } = alarm;
      found.push({
        name,
        state: state === 'OK' || state === 'ALARM' ? state : 'INSUFFICIENT_DATA',
        stateSetAt: alarm.StateUpdatedTimestamp?.getTime() ?? 0,
        actions: ActionsEnabled === false ? [] : AlarmActions,
        rule: 'AlarmRule' in alarm ? alarm.AlarmRule : undefined,
      });
    }
  }
  return found;
}

/** The alarms of an outbox begin with its name: see `makeAlarm` in lib/infra. */
export const alarmPrefix = (outboxName: string): string => `${outboxName}-`;

export const isSnsTopic = (action: string): boolean => /^arn:[^:]+:sns:/.test(action);

/** The names of the alarms in the rule of a composite alarm. A rule names an alarm by its name or by its ARN. */
export const namedInRule = (rule = ''): string[] =>
  [...rule.matchAll(/\bALARM\(\s*["']?([^"')]+?)["']?\s*\)/g)].map(([, alarm = '']) =>
    alarm.replace(/^arn:.*:alarm:/, ''),
  );

/** Alarms that send no notice: neither they nor a composite alarm above them has an action. */
export function alarmsWithoutNotification(alarms: readonly DeployedAlarm[]): DeployedAlarm[] {
  const heard = new Set<string>();
  const hear = ({ name, rule }: DeployedAlarm): void => {
    if (heard.has(name)) return;
    heard.add(name);
    const named = new Set(namedInRule(rule));
    alarms.filter((alarm) => named.has(alarm.name)).forEach(hear);
  };
  alarms.filter(({ actions }) => actions.length > 0).forEach(hear);
  return alarms.filter(({ name }) => !heard.has(name));
}
