import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { outboxStacks } from '../../bin/app/outbox-stacks';
import { VARIANTS } from '../../scripts/infra-variants';
import { outboxStack, relayCode } from './stack';

/**
 * Every permission of every role of an app, except those on DynamoDB and Kafka. test/local/permissions.test.ts and
 * test/local/kafka-permissions.test.ts compare those with the recorded calls.
 */

const OWN_LOGS = {
  'logs:CreateLogStream': 'each instance writes a stream of its own',
  'logs:PutLogEvents': 'and its lines',
};
const LOGIN = {
  'secretsmanager:GetSecretValue': 'the login at the brokers, with SCRAM or a client certificate',
  'kms:Decrypt': 'the key of that login, or of the variables of the function',
};
const TABLE_KEY = {
  'kms:Decrypt': 'the table and the variables are encrypted by keys of the caller',
  'kms:DescribeKey': 'DynamoDB uses the key of a table in the name of who reads and writes it',
  'kms:Encrypt': 'the same',
  'kms:ReEncrypt*': 'the same',
  'kms:GenerateDataKey*': 'the same',
};
const NETWORK_INTERFACES = {
  'service-role/AWSLambdaENIManagementAccess': 'Lambda makes the network interfaces of a function in a VPC',
};
const CDK_LOGS = { 'service-role/AWSLambdaBasicExecutionRole': 'a function of the CDK, run by deployments only' };

const PROVIDER = {
  ...CDK_LOGS,
  'lambda:InvokeFunction': 'hands the request of CloudFormation over to the function that makes topics',
  'lambda:GetFunction': 'waits until that one can be invoked',
};
/** Lambda's pollers use the function's role. https://docs.aws.amazon.com/lambda/latest/dg/with-msk-permissions.html */
const POLLERS = {
  'ec2:CreateNetworkInterface': 'in the network of the cluster',
  'ec2:DeleteNetworkInterface': 'the same',
  'ec2:DescribeNetworkInterfaces': 'the same',
  'ec2:DescribeSecurityGroups': 'the same',
  'ec2:DescribeSubnets': 'the same',
  'ec2:DescribeVpcs': 'the same',
  'kafka:DescribeClusterV2': 'which network that is',
  'kafka:GetBootstrapBrokers': 'the addresses of its brokers',
  'kafka:ListScramSecrets': 'which login belongs to the cluster',
};

/** The allowed actions, by the beginning of the role's logical id, each with its reason. */
const EXPLAINED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  OutboxRelayRole: { ...OWN_LOGS, ...LOGIN, ...TABLE_KEY, ...NETWORK_INTERFACES },
  OutboxSweeperRole: {
    ...OWN_LOGS,
    ...TABLE_KEY,
    'lambda:GetEventSourceMapping': 'whether the mapping was changed, which is a cause to read the table',
  },
  KafkaTopicsRole: { ...OWN_LOGS, ...LOGIN, ...NETWORK_INTERFACES },
  KafkaTopicsProviderframeworkonEventServiceRole: PROVIDER,
  ConsumerDeadLettersRole: { ...OWN_LOGS, ...LOGIN, ...NETWORK_INTERFACES },
  ConsumerDeadLettersProviderframeworkonEventServiceRole: PROVIDER,
  ConsumerRole: {
    ...OWN_LOGS,
    ...LOGIN,
    ...NETWORK_INTERFACES,
    ...POLLERS,
    'dynamodb:GetItem': 'what is known of a key, and of an event without a version',
    'dynamodb:Query': 'what is parked, and what operators ask for',
    'dynamodb:PutItem': 'what is known of a key, markers, what is parked, answers; the view of the example',
    'dynamodb:DeleteItem': 'what is parked no more, and requests that are done',
    'dynamodb:ConditionCheckItem': 'nothing of a key may be parked while an event of it is applied',
    'dynamodb:UpdateItem': 'the view of the example',
  },
  AWS679f53fac002430cb0da5b7982bd2287ServiceRole: {
    ...CDK_LOGS,
    'kafka:GetBootstrapBrokers': 'the addresses of the brokers are no attribute of the cluster',
    'dynamodb:DescribeTable': 'the stream of a replica is no attribute of the table',
  },
  CustomVpcRestrictDefaultSGCustomResourceProviderRole: {
    ...CDK_LOGS,
    'ec2:AuthorizeSecurityGroupIngress': 'takes the rules out of the default group of the VPC, and gives them back',
    'ec2:AuthorizeSecurityGroupEgress': 'the same',
    'ec2:RevokeSecurityGroupIngress': 'the same',
    'ec2:RevokeSecurityGroupEgress': 'the same',
  },
  NetworkVpcRefusedIAMRole: {
    ...OWN_LOGS,
    'logs:DescribeLogStreams': 'what flow logs ask for',
  },
};

/** Actions without a resource, or that AWS cannot limit to one. */
const ANYWHERE = ['dynamodb:ListStreams', ...Object.keys(POLLERS).filter((action) => action.startsWith('ec2:'))];

interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
}
interface Resource {
  readonly Type: string;
  readonly Properties: {
    readonly Roles?: readonly { readonly Ref: string }[];
    readonly PolicyDocument?: { readonly Statement: readonly Statement[] };
    readonly Policies?: readonly { readonly PolicyDocument: { readonly Statement: readonly Statement[] } }[];
    readonly ManagedPolicyArns?: readonly unknown[];
  };
}
interface Permission {
  readonly role: string;
  readonly action: string;
  readonly resource: string;
}

function permissionsOf(template: unknown): Permission[] {
  const resources = Object.entries((template as { Resources: Record<string, Resource> }).Resources);
  const of = (role: string, statements: readonly Statement[]): Permission[] =>
    statements.flatMap(({ Action, Resource: resource }) =>
      [Action].flat().map((action) => ({ role, action, resource: JSON.stringify(resource) })),
    );
  return resources.flatMap(([id, { Type, Properties }]) => {
    if (Type === 'AWS::IAM::Policy') {
      return (Properties.Roles ?? []).flatMap(({ Ref }) => of(Ref, Properties.PolicyDocument?.Statement ?? []));
    }
    if (Type !== 'AWS::IAM::Role') return [];
    const managed = (Properties.ManagedPolicyArns ?? []).map((arn) => ({
      role: id,
      action: /policy\/([A-Za-z/-]+)/.exec(JSON.stringify(arn))?.[1] ?? JSON.stringify(arn),
      resource: 'managed',
    }));
    return [...managed, ...(Properties.Policies ?? []).flatMap((policy) => of(id, policy.PolicyDocument.Statement))];
  });
}

const { context: flags } = JSON.parse(readFileSync(join(__dirname, '../../cdk.json'), 'utf8')) as {
  context: Record<string, unknown>;
};

function permissionsOfApp(context: Readonly<Record<string, string>>): Permission[] {
  const app = new App({ context: { ...flags, ...context } });
  const code = { relayCode: relayCode(), sweeperCode: relayCode(), topicsCode: relayCode() };
  outboxStacks(app, app.node.getAllContext() as Record<string, unknown>, code);
  const assembly = app.synth();
  return app.node.children
    .filter((child): child is Stack => child instanceof Stack)
    .flatMap(({ artifactId }) => permissionsOf(assembly.getStackArtifact(artifactId).template));
}

const withKeys = (): Permission[] =>
  permissionsOf(
    outboxStack((stack) => ({
      encryptionKey: new Key(stack, 'TableKey'),
      environmentEncryptionKey: new Key(stack, 'VariablesKey'),
      logEncryptionKey: new Key(stack, 'LogKey'),
    }))
      .template()
      .toJSON(),
  );

const explainedFor = (role: string): Readonly<Record<string, string>> =>
  Object.entries(EXPLAINED)
    .toSorted(([one], [other]) => other.length - one.length)
    .find(([name]) => role.startsWith(name))?.[1] ?? {};

const isCompared = ({ role, action }: Permission): boolean =>
  action.startsWith('kafka-cluster:') || (action.startsWith('dynamodb:') && /^Outbox(Relay|Sweeper)Role/.test(role));

test('every permission of a role has a reason, and every reason has a permission', () => {
  const permissions = [...Object.values(VARIANTS).flatMap(permissionsOfApp), ...withKeys()];
  const unexplained = permissions.filter(
    (permission) => !isCompared(permission) && !(permission.action in explainedFor(permission.role)),
  );
  expect(unexplained).toEqual([]);
  const given = new Set(permissions.map(({ role, action }) => JSON.stringify([explainedFor(role), action])));
  const idle = Object.entries(EXPLAINED).flatMap(([role, actions]) =>
    Object.keys(actions).flatMap((action) =>
      given.has(JSON.stringify([actions, action])) ? [] : [`${role}: ${action}`],
    ),
  );
  expect(idle).toEqual([]);
  const anywhere = permissions.filter(({ action, resource }) => resource === '"*"' && !ANYWHERE.includes(action));
  expect(anywhere).toEqual([]);
});
