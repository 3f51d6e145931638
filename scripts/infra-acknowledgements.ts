/** An intended finding of cdk-nag, with its place and the reason. */
export interface Acknowledgement {
  readonly id: string;
  /** Matches the path of the construct. */
  readonly where: RegExp;
  readonly reason: string;
}

const managedPolicy = (name: string): string =>
  `AwsSolutions::AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/${name}]`;

const providerOf = (topicsFunction: string): Acknowledgement => ({
  id: `AwsSolutions::AwsSolutions-IAM5[Resource::<${topicsFunction}.Arn>:*]`,
  where: /\/framework-onEvent\/ServiceRole\/DefaultPolicy\/Resource$/,
  reason: 'The provider framework may invoke every version of the one function behind it.',
});

export const ACKNOWLEDGEMENTS: readonly Acknowledgement[] = [
  {
    id: managedPolicy('AWSLambdaENIManagementAccess'),
    where: /\/(Relay|KafkaTopics|Consumer|DeadLetters)\/Role\/Resource$/,
    reason: 'Lambda makes the network interfaces of a function in a VPC; EC2 cannot limit that to some of them.',
  },
  {
    id: managedPolicy('AWSLambdaBasicExecutionRole'),
    where: /\/(AWS679f53fac002430cb0da5b7982bd2287|framework-onEvent)\/ServiceRole\/Resource$/,
    reason:
      'Functions of the CDK itself (AwsCustomResource, provider framework). They write logs, and run in deployments only.',
  },
  providerOf('KafkaTopicsFunction6F9F5266'),
  providerOf('ConsumerDeadLettersFunctionA7EE471F'),
  ...['ReEncrypt*', 'GenerateDataKey*'].map((action): Acknowledgement => ({
    id: `AwsSolutions::AwsSolutions-IAM5[Action::kms:${action}]`,
    where: /\/(Relay|Sweeper)\/Role\/DefaultPolicy\/Resource$/,
    reason: 'DynamoDB uses the key of the table in the name of the writer; each wildcard is a pair of actions.',
  })),
  {
    id: 'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
    where: /\/Consumer\/Role\/DefaultPolicy\/Resource$/,
    reason: 'The pollers of Lambda make network interfaces with the role of the function; EC2 cannot limit that.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    where: /\/Cluster\/Login\/Resource$/,
    reason:
      'MSK associates a login with the cluster; to rotate it, store a new password in the same secret. The relay reads it with its next connection.',
  },
];
