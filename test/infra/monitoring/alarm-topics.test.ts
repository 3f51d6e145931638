import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { Alias, CfnKey, Key } from 'aws-cdk-lib/aws-kms';
import { CfnTopic, CfnTopicPolicy, Topic, type ITopic } from 'aws-cdk-lib/aws-sns';
import { App, Stack, Stage } from 'aws-cdk-lib';
import {
  AccountRootPrincipal,
  AnyPrincipal,
  Effect,
  PolicyDocument,
  PolicyStatement,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import { Outbox } from '../../../lib/cdk';
import { outboxProps, outboxStack, propertiesOf, templateOf, type Synthesized } from '../stack';

/** If a topic refuses CloudWatch, its alarm fires without a notification. */

const withPage = (pageTopic: (stack: Stack) => ITopic): Synthesized =>
  outboxStack((stack) => ({ monitoring: { pageTopic: pageTopic(stack), dashboard: false } }));

const CLOUDWATCH = { Service: 'cloudwatch.amazonaws.com' };
const FROM_ACCOUNT = { StringEquals: { 'aws:SourceAccount': Match.anyValue() } };

test('the policy of a topic that the app makes lets CloudWatch publish, where it has one', () => {
  const { template } = withPage((stack) => new Topic(stack, 'Page', { enforceSSL: true }));
  template().hasResourceProperties('AWS::SNS::TopicPolicy', {
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({ Effect: 'Allow', Action: 'sns:Publish', Principal: CLOUDWATCH, Condition: FROM_ACCOUNT }),
      ]),
    },
  });
});

test('a topic without a policy keeps the default one, which lets alarms publish', () => {
  withPage((stack) => new Topic(stack, 'Page'))
    .template()
    .resourceCountIs('AWS::SNS::TopicPolicy', 0);
});

test('the key of a topic that the app makes lets CloudWatch use it', () => {
  const { template } = withPage((stack) => new Topic(stack, 'Page', { masterKey: new Key(stack, 'Key') }));
  template().hasResourceProperties('AWS::KMS::Key', {
    KeyPolicy: {
      Statement: Match.arrayWith([
        Match.objectLike({
          Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
          Principal: CLOUDWATCH,
          Condition: FROM_ACCOUNT,
        }),
      ]),
    },
  });
});

test('a policy that only CloudFormation knows, and that shuts CloudWatch out, is refused', () => {
  const { template } = withPage((stack) => {
    const topic = new Topic(stack, 'Page');
    new CfnTopicPolicy(stack, 'Policy', { topics: [topic.topicArn], policyDocument: { Statement: [] } });
    return topic;
  });
  expect(template).toThrow(/Option "monitoring.pageTopic" is .* Add to its policy: .*"Action":"sns:Publish"/);
});

test.each<[string, (stack: Stack) => ITopic, RegExp]>([
  [
    'the managed key of SNS',
    (stack) =>
      new Topic(stack, 'Page', {
        masterKey: Key.fromKeyArn(stack, 'K', 'arn:aws:kms:eu-west-1:111122223333:key/alias/aws/sns'),
      }),
    /encrypted with alias\/aws\/sns/,
  ],
  ['a FIFO topic', (stack) => new Topic(stack, 'Page', { fifo: true }), /must be a standard topic/],
  [
    'an imported FIFO topic',
    (stack) => Topic.fromTopicArn(stack, 'Page', 'arn:aws:sns:eu-west-1:111122223333:page.fifo'),
    /must be a standard topic/,
  ],
])('%s is refused', (_, topic, message) => {
  expect(() => withPage(topic)).toThrow(message);
});

test('for an imported topic and key, synthesis prints the statements that their owner must add', () => {
  const { stack } = withPage((within) =>
    Topic.fromTopicAttributes(within, 'Page', {
      topicArn: 'arn:aws:sns:eu-west-1:111122223333:page',
      keyArn: 'arn:aws:kms:eu-west-1:111122223333:key/0f9d1b0e-6a41-4f0e-9c0a-3f1f6a2b7c8d',
    }),
  );
  const warnings = Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp('monitoring.pageTopic'));
  expect(warnings).toHaveLength(1);
  expect(JSON.stringify(warnings[0]?.entry.data).replaceAll('\\"', '"')).toMatch(
    /"Action":"sns:Publish".*"kms:Decrypt","kms:GenerateDataKey\*"/,
  );
});

const ARN = 'arn:aws:sns:eu-west-1:111122223333:page';

test('an imported topic is warned of once, whatever uses it', () => {
  const { stack } = outboxStack((within) => ({
    monitoring: {
      pageTopic: Topic.fromTopicArn(within, 'Page', ARN),
      ticketTopic: Topic.fromTopicArn(within, 'Ticket', ARN),
    },
  }));
  expect(Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp(ARN))).toHaveLength(1);
});

const ALLOWED = { Effect: 'Allow', Principal: CLOUDWATCH, Action: 'sns:Publish', Resource: '*' };
const statement = (changed: object): object => ({ ...ALLOWED, ...changed });
const denial = (changed: object): object[] => [ALLOWED, { ...ALLOWED, Effect: 'Deny', Principal: '*', ...changed }];

/** A topic with a policy of its own, in the account 111122223333. */
function withPolicy(...statements: object[]): () => unknown {
  const stack = new Stack(new App(), 'S', { env: { account: '111122223333', region: 'eu-west-1' } });
  const pageTopic = new Topic(stack, 'Page');
  const policyDocument = { Statement: statements };
  new CfnTopicPolicy(stack, 'Policy', { topics: [pageTopic.topicArn], policyDocument });
  new Outbox(stack, 'Outbox', outboxProps({ monitoring: { pageTopic, dashboard: false } }));
  return () => Stage.of(stack)?.synth();
}

test.each<[string, object[]]>([
  ['another account', [statement({ Condition: { StringEquals: { 'aws:SourceAccount': '999999999999' } } })]],
  [
    'alarms of another account',
    [statement({ Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:eu-west-1:999999999999:alarm:*' } } })],
  ],
  ['another service', [statement({ Condition: { ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:*:*:bucket' } } })]],
  [
    'the organization, of which no service is',
    [statement({ Principal: '*', Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1' } } })],
  ],
  [
    'another topic',
    [
      statement({
        Resource: 'arn:aws:sns:eu-west-1:111122223333:other',
        Principal: { Service: 'events.amazonaws.com' },
      }),
    ],
  ],
  ['all but publishing', [statement({ Action: undefined, NotAction: 'sns:Pub*' })]],
])('a policy that lets in %s alone is refused', (_, statements) => {
  expect(withPolicy(...statements)).toThrow(
    /monitoring\.pageTopic" is "the topic S\/Page".*does not let CloudWatch publish \(sns:Publish\)/,
  );
});

test.each<[string, object[]]>([
  ['to all', denial({})],
  ['to the service', denial({ Principal: CLOUDWATCH, Action: 'SNS:*' })],
  ['outside of the organization', denial({ Condition: { StringNotEquals: { 'aws:PrincipalOrgID': 'o-1' } } })],
  ['outside of a network', denial({ Condition: { StringNotEqualsIfExists: { 'aws:SourceVpce': 'vpce-1' } } })],
  ['for other accounts', denial({ Condition: { StringNotEquals: { 'aws:SourceAccount': ['999999999999'] } } })],
])('a policy that denies publishing %s is refused', (_, statements) => {
  expect(withPolicy(...statements)).toThrow(/denies sns:Publish to CloudWatch\. Except the service principal/);
});

test.each<[string, object[]]>([
  ['a denial without TLS', denial({ Condition: { Bool: { 'aws:SecureTransport': 'false' } } })],
  [
    'a denial for what is no service',
    denial({
      Condition: {
        StringNotEquals: { 'aws:PrincipalOrgID': 'o-1' },
        BoolIfExists: { 'aws:PrincipalIsAWSService': 'false' },
      },
    }),
  ],
  ['a denial to delete', denial({ Action: 'sns:DeleteTopic' })],
  ['a denial for another topic', denial({ Resource: 'arn:aws:sns:eu-west-1:111122223333:other' })],
  [
    'a denial by a date, which nobody knows',
    denial({ Condition: { DateGreaterThan: { 'aws:CurrentTime': '2030-01-01' } } }),
  ],
  [
    'alarms of the account',
    [statement({ Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:*:111122223333:alarm:*' } } })],
  ],
  [
    'the default policy of SNS',
    [statement({ Principal: { AWS: '*' }, Condition: { StringEquals: { 'AWS:SourceOwner': '111122223333' } } })],
  ],
])('%s lets alarms through', (_, statements) => {
  expect(withPolicy(...statements)).not.toThrow();
});

test('a statement to add is printed as a template contains it', () => {
  expect(withPolicy()).toThrow(
    /"Principal":\{"Service":"cloudwatch\.amazonaws\.com"\},"Resource":\{"Ref":"Page[0-9A-F]+"\}/,
  );
});

test('a topic of another account lets in the account of the alarms, and keeps its own alarms', () => {
  const app = new App();
  const region = 'eu-west-1';
  const owner = new Stack(app, 'Owner', { env: { account: '999999999999', region } });
  const user = new Stack(app, 'User', { env: { account: '111122223333', region } });
  const masterKey = new Key(owner, 'Key');
  const pageTopic = new Topic(owner, 'Page', { topicName: 'page', masterKey });
  new Outbox(user, 'Outbox', outboxProps({ monitoring: { pageTopic, dashboard: false } }));
  const template = templateOf(owner)();
  const [{ PolicyDocument: policy } = {}] = propertiesOf(template, 'AWS::SNS::TopicPolicy');
  expect(policy).toMatchObject({
    Statement: ['111122223333', '999999999999'].map((account) => ({
      Principal: CLOUDWATCH,
      Condition: { StringEquals: { 'aws:SourceAccount': account } },
    })),
  });
  const [{ KeyPolicy: ofKey } = {}] = propertiesOf(template, 'AWS::KMS::Key');
  expect(JSON.stringify(ofKey)).toContain('{"aws:SourceAccount":"111122223333"}');
});

describe('topics and keys that are no plain L2', () => {
  const own = (stack: Stack, changed: ConstructorParameters<typeof CfnTopic>[2]): ITopic =>
    Topic.fromTopicArn(stack, 'Page', new CfnTopic(stack, 'Made', changed).ref);
  const deny = new PolicyStatement({
    effect: Effect.DENY,
    principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
    actions: ['kms:Decrypt'],
    resources: ['*'],
  });
  const all = new PolicyStatement({ principals: [new AccountRootPrincipal()], actions: ['kms:*'], resources: ['*'] });
  const override = (name: string, value: unknown) => (stack: Stack) => {
    const topic = new Topic(stack, 'Page');
    (topic.node.defaultChild as CfnTopic).addPropertyOverride(name, value);
    return topic;
  };

  test.each<[string, (stack: Stack) => ITopic, RegExp]>([
    ['an L1 topic with the managed key', (stack) => own(stack, { kmsMasterKeyId: 'alias/aws/sns' }), /alias\/aws\/sns/],
    ['an L1 topic that is FIFO', (stack) => own(stack, { fifoTopic: true }), /must be a standard topic/],
    ['an override to FIFO', override('FifoTopic', true), /must be a standard topic/],
    ['an override to the managed key', override('KmsMasterKeyId', 'alias/aws/sns'), /alias\/aws\/sns/],
    [
      'an L1 key that lets nobody in',
      (stack) => own(stack, { kmsMasterKeyId: new CfnKey(stack, 'Key', { keyPolicy: { Statement: [] } }).attrArn }),
      /a topic with the key Orders\/Key".*does not let CloudWatch publish \(kms:Decrypt\)/,
    ],
    [
      'a key that denies',
      (stack) =>
        new Topic(stack, 'Page', {
          masterKey: new Key(stack, 'Key', { policy: new PolicyDocument({ statements: [deny, all] }) }),
        }),
      /key Orders\/Key\/Resource".*denies kms:Decrypt to CloudWatch/,
    ],
    [
      'a denial in the policy of an L2 topic',
      (stack) => {
        const topic = new Topic(stack, 'Page');
        const denied = { effect: Effect.DENY, actions: ['sns:*'], principals: [new AnyPrincipal()] };
        topic.addToResourcePolicy(new PolicyStatement({ ...denied, resources: [topic.topicArn] }));
        return topic;
      },
      /denies sns:Publish to CloudWatch/,
    ],
  ])('%s is refused', (_, topic, message) => {
    expect(() => withPage(topic).template()).toThrow(message);
  });

  test('an L1 topic without a policy is heard, and nothing is warned of', () => {
    const { stack, template } = withPage((within) => own(within, {}));
    template();
    expect(Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp('monitoring'))).toEqual([]);
  });

  test.each<[string, (stack: Stack, key: Key) => ITopic]>([
    ['an L1 topic', (stack, key) => own(stack, { kmsMasterKeyId: key.keyArn })],
    [
      'an alias',
      (stack, key) =>
        new Topic(stack, 'Page', { masterKey: new Alias(stack, 'Alias', { aliasName: 'alias/page', targetKey: key }) }),
    ],
  ])('the key of %s is completed', (_, topic) => {
    const { template } = withPage((stack) => topic(stack, new Key(stack, 'Key')));
    const [{ KeyPolicy: policy } = {}] = propertiesOf(template(), 'AWS::KMS::Key');
    expect(policy).toMatchObject({
      Statement: [{}, { Principal: CLOUDWATCH, Action: expect.arrayContaining(['kms:Decrypt']) as unknown }],
    });
  });
});
