import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  SetAlarmStateCommand,
  type AlarmHistoryItem,
} from '@aws-sdk/client-cloudwatch';
import { mockClient } from 'aws-sdk-client-mock';
import { namedInRule, type DeployedAlarm } from '../../../lib/operate/alarms';

/** CloudWatch for page tests: a composite alarm follows its rule, and a state change notifies. */
export class FakeCloudWatch {
  readonly client = new CloudWatchClient({ region: 'eu-west-1' });
  /** Topics that CloudWatch may not publish to. */
  readonly closed = new Set<string>();
  /** Composite alarms that do not follow their rule. */
  readonly stuck = new Set<string>();
  readonly set: string[] = [];
  readonly #alarms: Map<string, DeployedAlarm>;
  readonly #history: AlarmHistoryItem[] = [];
  #now = Date.UTC(2026, 0, 1);

  constructor(alarms: readonly DeployedAlarm[]) {
    this.#alarms = new Map(alarms.map((alarm) => [alarm.name, alarm]));
    const mock = mockClient(this.client);
    mock.on(DescribeAlarmsCommand).callsFake(({ AlarmNames, AlarmNamePrefix = '' }) => {
      const names = AlarmNames as string[] | undefined;
      const found = this.alarms.filter(
        ({ name }) => names?.includes(name) ?? name.startsWith(AlarmNamePrefix as string),
      );
      return {
        MetricAlarms: found.filter(({ rule }) => rule === undefined).map(asDescribed),
        CompositeAlarms: found.filter(({ rule }) => rule !== undefined).map(asDescribed),
      };
    });
    mock.on(SetAlarmStateCommand).callsFake(({ AlarmName, StateValue }) => {
      this.set.push(`${AlarmName as string}: ${StateValue as string}`);
      this.#change(AlarmName as string, StateValue as DeployedAlarm['state']);
      return {};
    });
    mock.on(DescribeAlarmHistoryCommand).callsFake(({ AlarmName }) => ({
      AlarmHistoryItems: this.#history.filter((item) => item.AlarmName === AlarmName).toReversed(),
    }));
  }

  get alarms(): DeployedAlarm[] {
    return [...this.#alarms.values()];
  }

  #change(name: string, state: DeployedAlarm['state']): void {
    const before = this.#alarms.get(name);
    if (before === undefined) throw new Error(`there is no alarm ${name}`);
    if (before.state === state) return;
    this.#now += 5_000;
    this.#alarms.set(name, { ...before, state, stateSetAt: this.#now });
    for (const topic of before.actions) {
      this.#history.push({
        AlarmName: name,
        Timestamp: new Date(this.#now + 5),
        HistorySummary: this.closed.has(topic)
          ? `Failed to execute action ${topic}. Received error: "not authorized"`
          : `Successfully executed action ${topic}`,
      });
    }
    for (const composite of this.alarms.filter(({ rule }) => namedInRule(rule).includes(name))) {
      if (this.stuck.has(composite.name)) continue;
      const goesOff = namedInRule(composite.rule).some((child) => this.#alarms.get(child)?.state === 'ALARM');
      this.#change(composite.name, goesOff ? 'ALARM' : 'OK');
    }
  }
}

const asDescribed = ({ name, state, stateSetAt, actions, rule }: DeployedAlarm) => ({
  AlarmName: name,
  StateValue: state,
  StateUpdatedTimestamp: new Date(stateSetAt),
  ActionsEnabled: true,
  AlarmActions: [...actions],
  AlarmRule: rule,
});
