import {
  GetBootstrapBrokersCommand,
  KafkaClient,
  ListClustersV2Command,
  ListNodesCommand,
  type GetBootstrapBrokersCommandOutput,
} from '@aws-sdk/client-kafka';
import { mockClient } from 'aws-sdk-client-mock';
import type { DeployedAlarm } from '../../../../lib/operate/alarms';
import { brokersOf, type KafkaFunction } from '../../../../lib/operate/doctor/read-brokers';
import { checkBrokers } from '../../../../lib/operate/doctor/check-brokers';
import { checkAlarms, checkTopics } from '../../../../lib/operate/doctor/check-notices';
import { type CheckResult, known } from '../../../../lib/operate/doctor/lookup';
import { aTopic, TOPIC_ARN } from '../../../builders/deployment';

const client = new KafkaClient({ region: 'eu-west-1' });
const kafka = mockClient(client);
const DOMAIN = 'shop.a1b2c3.c4.kafka.eu-west-1.amazonaws.com';
const broker = (n: number, port = 9098): string => `b-${n}.${DOMAIN}:${port}`;
const SERVERLESS = 'boot-x1y2z3.c2.kafka-serverless.eu-west-1.amazonaws.com:9098';

/** The account's clusters: one with brokers, one serverless, and one in creation. */
function account(iam: readonly number[], nodes: readonly number[] = iam): void {
  kafka.reset();
  const answers: Readonly<Record<string, Partial<GetBootstrapBrokersCommandOutput>>> = {
    shop: {
      BootstrapBrokerStringSaslIam: iam.map((n) => broker(n)).join(','),
      BootstrapBrokerStringTls: iam.map((n) => broker(n, 9094)).join(','),
    },
    small: { BootstrapBrokerStringSaslIam: SERVERLESS },
  };
  kafka
    .on(ListClustersV2Command)
    .resolves({
      ClusterInfoList: [
        { ClusterName: 'new', ClusterArn: 'new', State: 'CREATING', ClusterType: 'PROVISIONED' },
        { ClusterName: 'small', ClusterArn: 'small', State: 'ACTIVE', ClusterType: 'SERVERLESS' },
        { ClusterName: 'shop', ClusterArn: 'shop', State: 'ACTIVE', ClusterType: 'PROVISIONED' },
      ],
    })
    .on(GetBootstrapBrokersCommand)
    .callsFake(({ ClusterArn }) => answers[ClusterArn as string])
    .on(ListNodesCommand)
    .resolves({ NodeInfoList: nodes.map((n) => ({ BrokerNodeInfo: { Endpoints: [`b-${n}.${DOMAIN}`] } })) });
}

const aFunction = (brokers: readonly string[], more: Partial<KafkaFunction> = {}): KafkaFunction => ({
  functionName: 'relay',
  brokers,
  auth: { kind: 'iam' },
  ...more,
});

async function checked(...functions: readonly KafkaFunction[]): Promise<CheckResult> {
  const fact = await brokersOf(client, functions);
  if ('because' in fact) throw new Error(fact.because);
  return checkBrokers(fact.value);
}

describe('the brokers that a function was told, beside those that MSK names now', () => {
  test('are right when they are the same', async () => {
    account([1, 2, 3]);
    expect(await checked(aFunction([broker(1), broker(2), broker(3)]))).toMatchObject({
      verdict: 'ok',
      found: 'relay: its 3 brokers are brokers of shop now',
    });
  });

  test('are right when MSK just names three others of many', async () => {
    account([4, 5, 6], [1, 2, 3, 4, 5, 6]);
    expect((await checked(aFunction([broker(1), broker(2)]))).verdict).toBe('ok');
  });

  test('may be fewer than they were, and then --force is what helps', async () => {
    account([1, 2]);
    const { verdict, found, remedy } = await checked(aFunction([broker(1), broker(3)]));
    expect(verdict).toBe('warn');
    expect(found).toContain(`relay: ${broker(3)} of its brokers are not of shop now`);
    expect(remedy).toContain('--force');
  });

  test('reach nothing when none of them is left, or their port is that of another login', async () => {
    account([4, 5, 6]);
    expect((await checked(aFunction([broker(1), broker(2)]))).verdict).toBe('wrong');
    account([1, 2]);
    expect((await checked(aFunction([broker(1, 9094), broker(2, 9094)]))).verdict).toBe('wrong');
    expect(await checked(aFunction([broker(1)], { auth: { kind: 'scram', secretArn: 'x' } }))).toMatchObject({
      verdict: 'wrong',
      found: 'relay: cluster shop has no brokers for its kind of login',
    });
  });

  test('are compared for every function, and the one that differs is named', async () => {
    account([1, 2]);
    const shipping = aFunction([broker(9)], { functionName: 'shipping' });
    const { verdict, found } = await checked(aFunction([broker(1)]), shipping, aFunction([SERVERLESS]));
    expect({ verdict, names: found.match(/relay:|shipping:/g) }).toEqual({ verdict: 'wrong', names: ['shipping:'] });
  });

  test('are not compared where MSK is not asked, and that is said', async () => {
    account([1]);
    expect(await checked(aFunction(['kafka.example.com:9092']))).toMatchObject({
      verdict: 'ok',
      found: 'relay: brokers that are not of Amazon MSK, so nothing to compare them with',
    });
    const elsewhere = aFunction(['b-1.theirs.z9.c1.kafka.eu-west-1.amazonaws.com:9098']);
    expect(await checked(elsewhere)).toMatchObject({
      verdict: 'unknown',
      found: 'relay: no cluster of this account and Region has brokers of theirs.z9.c1.kafka.eu-west-1.amazonaws.com',
    });
    kafka.on(ListClustersV2Command).rejects(Object.assign(new Error('no'), { name: 'AccessDeniedException' }));
    expect(await checked(aFunction([broker(1)]))).toMatchObject({
      verdict: 'unknown',
      found: 'relay: AccessDeniedException: no',
    });
  });
});

const anAlarm = (name: string, actions: readonly string[] = [], rule?: string): DeployedAlarm => ({
  ...{ name, actions, rule },
  state: 'OK',
  stateSetAt: 0,
});
const alarmsAre = (...alarms: readonly DeployedAlarm[]): CheckResult => checkAlarms({ namePrefix: 'Orders-', alarms });

test('alarms of which nobody hears are told', () => {
  expect(alarmsAre()).toMatchObject({ verdict: 'warn', found: 'there is none whose name begins with Orders-' });
  expect(alarmsAre(anAlarm('Orders-a'), anAlarm('Orders-page', [], 'ALARM(Orders-a)'))).toMatchObject({
    verdict: 'warn',
    found: '2 alarms, and none has a notification',
  });
  expect(alarmsAre(anAlarm('Orders-a'), anAlarm('Orders-b', [TOPIC_ARN]))).toMatchObject({
    verdict: 'warn',
    found: 'no notification for Orders-a',
  });
  expect(alarmsAre(anAlarm('Orders-a'), anAlarm('Orders-page', [TOPIC_ARN], 'ALARM(Orders-a)'))).toMatchObject({
    verdict: 'ok',
  });
});

const topicIs = (changed: Record<string, string>): CheckResult =>
  checkTopics([{ arn: TOPIC_ARN, attributes: known(aTopic(changed)) }]);
const policy = (...statements: readonly object[]): string => JSON.stringify({ Statement: statements });
const PUBLISH = { Effect: 'Allow', Action: 'sns:Publish' };

test.each<[string, Record<string, string>, CheckResult['verdict'], RegExp]>([
  ['a confirmed subscription', {}, 'ok', /1 confirmed subscriptions.*--page-test/],
  ['one that waits beside it', { SubscriptionsPending: '2' }, 'warn', /2 of its subscriptions wait/],
  [
    'one that waits alone',
    { SubscriptionsConfirmed: '0', SubscriptionsPending: '1' },
    'warn',
    /all 1 of its subscriptions wait for their confirmation: no notice arrives/,
  ],
  ['no subscription', { SubscriptionsConfirmed: '0' }, 'warn', /it has no subscription/],
  ['the key of AWS', { KmsMasterKeyId: 'alias/aws/sns' }, 'wrong', /which CloudWatch may not use/],
  ['a key of your own', { KmsMasterKeyId: 'alias/pages' }, 'ok', /confirmed/],
  ['a policy that denies alone', { Policy: policy({ ...PUBLISH, Effect: 'Deny', Principal: '*' }) }, 'wrong', /policy/],
  [
    'a policy for others',
    { Policy: policy({ ...PUBLISH, Principal: { Service: 's3.amazonaws.com' } }) },
    'wrong',
    /policy/,
  ],
  [
    'a policy for CloudWatch',
    { Policy: policy({ ...PUBLISH, Principal: { Service: ['cloudwatch.amazonaws.com'] } }) },
    'ok',
    /./,
  ],
  ['a policy that nobody can read', { Policy: '{' }, 'ok', /./],
])('a topic with %s', (_, changed, verdict, found) => {
  expect(topicIs(changed)).toMatchObject({ verdict, found: expect.stringMatching(found) });
});

test('a topic that is gone is wrong, and one that may not be looked at is unknown', () => {
  expect(checkTopics([{ arn: TOPIC_ARN, attributes: known(undefined) }])).toMatchObject({ verdict: 'wrong' });
  const gone = { arn: 'gone', attributes: known(undefined) };
  expect(checkTopics([gone, { arn: TOPIC_ARN, attributes: { because: 'denied' } }])).toMatchObject({
    verdict: 'wrong',
    found: `gone: there is no such topic; ${TOPIC_ARN}: denied`,
  });
  expect(checkTopics([])).toMatchObject({ verdict: 'unknown', found: 'no alarm notifies an SNS topic' });
});
