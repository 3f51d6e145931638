import { Match } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { KafkaAuthentication } from '../../../lib/infra/cluster/kafka-authentication';
import type { Outbox } from '../../../lib/infra/outbox/outbox';
import { OPERATOR_ACTIONS } from '../../../lib/operate/doctor/read-deployment';
import { CLUSTER_ARN, SECRET_ARN, outboxStack } from '../stack';

/** The statements of a role after `grant` was called with it. */
function granted(grant: (outbox: Outbox, role: Role) => void, ...stack: Parameters<typeof outboxStack>): unknown[] {
  const synthesized = outboxStack(...stack);
  const role = new Role(synthesized.stack, 'Grantee', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
  grant(synthesized.outbox, role);
  const policies = Object.values(
    synthesized.template().findResources('AWS::IAM::Policy', {
      Properties: { Roles: [{ Ref: Match.stringLikeRegexp('^Grantee') }] },
    }),
  ) as { Properties: { PolicyDocument: { Statement: unknown[] } } }[];
  return policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
}

const table = { 'Fn::GetAtt': [expect.stringMatching(/^OutboxTable/), 'Arn'] };
const arn = (kind: string, name: string): string => `${CLUSTER_ARN.replace(':cluster/', `:${kind}/`)}/${name}`;

describe('grantOperate', () => {
  test('allows the operator’s tools their calls to the table, and none to Kafka', () => {
    expect(granted((outbox, role) => outbox.grantOperate(role))).toEqual([
      {
        Effect: 'Allow',
        Action: expect.any(Array),
        Resource: table,
      },
    ]);
    const [statement] = granted((outbox, role) => outbox.grantOperate(role)) as { Action: string[] }[];
    expect(statement!.Action.toSorted()).toEqual(Object.keys(OPERATOR_ACTIONS).toSorted());
  });

  test('extends to the key of the table', () => {
    const statements = granted(
      (outbox, role) => outbox.grantOperate(role),
      (stack) => ({ encryptionKey: new Key(stack, 'Key') }),
    );
    expect(statements).toContainEqual(expect.objectContaining({ Action: expect.arrayContaining(['kms:Decrypt']) }));
  });
});

describe('grantConsume', () => {
  test('allows one topic and one group, and nothing of the table', () => {
    expect(granted((outbox, role) => outbox.grantConsume(role, 'orders', 'billing'))).toEqual([
      {
        Effect: 'Allow',
        Action: ['kafka-cluster:Connect', 'kafka-cluster:DescribeCluster'],
        Resource: CLUSTER_ARN,
      },
      {
        Effect: 'Allow',
        Action: ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'],
        Resource: arn('topic', 'orders'),
      },
      {
        Effect: 'Allow',
        Action: ['kafka-cluster:DescribeGroup', 'kafka-cluster:AlterGroup'],
        Resource: arn('group', 'billing'),
      },
    ]);
  });

  test('allows to read the login where the cluster authorises by its own lists', () => {
    expect(
      granted(
        (outbox, role) => outbox.grantConsume(role, 'orders', 'billing'),
        (stack) => ({
          authentication: KafkaAuthentication.scram(Secret.fromSecretCompleteArn(stack, 'Secret', SECRET_ARN)),
        }),
      ),
    ).toEqual([
      {
        Effect: 'Allow',
        Action: 'secretsmanager:GetSecretValue',
        Resource: SECRET_ARN,
      },
    ]);
  });

  test('refuses a topic that the outbox does not have', () => {
    expect(() => granted((outbox, role) => outbox.grantConsume(role, 'invoices', 'billing'))).toThrow(
      'Option "topic" is "invoices"; it must be one of orders, payments. Other topics are their owner\'s business.',
    );
  });
});
