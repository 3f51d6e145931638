import { Fn, Token } from 'aws-cdk-lib';
import { Grant } from 'aws-cdk-lib/aws-iam';
import {
  EventSourceMapping,
  MetricType,
  SourceAccessConfigurationType,
  type Function as LambdaFunction,
  type IEventSourceDlq,
  type SourceAccessConfiguration,
} from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { ConsumedTopic, ResolvedConsumerProps } from './outbox-consumer-props';

/**
 * The event source mapping that delivers one topic to a consumer's function, in provisioned mode. Provisioned pollers
 * need neither NAT nor endpoints, and only they support partial batch responses and unlimited retries for Kafka.
 */
export function consumerMapping(
  scope: Construct,
  target: LambdaFunction,
  { topic, group }: ConsumedTopic,
  props: ResolvedConsumerProps,
): EventSourceMapping {
  const clusterArn = clusterOf(props);
  const access = accessOf(props, target);
  const mapping = new EventSourceMapping(scope, `Mapping-${topic}`, {
    target,
    ...(clusterArn === undefined
      ? { kafkaBootstrapServers: listOf(props.bootstrapBrokers) }
      : { eventSourceArn: clusterArn }),
    sourceAccessConfigurations: access.length === 0 ? undefined : access,
    kafkaTopic: topic,
    kafkaConsumerGroupId: group,
    startingPosition: props.startingPosition,
    startingPositionTimestamp: props.startingPositionTimestamp,
    enabled: props.enabled,
    batchSize: props.batchSize,
    maxBatchingWindow: props.maxBatchingWindow,
    filters: props.filters,
    provisionedPollerConfig: {
      minimumPollers: props.minimumPollers,
      maximumPollers: props.maximumPollers,
      pollerGroupName: pollerGroupOf(props),
    },
    reportBatchItemFailures: true,
    // Lambda drops a batch that runs out of retries, and an outage may outlast any limit.
    retryAttempts: props.onFailure?.retryAttempts ?? -1,
    onFailure: props.onFailure === undefined ? undefined : wholeBatchesTo(props.onFailure.bucket),
    metricsConfig: { metrics: [MetricType.EVENT_COUNT, MetricType.ERROR_COUNT, MetricType.KAFKA_METRICS] },
  });
  // Lambda refuses the mapping until the role has its permissions, and its pollers start at once.
  mapping.node.addDependency(target.role ?? target, ...props.dependencies);
  return mapping;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/kafka-scaling-modes.html */
const GROUP_MAPPINGS = 100;
const GROUP_POLLERS = 2_000;

/** Mappings of one group share pollers, which are billed by the hour; `undefined` if sharing has no effect. */
const pollerGroupOf = ({ consumerName, topics, maximumPollers }: ResolvedConsumerProps): string | undefined =>
  topics.length > 1 && topics.length <= GROUP_MAPPINGS && topics.length * maximumPollers <= GROUP_POLLERS
    ? consumerName
    : undefined;

/** The Amazon MSK cluster in which pollers look the brokers up; `undefined` if the app knows only addresses. */
const clusterOf = ({ cluster, authentication }: ResolvedConsumerProps): string | undefined =>
  cluster?.clusterArn ?? authentication.clusterArn;

/** Splits a comma-separated list of servers, which may be a token of unknown length. */
const listOf = (servers: string): string[] =>
  Token.isUnresolved(servers) ? Fn.split(',', servers) : servers.split(',').map((server) => server.trim());

function accessOf(props: ResolvedConsumerProps, target: LambdaFunction): SourceAccessConfiguration[] {
  const { authentication, vpc, vpcSubnets } = props;
  const login = loginOf(authentication.settings);
  // With Amazon MSK, pollers use the subnets and groups of the cluster.
  if (clusterOf(props) !== undefined || vpc === undefined) return login;
  return [
    ...login,
    ...vpc.selectSubnets(vpcSubnets).subnetIds.map((id) => ({
      type: SourceAccessConfigurationType.VPC_SUBNET,
      uri: `subnet:${id}`,
    })),
    ...target.connections.securityGroups.map(({ securityGroupId }) => ({
      type: SourceAccessConfigurationType.VPC_SECURITY_GROUP,
      uri: `security_group:${securityGroupId}`,
    })),
  ];
}

function loginOf(settings: ResolvedConsumerProps['authentication']['settings']): SourceAccessConfiguration[] {
  if (settings.kind === 'scram') {
    return [{ type: SourceAccessConfigurationType.SASL_SCRAM_512_AUTH, uri: settings.secretArn }];
  }
  if (settings.kind === 'tls' && settings.secretArn !== undefined) {
    return [{ type: SourceAccessConfigurationType.CLIENT_CERTIFICATE_TLS_AUTH, uri: settings.secretArn }];
  }
  return [];
}

/** Not `S3OnFailureDestination`, which also grants reading and deleting the bucket's objects. */
const wholeBatchesTo = (bucket: IBucket): IEventSourceDlq => ({
  bind: (_mapping, target) => {
    Grant.addToPrincipal({ grantee: target, actions: ['s3:ListBucket'], resourceArns: [bucket.bucketArn] });
    Grant.addToPrincipal({ grantee: target, actions: ['s3:PutObject'], resourceArns: [bucket.arnForObjects('*')] });
    bucket.encryptionKey?.grant(target, 'kms:GenerateDataKey');
    return { destination: bucket.bucketArn };
  },
});

/** Pollers use the function's role: they read messages, look up the cluster and connect to its network. */
export function grantPolling(target: LambdaFunction, props: ResolvedConsumerProps): void {
  const clusterArn = clusterOf(props);
  if (clusterArn !== undefined) {
    Grant.addToPrincipal({
      grantee: target,
      actions: [
        'kafka:DescribeClusterV2',
        'kafka:GetBootstrapBrokers',
        ...(props.authentication.settings.kind === 'scram' ? ['kafka:ListScramSecrets'] : []),
      ],
      resourceArns: [clusterArn],
    });
  }
  if (clusterArn === undefined && props.vpc === undefined) return;
  Grant.addToPrincipal({
    grantee: target,
    actions: [
      'ec2:CreateNetworkInterface',
      'ec2:DeleteNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSecurityGroups',
      'ec2:DescribeSubnets',
      'ec2:DescribeVpcs',
    ],
    // EC2 cannot restrict these actions to specific interfaces.
    resourceArns: ['*'],
  });
}
