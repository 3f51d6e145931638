import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { CfnTopicPolicy, Topic, type ITopic } from 'aws-cdk-lib/aws-sns';
import type { Stack } from 'aws-cdk-lib';
import { outboxStack, type Synthesized } from '../stack';

/** An alarm whose topic refuses CloudWatch fires, and nobody is told. */

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

test('of an imported topic and key synthesis says what their owner must add', () => {
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
