import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { mockClient } from 'aws-sdk-client-mock';
import { readAlarms, alarmsWithoutNotification, namedInRule, type DeployedAlarm } from '../../../lib/operate/alarms';
import { pageTest, planPageTest } from '../../../lib/operate/page-test';
import { FakeCloudWatch } from './fake-cloudwatch';

const ARN = 'arn:aws:cloudwatch:eu-west-1:111122223333:alarm:';
const PAGE = 'arn:aws:sns:eu-west-1:111122223333:page';
const TICKET = 'arn:aws:sns:eu-west-1:111122223333:ticket';
const anAlarm = (name: string, more: Partial<DeployedAlarm> = {}): DeployedAlarm => ({
  name,
  state: 'OK',
  stateSetAt: Date.UTC(2025, 0, 1),
  actions: [],
  ...more,
});
const anyOf = (...names: string[]): string => names.map((name) => `ALARM("${ARN}${name}")`).join(' OR ');

/** The alarms as `Outbox` creates them. */
const deployed = (): DeployedAlarm[] => [
  anAlarm('O-relay-behind'),
  anAlarm('O-edge', { actions: [PAGE] }),
  anAlarm('O-late-long'),
  anAlarm('O-late', { rule: `ALARM("O-late-long") AND ALARM("O-late-short")` }),
  anAlarm('O-late-short'),
  anAlarm('O-held', { state: 'INSUFFICIENT_DATA' }),
  anAlarm('O-page', { actions: [PAGE], rule: anyOf('O-late', 'O-edge', 'O-relay-behind') }),
  anAlarm('O-ticket', { actions: [TICKET], rule: anyOf('O-held') }),
];
const FAST = { timeoutMs: 50, pollMs: 1, by: 'the test' };

test('a rule names alarms by ARN or by name, quoted or not', () => {
  expect(namedInRule(`ALARM("${ARN}a") OR ALARM(b) AND NOT OK('c') OR ALARM('d e')`)).toEqual(['a', 'b', 'd e']);
  expect(namedInRule('FALSE')).toEqual([]);
});

test('an alarm is heard of by itself, or through composite alarms, however deep', () => {
  expect(alarmsWithoutNotification(deployed())).toEqual([]);
  const mute = deployed().map((alarm) => (alarm.name === 'O-page' ? { ...alarm, actions: [] } : alarm));
  expect(alarmsWithoutNotification(mute).map(({ name }) => name)).toEqual([
    'O-relay-behind',
    'O-late-long',
    'O-late',
    'O-late-short',
    'O-page',
  ]);
});

test('disabled actions notify nobody', async () => {
  const client = new CloudWatchClient({ region: 'eu-west-1' });
  mockClient(client)
    .on(DescribeAlarmsCommand, { AlarmNamePrefix: 'O-' })
    .resolves({ MetricAlarms: [{ AlarmName: 'O-edge', AlarmActions: [PAGE], ActionsEnabled: false }] });
  expect(await readAlarms(client, 'O-')).toEqual([anAlarm('O-edge', { state: 'INSUFFICIENT_DATA', stateSetAt: 0 })]);
});

test('a composite alarm is set off by a metric alarm that it gathers and that notifies nobody itself', () => {
  expect(planPageTest(deployed())).toEqual({
    paths: [
      { alarm: 'O-edge', topics: [PAGE], trigger: 'O-edge', stateBefore: 'OK' },
      { alarm: 'O-page', topics: [PAGE], trigger: 'O-relay-behind', stateBefore: 'OK' },
      { alarm: 'O-ticket', topics: [TICKET], trigger: 'O-held', stateBefore: 'INSUFFICIENT_DATA' },
    ],
    untested: [],
  });
});

test('an alarm that stands is left alone, and one that nothing sets off alone', () => {
  const { paths, untested } = planPageTest([
    anAlarm('O-page', { state: 'ALARM', actions: [PAGE], rule: anyOf('O-edge') }),
    anAlarm('O-both', { actions: [PAGE], rule: 'ALARM(a) AND ALARM(b)' }),
    anAlarm('O-edge', { actions: [PAGE] }),
    anAlarm('O-gathers', { actions: [PAGE], rule: anyOf('O-edge') }),
    anAlarm('O-lambda', { actions: ['arn:aws:lambda:eu-west-1:111122223333:function:f'] }),
  ]);
  expect(paths.map(({ alarm }) => alarm)).toEqual(['O-edge']);
  expect(untested.map(({ alarm, why }) => `${alarm}: ${why}`)).toEqual([
    'O-page: it is in alarm already, so that it would not notify again',
    'O-both: its rule needs more than one alarm',
    'O-gathers: it gathers no metric alarm without actions of its own',
  ]);
});

test('every path goes off, notifies and clears, and every trigger gets its state back', async () => {
  const cloudwatch = new FakeCloudWatch(deployed());
  const before = cloudwatch.alarms.map(({ name, state }) => [name, state]);

  const results = await pageTest(cloudwatch.client, planPageTest(cloudwatch.alarms), FAST);

  expect(results.map(({ alarm, fired, cleared, notices }) => ({ alarm, fired, cleared, notices }))).toEqual([
    { alarm: 'O-edge', fired: true, cleared: true, notices: [{ topic: PAGE, state: 'sent' }] },
    { alarm: 'O-page', fired: true, cleared: true, notices: [{ topic: PAGE, state: 'sent' }] },
    { alarm: 'O-ticket', fired: true, cleared: true, notices: [{ topic: TICKET, state: 'sent' }] },
  ]);
  // The command never sets a composite alarm: it might not return to its state.
  expect(cloudwatch.set.some((change) => /O-page|O-ticket/.test(change))).toBe(false);
  const after = cloudwatch.alarms.map(({ name, state }) => [name, state]);
  expect(after).toEqual(before);
});

test('a topic that CloudWatch may not publish to is told, with its words', async () => {
  const cloudwatch = new FakeCloudWatch(deployed());
  cloudwatch.closed.add(TICKET);
  const results = await pageTest(cloudwatch.client, planPageTest(cloudwatch.alarms), FAST);
  expect(results.find(({ alarm }) => alarm === 'O-ticket')).toMatchObject({
    fired: true,
    notices: [{ state: 'refused', why: expect.stringContaining('not authorized') }],
  });
});

test('a notice of an earlier day proves nothing', async () => {
  const cloudwatch = new FakeCloudWatch(deployed());
  const [plan] = [planPageTest(cloudwatch.alarms)];
  await pageTest(cloudwatch.client, plan, FAST);
  cloudwatch.stuck.add('O-page');
  const results = await pageTest(cloudwatch.client, planPageTest(cloudwatch.alarms), FAST);
  expect(results.find(({ alarm }) => alarm === 'O-page')).toMatchObject({
    fired: false,
    notices: [{ topic: PAGE, state: 'unseen' }],
  });
});

test('whatever fails in between, the triggers get their states back', async () => {
  const cloudwatch = new FakeCloudWatch(deployed());
  const plan = planPageTest(cloudwatch.alarms);
  const broken = pageTest(cloudwatch.client, plan, {
    ...FAST,
    onProgress: () => {
      throw new Error('the terminal is gone');
    },
  });
  await expect(broken).rejects.toThrow('the terminal is gone');
  expect(cloudwatch.set.slice(-3)).toEqual(['O-edge: OK', 'O-relay-behind: OK', 'O-held: INSUFFICIENT_DATA']);
});
