import {
  DescribeAlarmHistoryCommand,
  SetAlarmStateCommand,
  type AlarmHistoryItem,
  type CloudWatchClient,
} from '@aws-sdk/client-cloudwatch';
import { describeAlarms, isSnsTopic, namedInRule, type DeployedAlarm } from './alarms';
import { wait } from '../timing/wait';

/** How one alarm that notifies is set off. A composite alarm is set off by one of the alarms in its rule. */
export interface PagePath {
  /** The alarm that notifies. */
  readonly alarm: string;
  readonly topics: readonly string[];
  /** The metric alarm whose state is set. */
  readonly trigger: string;
  /** The state of the trigger before the test, which it gets back. */
  readonly stateBefore: DeployedAlarm['state'];
}

/** The alarms that a page test sets off. */
export interface PagePlan {
  readonly paths: readonly PagePath[];
  /** Alarms that notify a topic and are not tested. */
  readonly untested: readonly { readonly alarm: string; readonly why: string }[];
}

/**
 * `sent`: CloudWatch has published to the topic. `refused`: CloudWatch was not allowed to. `unseen`: the history of the
 * alarm did not show it in time.
 */
export type NoticeState = 'sent' | 'refused' | 'unseen';

/** The result of one path. */
export interface PageResult extends PagePath {
  readonly fired: boolean;
  readonly cleared: boolean;
  readonly notices: readonly { readonly topic: string; readonly state: NoticeState; readonly why?: string }[];
}

/** How long a page test may take, and how it reports progress. */
export interface PageTestOptions {
  /** Milliseconds for each of three waits: to go off, to notify, to clear. Default one minute. */
  readonly timeoutMs?: number;
  /** Milliseconds between two polls. Default two seconds. */
  readonly pollMs?: number;
  /** The name of the caller, for the reason of the alarm state. */
  readonly by: string;
  /** Called with what the test waits for. */
  readonly onProgress?: (doing: string) => void;
}

/** Decides how each alarm that notifies can be set off, and which cannot. Changes nothing. */
export function planPageTest(alarms: readonly DeployedAlarm[]): PagePlan {
  const byName = new Map(alarms.map((alarm) => [alarm.name, alarm]));
  const paths: PagePath[] = [];
  const untested: { alarm: string; why: string }[] = [];
  for (const alarm of alarms) {
    const topics = alarm.actions.filter(isSnsTopic);
    if (topics.length === 0) continue;
    const trigger = triggerOf(alarm, byName);
    if (typeof trigger === 'string') untested.push({ alarm: alarm.name, why: trigger });
    else paths.push({ alarm: alarm.name, topics, trigger: trigger.name, stateBefore: trigger.state });
  }
  return { paths, untested };
}

/** A metric alarm returns to its true state by itself; a composite alarm that was set by hand might not. */
function triggerOf(alarm: DeployedAlarm, byName: ReadonlyMap<string, DeployedAlarm>): DeployedAlarm | string {
  if (alarm.state === 'ALARM') return 'it is in alarm already, so that it would not notify again';
  if (alarm.rule === undefined) return alarm;
  if (/\b(AND|NOT)\b/.test(alarm.rule)) return 'its rule needs more than one alarm';
  const children = namedInRule(alarm.rule).map((name) => byName.get(name));
  return (
    children.find((child) => child !== undefined && child.rule === undefined && child.actions.length === 0) ??
    'it gathers no metric alarm without actions of its own'
  );
}

/**
 * Sets one metric alarm of each path to ALARM and back, and reads in CloudWatch's history whether it could publish to
 * the topics. People are notified. Only a person can tell whether the notice arrived.
 *
 * Resolves after it has set the states back and waited for the alarms to clear. If the process ends before, nothing
 * stays behind: CloudWatch evaluates a metric alarm again within its period, and restores its true state.
 */
export async function pageTest(
  client: CloudWatchClient,
  plan: PagePlan,
  options: PageTestOptions,
): Promise<readonly PageResult[]> {
  const { paths } = plan;
  const { timeoutMs = 60_000, pollMs = 2_000, by, onProgress } = options;
  const set = (state: 'ALARM' | 'before', path: PagePath): Promise<unknown> =>
    client.send(
      new SetAlarmStateCommand({
        AlarmName: path.trigger,
        StateValue: state === 'ALARM' ? 'ALARM' : path.stateBefore,
        StateReason: `Test of the notification by ${by}: nothing is wrong.`,
      }),
    );
  const names = paths.map(({ alarm }) => alarm);
  const former = await statesOf(client, names);
  const formerlySetAt = (alarm: string): number => former.get(alarm)?.stateSetAt ?? 0;
  let fired: States;
  let notices: ReadonlyMap<string, PageResult['notices']>;
  try {
    for (const path of paths) await set('ALARM', path);
    // A newer state time counts too: the true state of a metric may be back before the first poll.
    fired = await watch(
      (found) => found.filter(({ name, state, stateSetAt }) => state === 'ALARM' || stateSetAt > formerlySetAt(name)),
      'go off',
    );
    notices = await noticesOf(paths.filter(({ alarm }) => fired.has(alarm)));
  } finally {
    // A failure here is harmless: CloudWatch restores the state by itself, and the wait below shows it.
    await Promise.allSettled(paths.map((path) => set('before', path)));
  }
  const cleared = await watch((found) => found.filter(({ state }) => state !== 'ALARM'), 'clear');
  return paths.map((path) => ({
    ...path,
    fired: fired.has(path.alarm),
    cleared: cleared.has(path.alarm),
    notices: notices.get(path.alarm) ?? path.topics.map((topic) => ({ topic, state: 'unseen' as const })),
  }));

  async function watch(settled: (found: readonly DeployedAlarm[]) => DeployedAlarm[], what: string) {
    const done = new Map<string, DeployedAlarm>();
    await repeat(async () => {
      for (const state of settled([...(await statesOf(client, names)).values()])) done.set(state.name, state);
      onProgress?.(`${done.size} of ${names.length} alarms ${what}`);
      return done.size === names.length;
    });
    return done;
  }

  async function noticesOf(gone: readonly PagePath[]): Promise<Map<string, PageResult['notices']>> {
    const found = new Map<string, PageResult['notices']>();
    await repeat(async () => {
      for (const path of gone) {
        const history = await historyOf(client, path.alarm);
        const { state, stateSetAt = 0 } = fired.get(path.alarm) ?? {};
        // An action follows its state. If that state is over already, only the time of the former state is known.
        const since = state === 'ALARM' ? stateSetAt - 1_000 : formerlySetAt(path.alarm) + 1_000;
        found.set(
          path.alarm,
          path.topics.map((topic) => ({ topic, ...noticeOf(history, topic, since) })),
        );
      }
      const all = [...found.values()].flat();
      const told = all.filter(({ state }) => state !== 'unseen').length;
      onProgress?.(`CloudWatch has told of ${told} of ${all.length} notices`);
      return told === all.length;
    });
    return found;
  }

  async function repeat(look: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!(await look()) && Date.now() < end) await wait(pollMs);
  }
}

type States = ReadonlyMap<string, DeployedAlarm>;

async function statesOf(client: CloudWatchClient, names: readonly string[]): Promise<States> {
  if (names.length === 0) return new Map();
  // DescribeAlarms takes at most 100 names. No outbox has more alarms that notify.
  const found = await describeAlarms(client, { AlarmNames: names.slice(0, 100), MaxRecords: 100 });
  return new Map(found.map((alarm) => [alarm.name, alarm]));
}

async function historyOf(client: CloudWatchClient, alarm: string): Promise<readonly AlarmHistoryItem[]> {
  const { AlarmHistoryItems = [] } = await client.send(
    new DescribeAlarmHistoryCommand({
      AlarmName: alarm,
      AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
      HistoryItemType: 'Action',
      ScanBy: 'TimestampDescending',
      MaxRecords: 20,
    }),
  );
  return AlarmHistoryItems;
}

/** The newest action on the topic after `since`. The summary of an item shows success or failure. */
function noticeOf(
  history: readonly AlarmHistoryItem[],
  topic: string,
  since: number,
): { state: NoticeState; why?: string } {
  const item = history.find(
    ({ HistorySummary: summary = '', Timestamp }) => summary.includes(topic) && (Timestamp?.getTime() ?? 0) > since,
  );
  const { HistorySummary: summary = '' } = item ?? {};
  if (/^success/i.test(summary)) return { state: 'sent' };
  return /fail/i.test(summary) ? { state: 'refused', why: summary } : { state: 'unseen' };
}
