import { paginateDescribeAlarms, type CloudWatchClient } from '@aws-sdk/client-cloudwatch';

/** An alarm as CloudWatch has it, as far as it matters who hears of it. */
export interface DeployedAlarm {
  readonly name: string;
  readonly state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
  /** Epoch milliseconds, by CloudWatch's clock: when it was last set. */
  readonly stateSetAt: number;
  /** What is done when it goes off; empty while its actions are disabled. */
  readonly actions: readonly string[];
  /** Of a composite alarm. */
  readonly rule?: string;
}

/** Every alarm whose name begins so, metric alarms and composite ones. */
export async function readAlarms(client: CloudWatchClient, namePrefix: string): Promise<DeployedAlarm[]> {
  const pages = paginateDescribeAlarms(
    { client },
    { AlarmNamePrefix: namePrefix, AlarmTypes: ['MetricAlarm', 'CompositeAlarm'] },
  );
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

/** The alarms of an outbox begin with its name: see `makeAlarm` of lib/infra. */
export const alarmPrefix = (outboxName: string): string => `${outboxName}-`;

export const isSnsTopic = (action: string): boolean => /^arn:[^:]+:sns:/.test(action);

/** The names of the alarms that a composite alarm goes off with; a rule names them or their ARNs. */
export const namedInRule = (rule = ''): string[] =>
  [...rule.matchAll(/\bALARM\(\s*["']?([^"')]+?)["']?\s*\)/g)].map(([, alarm = '']) =>
    alarm.replace(/^arn:.*:alarm:/, ''),
  );

/** Alarms of which nobody hears: neither by an action of their own nor by a composite alarm that somebody hears of. */
export function unheardAlarms(alarms: readonly DeployedAlarm[]): DeployedAlarm[] {
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
