import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Outbox } from '../../../lib/infra/outbox/outbox';
import { outboxProps, outboxStack, statementOf, statements } from '../stack';

const TABLE = 'AWS::DynamoDB::GlobalTable';
const tableArn = { 'Fn::GetAtt': [Match.stringLikeRegexp('^OutboxTable'), 'Arn'] };

test('items are found by pk and sk, both texts', () => {
  outboxStack()
    .template()
    .hasResourceProperties(TABLE, {
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: Match.arrayWith([
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ]),
    });
});

test('a local secondary index that nothing populates keeps the items of a key together', () => {
  outboxStack()
    .template()
    .hasResourceProperties(TABLE, {
      LocalSecondaryIndexes: [
        {
          IndexName: 'pin',
          KeySchema: [
            { AttributeName: 'pk', KeyType: 'HASH' },
            { AttributeName: 'pin', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
      GlobalSecondaryIndexes: Match.absent(),
    });
});

test('the stream carries new images and expiresAt is the TTL', () => {
  outboxStack()
    .template()
    .hasResourceProperties(TABLE, {
      StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
});

test('it is billed on demand, can be recovered to a point in time and is protected from deletion', () => {
  outboxStack()
    .template()
    .hasResourceProperties(TABLE, {
      BillingMode: 'PAY_PER_REQUEST',
      Replicas: [
        {
          Region: 'eu-west-1',
          DeletionProtectionEnabled: true,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        },
      ],
    });
});

test('it outlives the stack', () => {
  outboxStack().template().hasResource(TABLE, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  // With a fixed name, a table that stays after a rolled-back creation makes the next attempt fail.
  outboxStack(() => ({ tableName: 'orders-outbox' }))
    .template()
    .hasResource(TABLE, { DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
});

test('a test stack can delete it', () => {
  const { template } = outboxStack(() => ({ removalPolicy: RemovalPolicy.DESTROY, deletionProtection: false }));
  template().hasResource(TABLE, {
    DeletionPolicy: 'Delete',
    Properties: { Replicas: [Match.objectLike({ DeletionProtectionEnabled: false })] },
  });
});

test('a key of your own encrypts it', () => {
  const { template } = outboxStack((stack) => ({ encryptionKey: new Key(stack, 'Key') }));
  template().hasResourceProperties(TABLE, {
    SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
    Replicas: [
      Match.objectLike({
        SSESpecification: { KMSMasterKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Key'), 'Arn'] } },
      }),
    ],
  });
});

test('a key of your own is refused where the region is not known yet', () => {
  const stack = new Stack();
  const props = outboxProps({ encryptionKey: new Key(stack, 'Key') });
  expect(() => new Outbox(stack, 'Outbox', props)).toThrow(/Option "encryptionKey" .* give the stack env: { region }/);
});

describe('grantWrite', () => {
  const role = ({ stack }: Pick<ReturnType<typeof outboxStack>, 'stack'>): Role =>
    new Role(stack, 'Service', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
  const granted = ({ template }: Pick<ReturnType<typeof outboxStack>, 'template'>) =>
    Object.values(
      template().findResources('AWS::IAM::Policy', {
        Properties: { Roles: [{ Ref: Match.stringLikeRegexp('^Service') }] },
      }),
    ) as { Properties: { PolicyDocument: { Statement: unknown[] } } }[];

  test('allows puts into the table, outside the partitions of the outbox itself, and nothing else', () => {
    const synthesized = outboxStack();
    synthesized.outbox.grantWrite(role(synthesized));
    expect(granted(synthesized).map(({ Properties }) => Properties.PolicyDocument.Statement)).toEqual([
      [
        {
          Effect: 'Allow',
          Action: 'dynamodb:PutItem',
          Resource: { 'Fn::GetAtt': [expect.stringMatching(/^OutboxTable/), 'Arn'] },
          Condition: { 'ForAllValues:StringNotLike': { 'dynamodb:LeadingKeys': ['$outbox#*'] } },
        },
      ],
    ]);
  });

  test('extends to the key of the table', () => {
    const synthesized = outboxStack((stack) => ({ encryptionKey: new Key(stack, 'Key') }));
    synthesized.outbox.grantWrite(role(synthesized));
    expect(granted(synthesized)[0]?.Properties.PolicyDocument.Statement).toContainEqual({
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*'],
      Resource: { 'Fn::GetAtt': [expect.stringMatching(/^Key/), 'Arn'] },
    });
  });
});

describe('the relay', () => {
  const onTable = (template: ReturnType<ReturnType<typeof outboxStack>['template']>) =>
    statements(template).filter(({ resource }) => Match.exact(tableArn).test(resource).failCount === 0);

  test('reads, marks, parks and acts on signals', () => {
    expect(statementOf(outboxStack().template(), 'dynamodb:Query').actions).toEqual([
      'dynamodb:Query',
      'dynamodb:GetItem',
      'dynamodb:BatchGetItem',
      'dynamodb:UpdateItem',
      'dynamodb:PutItem',
      'dynamodb:DeleteItem',
      'dynamodb:ConditionCheckItem',
      'dynamodb:PartiQLUpdate',
    ]);
  });

  test('has no statement about the index', () => {
    const template = outboxStack().template();
    expect(onTable(template)).toHaveLength(1);
    expect(JSON.stringify(statements(template))).not.toContain('/index/');
  });

  test('reads the stream', () => {
    expect(statementOf(outboxStack().template(), 'dynamodb:GetRecords')).toMatchObject({
      actions: expect.arrayContaining(['dynamodb:DescribeStream', 'dynamodb:GetShardIterator']) as unknown,
    });
  });
});
