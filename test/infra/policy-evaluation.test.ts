import { Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { OutboxCluster } from '../../lib/infra/cluster/outbox-cluster';
import { OutboxTopics } from '../../lib/infra/cluster/outbox-topics';
import { ConsumerInbox } from '../../lib/infra/consumer/consumer-inbox';
import { OutboxConsumer } from '../../lib/infra/consumer/outbox-consumer';
import { Outbox } from '../../lib/infra/outbox/outbox';
import { consumerProps, readableNetwork, stackInRegion } from './consumer-stack';
import { isAllowed, type IamStatement } from './evaluate-policy';
import { CLUSTER_ARN, outboxProps, relayCode } from './stack';

/**
 * Every action that a role needs is allowed, and every action that it must not have is denied. The test evaluates the
 * template's statements with their wildcards and conditions. test/local/permissions.test.ts and
 * kafka-permissions.test.ts record the needed calls.
 */

const tableArn = (name: string): string => `arn:aws:dynamodb:eu-west-1:111122223333:table/${name}`;
const OUTBOX = tableArn('outbox');
const INBOX = tableArn('inbox');
const OTHER = tableArn('other');
const STREAM = `${OUTBOX}/stream/2026-01-01T00:00:00.000`;
const logs = (group: string): string => `arn:aws:logs:eu-west-1:111122223333:log-group:${group}:log-stream:any`;
const CLUSTER = CLUSTER_ARN;
const kafka = (kind: 'topic' | 'group' | 'transactional-id', name: string): string =>
  `${CLUSTER_ARN.replace(':cluster/', `:${kind}/`)}/${name}`;
const otherCluster = (arn: string): string => arn.replace('/orders/', '/payments/');

function statementsByRole(): (role: string) => IamStatement[] {
  const stack = stackInRegion();
  const cluster = OutboxCluster.existing(stack, 'Cluster', {
    clusterArn: CLUSTER_ARN,
    network: readableNetwork(stack),
  });
  const topics = new OutboxTopics(stack, 'Topics', {
    cluster,
    topics: ['orders', { topic: 'gone', onRemoval: 'delete' }],
    madeBy: 'function',
    topicsCode: relayCode(),
  });
  const outbox = new Outbox(stack, 'Outbox', outboxProps({ topics: ['orders'], tableName: 'outbox' }));
  const inbox = new ConsumerInbox(stack, 'Inbox', { tableName: 'inbox' });
  const consumer = new OutboxConsumer(stack, 'Shipping', consumerProps({ cluster, inbox: inbox.table }));
  const role = (id: string): Role =>
    new Role(stack, id, { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
  outbox.grantWrite(role('Writer'));
  outbox.grantOperate(role('Operator'));
  outbox.grantConsume(role('Reader'), 'orders', 'billing');
  inbox.grantOperate(role('InboxOperator'));
  consumer.grantWait(role('Waiter'));
  expect(topics.names).toEqual(['orders', 'gone']);
  const { Resources } = Template.fromStack(stack).toJSON() as SynthesizedTemplate;
  return (id) =>
    Object.values(Resources)
      .filter(({ Type, Properties }) => /^AWS::IAM::(Managed)?Policy$/.test(Type) && attaches(Properties.Roles, id))
      .flatMap(({ Properties }) => resolved(Properties.PolicyDocument!.Statement, Resources) as IamStatement[]);
}

interface SynthesizedTemplate {
  readonly Resources: Readonly<Record<string, Resource>>;
}
interface Resource {
  readonly Type: string;
  readonly Properties: {
    readonly Roles?: readonly { readonly Ref: string }[];
    readonly PolicyDocument?: { readonly Statement: unknown };
    readonly TableName?: string;
  };
}

const attaches = (roles: Resource['Properties']['Roles'] = [], id: string): boolean =>
  roles.some(({ Ref }) => new RegExp(`^${id}[0-9A-F]{8}$`).test(Ref));

/** Replaces every intrinsic function by its value in a deployment. */
function resolved(value: unknown, resources: SynthesizedTemplate['Resources']): unknown {
  if (Array.isArray(value)) return value.map((one) => resolved(one, resources));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value) as [string, unknown][];
  const [name = '', argument] = entries[0] ?? [];
  if (entries.length === 1 && name === 'Ref') {
    return { 'AWS::Partition': 'aws', 'AWS::Region': 'eu-west-1', 'AWS::AccountId': '111122223333' }[String(argument)];
  }
  if (entries.length === 1 && name === 'Fn::Join') {
    const [separator, parts] = argument as [string, unknown[]];
    return (resolved(parts, resources) as string[]).join(separator);
  }
  if (entries.length === 1 && name === 'Fn::GetAtt') {
    const [id, attribute] = argument as [string, string];
    const { Type, Properties } = resources[id]!;
    if (Type === 'AWS::Logs::LogGroup') return logs(id).replace(/:log-stream.*/, ':*');
    if (Type === 'AWS::DynamoDB::GlobalTable') {
      return attribute === 'StreamArn' ? STREAM : tableArn(Properties.TableName!);
    }
    return `arn:aws:lambda:eu-west-1:111122223333:function:${id}`;
  }
  return Object.fromEntries(entries.map(([key, one]) => [key, resolved(one, resources)]));
}

type Call = readonly [verdict: 'allowed' | 'denied', actions: string, resource: string, keys?: readonly string[]];

const CALLS: Readonly<Record<string, readonly Call[]>> = {
  OutboxRelayRole: [
    [
      'allowed',
      'dynamodb:Query GetItem BatchGetItem UpdateItem PutItem DeleteItem ConditionCheckItem PartiQLUpdate',
      OUTBOX,
    ],
    ['allowed', 'dynamodb:GetRecords GetShardIterator DescribeStream', STREAM],
    ['allowed', 'kafka-cluster:Connect WriteDataIdempotently', CLUSTER],
    ['allowed', 'kafka-cluster:DescribeTopic WriteData', kafka('topic', 'orders')],
    ['denied', 'dynamodb:Scan PartiQLDelete PartiQLInsert PartiQLSelect BatchWriteItem DescribeTable', OUTBOX],
    ['denied', 'dynamodb:DeleteTable UpdateTable UpdateTimeToLive DeleteBackup', OUTBOX],
    ['denied', 'dynamodb:Query PutItem UpdateItem', OTHER],
    ['denied', 'dynamodb:Query', `${OUTBOX}/index/pin`],
    ['denied', 'dynamodb:GetRecords', STREAM.replace('/outbox/', '/other/')],
    ['denied', 'kafka-cluster:DescribeTopic WriteData', kafka('topic', 'orders2')],
    ['denied', 'kafka-cluster:WriteData', kafka('topic', 'payments')],
    ['denied', 'kafka-cluster:ReadData CreateTopic AlterTopic DeleteTopic', kafka('topic', 'orders')],
    ['denied', 'kafka-cluster:AlterCluster DescribeCluster', CLUSTER],
    ['denied', 'kafka-cluster:Connect', otherCluster(CLUSTER)],
    ['denied', 'kafka-cluster:WriteData', otherCluster(kafka('topic', 'orders'))],
    ['denied', 'logs:PutLogEvents CreateLogStream', logs('other')],
  ],
  OutboxSweeperRole: [
    ['allowed', 'dynamodb:Scan Query GetItem BatchGetItem PutItem DeleteItem UpdateItem DescribeTable', OUTBOX],
    ['denied', 'dynamodb:ConditionCheckItem PartiQLUpdate PartiQLDelete DeleteTable', OUTBOX],
    ['denied', 'dynamodb:Scan PutItem', OTHER],
    ['denied', 'dynamodb:GetRecords', STREAM],
    ['denied', 'kafka-cluster:Connect', CLUSTER],
    ['denied', 'kafka-cluster:WriteData', kafka('topic', 'orders')],
  ],
  TopicsRole: [
    ['allowed', 'kafka-cluster:Connect', CLUSTER],
    ['allowed', 'kafka-cluster:DescribeTopic DescribeTopicDynamicConfiguration', kafka('topic', 'orders')],
    ['denied', 'kafka-cluster:DeleteTopic WriteData ReadData', kafka('topic', 'orders')],
    ['denied', 'kafka-cluster:CreateTopic AlterTopic DescribeTopic', kafka('topic', 'payments')],
    ['denied', 'kafka-cluster:AlterClusterDynamicConfiguration', CLUSTER],
    ['denied', 'dynamodb:GetItem', OUTBOX],
  ],
  ShippingRole: [
    ['allowed', 'dynamodb:GetItem Query PutItem DeleteItem ConditionCheckItem', INBOX, ['shipping#order#1']],
    [
      'allowed',
      'kafka-cluster:Connect DescribeCluster DescribeClusterDynamicConfiguration WriteDataIdempotently',
      CLUSTER,
    ],
    ['allowed', 'kafka-cluster:DescribeTopic ReadData', kafka('topic', 'orders')],
    ['allowed', 'kafka-cluster:DescribeTopic WriteData', kafka('topic', 'orders.shipping.dlt')],
    ['allowed', 'kafka-cluster:DescribeGroup AlterGroup', kafka('group', 'shipping')],
    ['allowed', 'kafka:DescribeClusterV2 GetBootstrapBrokers', CLUSTER],
    ['allowed', 'ec2:CreateNetworkInterface DescribeVpcs', '*'],
    ['denied', 'dynamodb:GetItem PutItem DeleteItem Query', INBOX, ['billing#order#1']],
    ['denied', 'dynamodb:GetItem', INBOX, ['shipping2#order#1']],
    ['denied', 'dynamodb:PutItem', INBOX, ['shipping#order#1', 'billing#order#1']],
    ['denied', 'dynamodb:UpdateItem Scan', INBOX, ['shipping#order#1']],
    ['denied', 'dynamodb:GetItem', OUTBOX, ['order#1']],
    ['denied', 'kafka-cluster:WriteData', kafka('topic', 'orders')],
    ['denied', 'kafka-cluster:ReadData', kafka('topic', 'payments')],
    ['denied', 'kafka-cluster:WriteData', kafka('topic', 'orders.billing.dlt')],
    ['denied', 'kafka-cluster:AlterGroup DescribeGroup', kafka('group', 'billing')],
    ['denied', 'kafka-cluster:DeleteGroup', kafka('group', 'shipping')],
    ['denied', 'kafka:DeleteCluster UpdateBrokerCount', CLUSTER],
  ],
  Writer: [
    ['allowed', 'dynamodb:PutItem', OUTBOX, ['order#1']],
    ['allowed', 'dynamodb:PutItem', OUTBOX, ['order#1', 'customer#2']],
    ['denied', 'dynamodb:PutItem', OUTBOX, ['$outbox#control']],
    ['denied', 'dynamodb:PutItem', OUTBOX, ['order#1', '$outbox#control']],
    ['denied', 'dynamodb:PutItem', OUTBOX, ['$outbox#signals']],
    [
      'denied',
      'dynamodb:GetItem UpdateItem DeleteItem Query PartiQLInsert PartiQLDelete BatchGetItem Scan',
      OUTBOX,
      ['order#1'],
    ],
    ['denied', 'dynamodb:PutItem', OTHER, ['order#1']],
    ['denied', 'dynamodb:GetRecords', STREAM],
    ['denied', 'kafka-cluster:WriteData', kafka('topic', 'orders')],
  ],
  Operator: [
    ['allowed', 'dynamodb:DescribeTable DescribeTimeToLive Query GetItem Scan PutItem UpdateItem DeleteItem', OUTBOX],
    ['denied', 'dynamodb:DeleteTable UpdateTable PartiQLUpdate', OUTBOX],
    ['denied', 'dynamodb:Scan', INBOX],
    ['denied', 'kafka-cluster:Connect', CLUSTER],
  ],
  InboxOperator: [
    ['allowed', 'dynamodb:GetItem Query Scan DescribeTable', INBOX],
    ['allowed', 'dynamodb:PutItem', INBOX, ['shipping#$requests']],
    ['allowed', 'dynamodb:PutItem', INBOX, ['shipping#$resend#1']],
    ['denied', 'dynamodb:PutItem', INBOX, ['shipping#order#1']],
    ['denied', 'dynamodb:UpdateItem DeleteItem', INBOX, ['shipping#$requests']],
    ['denied', 'dynamodb:Scan', OUTBOX],
  ],
  Reader: [
    ['allowed', 'kafka-cluster:Connect DescribeCluster', CLUSTER],
    ['allowed', 'kafka-cluster:DescribeTopic ReadData', kafka('topic', 'orders')],
    ['allowed', 'kafka-cluster:DescribeGroup AlterGroup', kafka('group', 'billing')],
    ['denied', 'kafka-cluster:WriteData', kafka('topic', 'orders')],
    ['denied', 'kafka-cluster:AlterGroup', kafka('group', 'billing2')],
    ['denied', 'dynamodb:GetItem', OUTBOX],
  ],
  Waiter: [
    ['allowed', 'dynamodb:GetItem', INBOX, ['shipping#order#1']],
    ['denied', 'dynamodb:GetItem', INBOX, ['billing#order#1']],
    ['denied', 'dynamodb:PutItem Query', INBOX, ['shipping#order#1']],
  ],
};

describe('each role has the permissions that it needs, and no other', () => {
  const statementsOf = statementsByRole();

  test.each(Object.entries(CALLS))('%s', (role, calls) => {
    const statements = statementsOf(role);
    expect(statements).not.toEqual([]);
    const evaluated = calls.flatMap(([, actions, resource, keys]) =>
      actionsOf(actions).map((action) => {
        const context = keys === undefined ? undefined : { 'dynamodb:LeadingKeys': keys };
        return [isAllowed(statements, { action, resource, context }) ? 'allowed' : 'denied', action, resource, keys];
      }),
    );
    const expected = calls.flatMap(([verdict, actions, resource, keys]) =>
      actionsOf(actions).map((action) => [verdict, action, resource, keys]),
    );
    expect(evaluated).toEqual(expected);
  });

  test('more than 100 calls are evaluated', () => {
    const count = Object.values(CALLS).flatMap((calls) => calls.flatMap(([, actions]) => actionsOf(actions))).length;
    expect(count).toBeGreaterThan(100);
  });
});

/** `dynamodb:Query GetItem` → both, with the prefix. */
function actionsOf(text: string): string[] {
  const [service = '', names = ''] = text.split(':');
  return names.split(' ').map((name) => `${service}:${name}`);
}
