import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { ConsumerInbox, type ConsumerInboxProps } from '../../../lib/infra/consumer/consumer-inbox';
import { masked, statements, templateOf } from '../stack';

function inboxStack(props: (stack: Stack) => ConsumerInboxProps = () => ({})) {
  const stack = new Stack(new App(), 'Shop', { env: { region: 'eu-west-1' } });
  const inbox = new ConsumerInbox(stack, 'Inbox', props(stack));
  const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
  return { stack, inbox, role, template: templateOf(stack) };
}

test('has the keys that the library writes, a TTL, backups, and stays when its stack goes', () => {
  const template = inboxStack().template();
  template.hasResource('AWS::DynamoDB::GlobalTable', {
    DeletionPolicy: 'Retain',
    Properties: Match.objectLike({
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
      StreamSpecification: Match.absent(),
      Replicas: [
        Match.objectLike({
          DeletionProtectionEnabled: true,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        }),
      ],
    }),
  });
});

test('the template of the defaults, and with every option set', () => {
  expect(masked(inboxStack().template())).toMatchSnapshot();
  const everything = inboxStack((stack): Required<ConsumerInboxProps> => ({
    tableName: 'shop-inbox',
    encryptionKey: new Key(stack, 'Key'),
    deletionProtection: false,
    removalPolicy: RemovalPolicy.DESTROY,
  }));
  everything.inbox.grantConsume(everything.role, 'billing');
  expect(masked(everything.template())).toMatchSnapshot();
});

test('a consumer that runs elsewhere reaches its own part and no other', () => {
  const { inbox, role, template } = inboxStack();
  inbox.grantConsume(role, 'billing');
  expect(statements(template())).toEqual([
    {
      actions: [
        'dynamodb:GetItem',
        'dynamodb:Query',
        'dynamodb:PutItem',
        'dynamodb:DeleteItem',
        'dynamodb:ConditionCheckItem',
      ],
      resource: { 'Fn::GetAtt': [expect.stringMatching(/^Inbox/), 'Arn'] },
      condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['billing#*'] } },
    },
  ]);
});

test('a service that waits for its writes may only read', () => {
  const { inbox, role, template } = inboxStack();
  inbox.grantWait(role, 'billing');
  expect(statements(template()).map(({ actions }) => actions)).toEqual([['dynamodb:GetItem']]);
});

test('an operator may read everything, and write only requests to consumers', () => {
  const { inbox, role, template } = inboxStack();
  inbox.grantOperate(role);
  expect(statements(template()).map(({ actions, condition }) => [actions, condition])).toEqual([
    [['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan'], undefined],
    [['dynamodb:PutItem'], { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['*#$requests', '*#$resend#*'] } }],
  ]);
});

test('grants extend to the key of the table', () => {
  const { inbox, role, template } = inboxStack((stack) => ({ encryptionKey: new Key(stack, 'Key') }));
  inbox.grantWait(role, 'billing');
  expect(statements(template()).flatMap(({ actions }) => actions)).toContain('kms:Decrypt');
});

test.each<[string, ConsumerInboxProps, RegExp]>([
  [
    'a misspelt option',
    { removalpolicy: RemovalPolicy.DESTROY } as ConsumerInboxProps,
    /^ConsumerInbox has no option "removalpolicy"\. Did you mean "removalPolicy"\?/,
  ],
  ['a table name that DynamoDB refuses', { tableName: 'a b' }, /^Option "tableName" is "a b"; it must be 3 to 255/],
])('%s is refused', (_, props, message) => {
  expect(() => inboxStack(() => props)).toThrow(message);
});

test('a key in a stack without a region is refused', () => {
  const stack = new Stack(new App(), 'Shop');
  expect(() => new ConsumerInbox(stack, 'Inbox', { encryptionKey: new Key(stack, 'Key') })).toThrow(
    /"encryptionKey" .* left out in a stack whose region is known only at deployment/,
  );
});
