import { App, NestedStack, Stack, Token } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import {
  AttributeType,
  MultiRegionConsistency,
  StreamViewType,
  TableV2,
  type TablePropsV2,
} from 'aws-cdk-lib/aws-dynamodb';
import {
  GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { AccountRootPrincipal, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import {
  type CfnEventSourceMapping,
  EventSourceMapping,
  Function as LambdaFunction,
  Runtime,
  StartingPosition,
} from 'aws-cdk-lib/aws-lambda';
import { Outbox } from '../../../lib/infra/outbox/outbox';
import { OutboxCluster } from '../../../lib/infra/cluster/outbox-cluster';
import { OutboxTopics } from '../../../lib/infra/cluster/outbox-topics';
import { CLUSTER_ARN, outboxProps, outboxStack, relayCode, type Synthesized } from '../stack';

const ownTable = (stack: Stack, changed: Partial<TablePropsV2> = {}): TableV2 =>
  new TableV2(stack, 'Own', {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    localSecondaryIndexes: [{ indexName: 'pin', sortKey: { name: 'pin', type: AttributeType.STRING } }],
    dynamoStream: StreamViewType.NEW_IMAGE,
    timeToLiveAttribute: 'expiresAt',
    ...changed,
  });

const isolated = (stack: Stack): Vpc =>
  new Vpc(stack, 'Vpc', {
    natGateways: 0,
    subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
  });

const reader = ({ stack }: Synthesized, eventSourceArn: string, id: string): EventSourceMapping => {
  const target = new LambdaFunction(stack, `${id}Function`, {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: relayCode(),
  });
  return new EventSourceMapping(stack, id, { target, eventSourceArn, startingPosition: StartingPosition.LATEST });
};

describe('a table of one’s own', () => {
  test('that is like an outbox is taken', () => {
    const { template } = outboxStack((stack) => ({ table: ownTable(stack) }));
    template().resourceCountIs('AWS::DynamoDB::GlobalTable', 1);
    template().hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Own'), 'StreamArn'] },
    });
  });

  test.each<[string, Partial<TablePropsV2>, RegExp]>([
    ['keys in its stream', { dynamoStream: StreamViewType.KEYS_ONLY }, /\[Orders\/Outbox\] The table has a stream of/],
    ['another TTL', { timeToLiveAttribute: 'ttl' }, /The table has the TTL attribute "ttl"/],
    ['no index', { localSecondaryIndexes: undefined }, /The table has no local secondary index/],
    [
      'strong consistency',
      {
        multiRegionConsistency: MultiRegionConsistency.STRONG,
        replicas: [{ region: 'eu-west-2' }, { region: 'eu-west-3' }],
      },
      /multi-Region strong consistency/,
    ],
  ])('with %s is refused when the app is synthesized', (_, changed, message) => {
    expect(outboxStack((stack) => ({ table: ownTable(stack, changed) })).template).toThrow(message);
  });

  test('of which no stream is known is refused at once', () => {
    expect(() => outboxStack((stack) => ({ table: TableV2.fromTableName(stack, 'Imported', 'orders') }))).toThrow(
      /a table without tableStreamArn"; .* TableV2.fromTableAttributes/,
    );
  });

  test('excludes the options of a new table', () => {
    expect(() => outboxStack((stack) => ({ table: ownTable(stack), tableName: 'orders' }))).toThrow(
      'Option "tableName" is "orders"; it must be left out with table.',
    );
  });
});

describe('the stream', () => {
  test('has room for one more reader', () => {
    const one = outboxStack();
    reader(one, one.outbox.table.tableStreamArn!, 'Audit');
    expect(one.template).not.toThrow();
    const two = outboxStack();
    reader(two, two.outbox.table.tableStreamArn!, 'Audit');
    reader(two, two.outbox.table.tableStreamArn!, 'Search');
    expect(two.template).toThrow(/3 event source mappings read the stream/);
  });

  test('keeps the settings of the outbox, whatever an escape hatch changes', () => {
    const synthesized = outboxStack();
    const mapping = synthesized.outbox.eventSourceMapping.node.defaultChild as CfnEventSourceMapping;
    mapping.addPropertyOverride('ParallelizationFactor', 10);
    expect(synthesized.template).toThrow(/has a parallelization factor of 10/);
  });
});

describe('a cluster without a network', () => {
  const clusterOf = (stack: Stack): OutboxCluster =>
    OutboxCluster.existing(stack, 'Cluster', { clusterArn: CLUSTER_ARN });
  const given = { bootstrapBrokers: undefined, authentication: undefined };

  test('is refused without a VPC from which it is reached', () => {
    expect(() => outboxStack((stack) => ({ ...given, cluster: clusterOf(stack) }))).toThrow(
      /^Option "vpc" is not set; .* nothing leads to the addresses that the cluster is asked for/,
    );
    expect(
      outboxStack((stack) => ({ ...given, cluster: clusterOf(stack), vpc: new Vpc(stack, 'Vpc') })).template,
    ).not.toThrow();
  });

  test('is refused by the function that makes topics', () => {
    const stack = new Stack();
    const cluster = OutboxCluster.existing(stack, 'Cluster', { clusterArn: CLUSTER_ARN, kind: 'serverless' });
    expect(() => new OutboxTopics(stack, 'Topics', { cluster, topics: ['orders'], topicsCode: relayCode() })).toThrow(
      /^Option "vpc" is not set; .* nothing leads to/,
    );
  });
});

describe('a VPC made in the app', () => {
  test('without a way to DynamoDB is refused', () => {
    expect(
      outboxStack((stack) => ({ vpc: isolated(stack), vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED } }))
        .template,
    ).toThrow(/The relay runs in Orders\/Vpc, from where nothing leads to DynamoDB/);
  });

  test('may get its endpoint after the outbox, and anywhere in the app', () => {
    let vpc: Vpc | undefined;
    const { stack, template } = outboxStack((scope) => {
      vpc = isolated(scope);
      return { vpc, vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED } };
    });
    new GatewayVpcEndpoint(stack, 'Endpoint', { vpc: vpc!, service: GatewayVpcEndpointAwsService.DYNAMODB });
    expect(template).not.toThrow();
  });

  test('does not lead there by an endpoint of the streams', () => {
    let vpc: Vpc | undefined;
    const { stack, template } = outboxStack((scope) => {
      vpc = isolated(scope);
      return { vpc, vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED } };
    });
    const service = InterfaceVpcEndpointAwsService.DYNAMODB_STREAMS;
    new InterfaceVpcEndpoint(stack, 'Endpoint', { vpc: vpc!, service });
    expect(template).toThrow(/nothing leads to DynamoDB/);
  });

  test('leads there by NAT as well', () => {
    expect(outboxStack((stack) => ({ vpc: new Vpc(stack, 'Vpc') })).template).not.toThrow();
  });
});

describe('a key made in the app', () => {
  const locked = (stack: Stack): Key =>
    new Key(stack, 'Key', {
      policy: new PolicyDocument({
        statements: [
          new PolicyStatement({
            actions: ['kms:Describe*', 'kms:Put*'],
            principals: [new AccountRootPrincipal()],
            resources: ['*'],
          }),
        ],
      }),
    });

  test.each(['encryptionKey', 'environmentEncryptionKey'] as const)(
    'that shuts the relay out is refused as %s',
    (option) => {
      expect(outboxStack((stack) => ({ [option]: locked(stack) })).template).toThrow(
        /The policy of the key Orders\/Key does not allow kms:Decrypt to the relay/,
      );
    },
  );

  test('may name the relay instead of the account', () => {
    let key: Key | undefined;
    const { outbox, template } = outboxStack((stack) => {
      key = locked(stack);
      return { environmentEncryptionKey: key };
    });
    const roles = [outbox.relay, outbox.sweeper].map(({ role }) => role!);
    key!.addToResourcePolicy(
      new PolicyStatement({
        actions: ['kms:*'],
        principals: roles,
        resources: ['*'],
      }),
    );
    expect(template).not.toThrow();
  });
});

describe('several outboxes in one app', () => {
  test('work next to each other, each with its own resources', () => {
    const { stack, template } = outboxStack();
    const second = new Outbox(stack, 'Payments', outboxProps({ topics: ['payments'] }));
    second.grantWrite(new Role(stack, 'Service', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') }));
    template().resourceCountIs('AWS::DynamoDB::GlobalTable', 2);
    template().resourceCountIs('AWS::Lambda::EventSourceMapping', 2);
    template().hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: { OUTBOX_NAME: 'Orders-Payments' } },
    });
  });

  test('have a name that AWS accepts, whatever the ids of their constructs are', () => {
    const { stack } = outboxStack();
    expect(new Outbox(stack, 'Größe: 1', outboxProps()).outboxName).toBe('Orders-Gr-e-1');
  });

  test('are refused if that name is too long', () => {
    const { stack } = outboxStack();
    expect(() => new Outbox(stack, 'O'.repeat(150), outboxProps())).toThrow(
      /^Option "outboxName" is "Orders-O+…?.*"; it must be 1 to 128/,
    );
  });

  test('take the name of a nested stack when it is known', () => {
    const nested = new NestedStack(new Stack(new App(), 'Orders'), 'Nested');
    expect(Token.isUnresolved(new Outbox(nested, 'Outbox', outboxProps()).outboxName)).toBe(true);
  });

  test('need names of their own', () => {
    const { stack, template } = outboxStack(() => ({ outboxName: 'orders' }));
    new Outbox(stack, 'Second', outboxProps({ outboxName: 'orders' }));
    expect(template).toThrow(/The outboxes Orders\/Outbox and Orders\/Second have the outboxName "orders"/);
  });
});
