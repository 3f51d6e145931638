import { Duration, Token, type Stack } from 'aws-cdk-lib';
import { AttributeType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { GatewayVpcEndpoint, GatewayVpcEndpointAwsService, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { AccountRootPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { FilterCriteria, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { KafkaAuthentication } from '../../../lib/infra/cluster/kafka-authentication';
import { Outbox } from '../../../lib/infra/outbox/outbox';
import { OutboxCluster } from '../../../lib/infra/cluster/outbox-cluster';
import { OutboxConsumer } from '../../../lib/infra/consumer/outbox-consumer';
import type { OutboxConsumerProps } from '../../../lib/infra/consumer/outbox-consumer-props';
import { OutboxNetwork } from '../../../lib/infra/cluster/outbox-network';
import { inboxProblems } from '../../../lib/infra/template-checks/table-shape';
import { consumerProps, consumerStack, stackInRegion } from '../consumer-stack';
import { CLUSTER_ARN, outboxProps } from '../stack';

type Changed = (stack: Stack) => Partial<OutboxConsumerProps>;

const refused = (changed: Changed, message: string | RegExp): void => {
  expect(() => consumerStack(changed)).toThrow(expect.objectContaining({ code: 'invalid-option' }));
  expect(() => consumerStack(changed)).toThrow(message);
};

const later = Token.asNumber({ Ref: 'Parameter' });

test.each<[string, Partial<OutboxConsumerProps>, string | RegExp]>([
  [
    'a name that Kafka refuses',
    { consumerName: 'order shipping' },
    'Option "consumerName" is "order shipping"; it must be 1 to 100 letters, digits, ".", "_" or "-", the first a letter or digit, known at synthesis. It names the Kafka group, the part of the inbox and the dead-letter topics.',
  ],
  [
    'a name known at deployment',
    { consumerName: Token.asString({ Ref: 'Name' }) },
    /^Option "consumerName" is a value known only at deployment/,
  ],
  [
    'a name that leaves no room for the topic',
    { consumerName: 'c'.repeat(100), topics: ['t'.repeat(100)] },
    /"consumerName" .* at most 199 characters together with the topic .* Lambda allows 200/,
  ],
  ['no topic', { topics: [] }, /^Option "topics" is an array of 0; .* at least one topic/],
  ['a topic that Lambda does not read', { topics: ['t'] }, /^Option "topics" is "t"; .* Lambda does not read these/],
  ['a topic twice', { topics: ['orders', 'orders'] }, /^Option "topics" is "orders"; it must be a list without rep/],
  [
    'messages that do not fit into an invocation',
    { topics: [{ topic: 'orders', configs: { 'max.message.bytes': '8388608' } }] },
    'Option "topics["orders"].configs["max.message.bytes"]" is "8388608"; it must be an integer of at most 4500000. Lambda takes 6 MB in one invocation, base64 included: a larger message would block its partition. Lower the limit of the topic, or consume it with runConsumer.',
  ],
  [
    'a timeout in which the handler would begin nothing',
    { timeout: Duration.seconds(5) },
    'Option "timeout" is "Duration.seconds(5)"; it must be a Duration of aws-cdk-lib in whole seconds from 10 to 840, known at synthesis. In the last 5 seconds the handler begins nothing more, and a mapping of Kafka allows a function 14 minutes.',
  ],
  ['a timeout that Kafka mappings do not allow', { timeout: Duration.minutes(15) }, /"timeout" .* 14 minutes/],
  ['a timeout known at deployment', { timeout: Duration.seconds(later) }, /"timeout" .* known at synthesis/],
  ['a batching window beyond Lambda’s', { maxBatchingWindow: Duration.minutes(6) }, /"maxBatchingWindow" .* 0 to 300/],
  [
    'a retention too short for an operator to act',
    { deadLetterRetention: Duration.minutes(1) },
    /"deadLetterRetention" .* at least 3600.* An operator must see the alarm/,
  ],
  [
    'a retention of topics that are not made here',
    { makeDeadLetterTopics: false, deadLetterRetention: Duration.days(1) },
    /"deadLetterRetention" .* left out when makeDeadLetterTopics is false/,
  ],
  [
    'a schedule of half minutes',
    { redriveInterval: Duration.seconds(30) },
    /"redriveInterval" is "Duration.seconds\(30\)"/,
  ],
  [
    'a schedule known at deployment',
    { redriveInterval: Duration.minutes(later) },
    /"redriveInterval" .* known at synthesis/,
  ],
  ['no message in a batch', { batchSize: 0 }, 'Option "batchSize" is 0; it must be an integer from 1 to 10000'],
  ['too many messages in a batch', { batchSize: 10_001 }, /"batchSize" is 10001/],
  ['no poller', { minimumPollers: 0 }, /"minimumPollers" is 0; it must be an integer from 1 to 200/],
  ['pollers known at deployment', { minimumPollers: later }, /"minimumPollers" is a value known only at deployment/],
  [
    'fewer pollers under load than always',
    { minimumPollers: 5, maximumPollers: 4 },
    'Option "maximumPollers" is 4; it must be an integer from 5 to 2000, known at synthesis. It cannot be below minimumPollers, and 2,000 is what Lambda allows.',
  ],
  [
    'less concurrency than pollers',
    { topics: ['orders', 'payments'], minimumPollers: 2, reservedConcurrency: 3 },
    'Option "reservedConcurrency" is 3; it must be an integer of at least 4, known at synthesis. Each poller invokes the function once at least, for each topic: with less, some are throttled and their partitions wait. To stop the consumer set enabled to false.',
  ],
  ['too many filters', { filters: Array.from({ length: 6 }, () => FilterCriteria.filter({})) }, /"filters" .* 1 to 5/],
  ['an empty list of filters', { filters: [] }, /"filters" is "a list of 0"/],
  [
    'a time without a start at a time',
    { startingPositionTimestamp: 1 },
    /"startingPositionTimestamp" is 1; it must be left out with TRIM_HORIZON/,
  ],
  [
    'a start at a time without the time',
    { startingPosition: StartingPosition.AT_TIMESTAMP },
    /"startingPositionTimestamp" is not set; it must be given with AT_TIMESTAMP/,
  ],
  ['an unknown start', { startingPosition: 'FIRST' as unknown as StartingPosition }, /"startingPosition" is "FIRST"/],
  [
    'a variable that the construct sets',
    { environment: { POWERTOOLS_SERVICE_NAME: 'mine' } },
    'Option "environment["POWERTOOLS_SERVICE_NAME"]" is "mine"; it must be left out. The construct sets it.',
  ],
  ['a namespace of AWS', { metricsNamespace: 'AWS/Lambda' }, /"metricsNamespace" is "AWS\/Lambda"/],
  [
    'a misspelt option',
    { batchsize: 10 } as Partial<OutboxConsumerProps>,
    /^OutboxConsumer has no option "batchsize"\. Did you mean "batchSize"\?/,
  ],
  ['a lag of no message', { monitoring: { maxLag: 0 } }, /"monitoring.maxLag" is 0; .* at least 1/],
  ['a folder of runbooks', { monitoring: { runbookBaseUrl: 'docs' } }, /"monitoring.runbookBaseUrl" is "docs"/],
])('%s is refused', (_, changed, message) => refused(() => changed, message));

describe('batches that Lambda gives up', () => {
  test('goes nowhere but into a bucket', () =>
    refused(
      (stack) => ({ onFailure: { bucket: new Queue(stack, 'Queue') as unknown as Bucket, retryAttempts: 10 } }),
      'Option "onFailure.bucket" is an object; it must be an S3 bucket. Queues and SNS topics get only the place of a batch, and its messages are gone once Kafka has dropped them.',
    ));

  test('needs a number of retries, because Lambda would choose one', () =>
    refused(
      (stack) => ({ onFailure: { bucket: new Bucket(stack, 'GivenUp'), retryAttempts: -1 } }),
      'Option "onFailure.retryAttempts" is -1; it must be an integer from 0 to 10000, known at synthesis. With a destination Lambda limits the retries to 10: set how many retries a batch gets before Lambda gives it up, also in an outage. Leave onFailure out to retry forever.',
    ));
});

describe('the brokers', () => {
  test('must let the pollers in', () =>
    refused(
      (stack) => ({
        cluster: OutboxCluster.serverless(stack, 'Closed', { network: new OutboxNetwork(stack, 'ClosedNetwork') }),
      }),
      'Option "cluster" is "Shop/Closed"; it must be one whose OutboxNetwork lets event source mappings in. The pollers of Lambda use the security group of the brokers, which must let itself in: give the OutboxNetwork consumerMappings: "provisioned".',
    ));

  test('that exist have groups of their own, of which nothing is known', () => {
    expect(() =>
      consumerStack((stack) => ({
        cluster: OutboxCluster.existing(stack, 'Existing', {
          clusterArn: CLUSTER_ARN,
          network: new OutboxNetwork(stack, 'ClosedNetwork'),
        }),
      })),
    ).not.toThrow();
  });

  test('on the internet want a login', () =>
    refused(
      () => ({ cluster: undefined, bootstrapBrokers: 'b:9094', authentication: KafkaAuthentication.tls() }),
      'Option "vpc" is not set; it must be given for brokers without a login. Lambda reads brokers on the internet only with a login. Give the VPC from which these are reached.',
    ));

  test('that know IAM are not read anonymously', () =>
    refused(
      (stack) => ({
        cluster: OutboxCluster.existing(stack, 'Existing', { clusterArn: CLUSTER_ARN, access: ['iam', 'tls'] }),
        authentication: KafkaAuthentication.tls(),
      }),
      /"authentication" is "tls"; .* Without a secret Lambda logs in by IAM there/,
    ));
});

describe('an inbox of one’s own', () => {
  test('gets a message for each problem', () => {
    expect(inboxProblems({})).toEqual([
      'The table has other keys than an inbox. Consumers write under the partition key "pk" and the sort key "sk", both texts. Make the table with these, or use a ConsumerInbox.',
      'The table has no TTL. The records of applied events without versions carry "expiresAt" and would stay forever. Set the TTL attribute to "expiresAt".',
    ]);
  });

  test('is checked when the app is synthesized', () => {
    const { template } = consumerStack((stack) => ({
      inbox: new TableV2(stack, 'Own', {
        partitionKey: { name: 'pk', type: AttributeType.STRING },
        sortKey: { name: 'sk', type: AttributeType.STRING },
        timeToLiveAttribute: 'ttl',
      }),
    }));
    expect(template).toThrow(/\[Shop\/Shipping\] The table has the TTL attribute "ttl"/);
  });
});

describe('when the app is synthesized', () => {
  const isolated = (stack: Stack) =>
    new Vpc(stack, 'Vpc', {
      natGateways: 0,
      subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
    });
  const vpcSubnets = { subnetType: SubnetType.PRIVATE_ISOLATED };

  test('a VPC without a way to DynamoDB is refused', () => {
    const { template } = consumerStack((stack) => ({ vpc: isolated(stack), vpcSubnets }));
    expect(template).toThrow(
      /The consumer shipping runs in Shop\/Vpc, from where nothing leads to DynamoDB: it could apply nothing\. Add a gateway/,
    );
  });

  test('the way may be made later', () => {
    let vpc: Vpc | undefined;
    const { stack, template } = consumerStack((scope) => {
      vpc = isolated(scope);
      return { vpc, vpcSubnets };
    });
    new GatewayVpcEndpoint(stack, 'Endpoint', { vpc: vpc!, service: GatewayVpcEndpointAwsService.DYNAMODB });
    expect(template).not.toThrow();
  });

  test('a key that shuts the consumer out is refused', () => {
    const { template } = consumerStack((stack) => ({
      environmentEncryptionKey: new Key(stack, 'Key', {
        policy: new PolicyDocument({
          statements: [
            new PolicyStatement({
              actions: ['kms:Describe*', 'kms:Put*'],
              principals: [new AccountRootPrincipal()],
              resources: ['*'],
            }),
          ],
        }),
      }),
    }));
    expect(template).toThrow(
      /The policy of the key Shop\/Key does not allow kms:Decrypt to the consumer shipping, .* would apply nothing/,
    );
  });

  test('two consumers of one name are refused', () => {
    const { stack, template } = consumerStack();
    new OutboxConsumer(
      stack,
      'Second',
      consumerProps({ cluster: OutboxCluster.existing(stack, 'Existing', { clusterArn: CLUSTER_ARN }) }),
    );
    expect(template).toThrow(
      /The consumers Shop\/Shipping and Shop\/Second have the consumerName "shipping"\. .* Give/,
    );
  });
});

describe('the alarms of an outbox', () => {
  test('in another stack cannot gather those of the consumer', () => {
    const other = stackInRegion();
    const outbox = new Outbox(other, 'Outbox', outboxProps());
    refused(
      () => ({ monitoring: { outbox: outbox.monitoring } }),
      /"monitoring.outbox" is "Shop\/Outbox\/Monitoring"; .* neither stack could be deployed first\. Give pageTopic and ticketTopic/,
    );
  });

  test('have their own topics', () =>
    refused((stack) => {
      const outbox = new Outbox(stack, 'Outbox', outboxProps());
      return { monitoring: { outbox: outbox.monitoring, runbookBaseUrl: 'https://example.com' } };
    }, /"monitoring.runbookBaseUrl" .* left out with monitoring.outbox/));
});
