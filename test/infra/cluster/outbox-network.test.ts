import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { SubnetType, Vpc, type CfnVPCEndpoint } from 'aws-cdk-lib/aws-ec2';
import { OutboxNetwork, type OutboxNetworkProps } from '../../../lib/infra/cluster/outbox-network';
import { masked, propertiesOf } from '../stack';

const ENDPOINT = 'AWS::EC2::VPCEndpoint';

function networkStack(props: (stack: Stack) => OutboxNetworkProps = () => ({})): {
  network: OutboxNetwork;
  template: Template;
} {
  const stack = new Stack(new App(), 'Net', { env: { region: 'eu-west-1' } });
  const network = new OutboxNetwork(stack, 'Network', props(stack));
  return { network, template: Template.fromStack(stack) };
}

const imported = (stack: Stack) =>
  Vpc.fromVpcAttributes(stack, 'Imported', {
    vpcId: 'vpc-0123456789abcdef0',
    availabilityZones: ['eu-west-1a', 'eu-west-1b'],
    privateSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
    privateSubnetRouteTableIds: ['rtb-0123456789abcdef0', 'rtb-0123456789abcdef1'],
  });

/** `[group, from, to]` of every ingress rule. */
const ingress = (template: Template): unknown[] =>
  propertiesOf(template, 'AWS::EC2::SecurityGroupIngress').map((rule) => [rule['FromPort'], rule['ToPort']]);

describe('a new VPC', () => {
  test('has three isolated subnets and no way out of it', () => {
    const { template } = networkStack();
    template.resourceCountIs('AWS::EC2::Subnet', 3);
    template.allResourcesProperties('AWS::EC2::Subnet', { MapPublicIpOnLaunch: false });
    for (const type of ['NatGateway', 'InternetGateway', 'Route', 'EgressOnlyInternetGateway']) {
      template.resourceCountIs(`AWS::EC2::${type}`, 0);
    }
  });

  test('reaches DynamoDB by a gateway endpoint in every subnet, which is free, and nothing else', () => {
    const { template } = networkStack();
    template.resourceCountIs(ENDPOINT, 1);
    template.hasResourceProperties(ENDPOINT, {
      VpcEndpointType: 'Gateway',
      ServiceName: { 'Fn::Join': ['', Match.arrayWith(['.dynamodb'])] },
      RouteTableIds: [Match.anyValue(), Match.anyValue(), Match.anyValue()],
    });
  });

  test('logs refused traffic', () => {
    networkStack().template.hasResourceProperties('AWS::EC2::FlowLog', { TrafficType: 'REJECT' });
    networkStack(() => ({ flowLogs: false })).template.resourceCountIs('AWS::EC2::FlowLog', 0);
  });

  test('uses the given zones', () => {
    const { template } = networkStack(() => ({ availabilityZones: ['eu-west-1b', 'eu-west-1c'] }));
    template.resourceCountIs('AWS::EC2::Subnet', 2);
    template.hasResourceProperties('AWS::EC2::Subnet', { AvailabilityZone: 'eu-west-1b' });
  });
});

describe('the security groups', () => {
  test('let clients in on the port of IAM only', () => {
    const { template } = networkStack();
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 1);
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      FromPort: 9098,
      ToPort: 9098,
      GroupId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^NetworkBrokers'), 'GroupId'] },
      SourceSecurityGroupId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^NetworkClients'), 'GroupId'] },
    });
    expect(JSON.stringify(template.findResources('AWS::EC2::SecurityGroup'))).not.toContain('"IpProtocol":"-1"');
  });

  test('open one port for each authentication method', () => {
    const { template } = networkStack(() => ({ access: ['iam', 'scram'] }));
    expect(ingress(template)).toEqual(
      expect.arrayContaining([
        [9098, 9098],
        [9096, 9096],
      ]),
    );
  });

  test('let the pollers of event source mappings in, which use the group of the brokers', () => {
    const { template } = networkStack(() => ({ consumerMappings: 'provisioned' }));
    const brokers = { 'Fn::GetAtt': [Match.stringLikeRegexp('^NetworkBrokers'), 'GroupId'] };
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      FromPort: 9098,
      GroupId: brokers,
      SourceSecurityGroupId: brokers,
    });
    template.resourceCountIs(ENDPOINT, 1);
  });
});

test('interface endpoints, which cost by the hour, are made only if an option needs them', () => {
  const services = (props: OutboxNetworkProps) =>
    propertiesOf(networkStack(() => props).template, ENDPOINT)
      .filter((endpoint) => endpoint['VpcEndpointType'] === 'Interface')
      .map((endpoint) => JSON.stringify(endpoint['ServiceName']).replace(/.*\.([a-z]+)".*/, '$1'))
      .sort();
  expect(services({ access: ['iam', 'tls'] })).toEqual([]);
  expect(services({ access: ['scram'] })).toEqual(['secretsmanager']);
  expect(services({ consumerMappings: 'on-demand' })).toEqual(['lambda', 'sts']);
});

describe('an imported VPC', () => {
  test('gets security groups and nothing else', () => {
    const { template, network } = networkStack((stack) => ({ vpc: imported(stack) }));
    const types = Object.values(template.toJSON()['Resources'] as Record<string, { Type: string }>);
    expect(types.map(({ Type }) => Type).sort()).toEqual([
      'AWS::EC2::SecurityGroup',
      'AWS::EC2::SecurityGroup',
      'AWS::EC2::SecurityGroupEgress',
      'AWS::EC2::SecurityGroupIngress',
    ]);
    expect(network.vpc.selectSubnets(network.vpcSubnets).subnetIds).toHaveLength(2);
  });

  test('gets the interface endpoint that SCRAM needs', () => {
    const { template } = networkStack((stack) => ({ vpc: imported(stack), access: ['scram'] }));
    template.resourceCountIs(ENDPOINT, 1);
  });

  test('keeps the interface endpoints that it has', () => {
    const { template } = networkStack((stack) => ({
      vpc: imported(stack),
      access: ['scram'],
      consumerMappings: 'on-demand',
      interfaceEndpoints: false,
    }));
    template.resourceCountIs(ENDPOINT, 0);
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      GroupDescription: 'Kafka brokers',
      SecurityGroupEgress: [Match.objectLike({ CidrIp: '0.0.0.0/0', FromPort: 443, ToPort: 443 })],
    });
  });
});

test('the VPC of another stack gets its endpoints here: that stack must not need this one', () => {
  const app = new App();
  const vpc = new Vpc(new Stack(app, 'Elsewhere'), 'Vpc', {
    natGateways: 0,
    subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
  });
  const stack = new Stack(app, 'Net');
  const network = new OutboxNetwork(stack, 'Network', { vpc, access: ['scram'] });
  expect(Template.fromStack(stack).findResources(ENDPOINT)).toEqual({
    // A construct that depends on the network also waits for the endpoint of the login secret.
    [stack.getLogicalId(network.node.findChild('SecretsManager').node.defaultChild as CfnVPCEndpoint)]:
      expect.anything(),
  });
});

test('the template of the defaults', () => {
  expect(masked(networkStack().template)).toMatchSnapshot();
});

test('the template with every option set', () => {
  const options: Required<Omit<OutboxNetworkProps, 'vpc' | 'vpcSubnets' | 'interfaceEndpoints'>> = {
    availabilityZones: ['eu-west-1a', 'eu-west-1b'],
    cidr: '10.1.0.0/16',
    access: ['iam', 'scram'],
    consumerMappings: 'on-demand',
    flowLogs: false,
  };
  expect(masked(networkStack(() => options).template)).toMatchSnapshot();
});

test.each<[string, (stack: Stack) => object, string]>([
  ['no access', () => ({ access: [] }), 'access'],
  ['an unknown access', () => ({ access: ['kerberos'] }), 'access'],
  ['subnets of no VPC', () => ({ vpcSubnets: {} }), 'vpcSubnets'],
  ['zones of a VPC that exists', (stack) => ({ vpc: imported(stack), availabilityZones: ['a'] }), 'availabilityZones'],
  ['a new VPC without a way to what it needs', () => ({ interfaceEndpoints: false }), 'interfaceEndpoints'],
  ['a misspelt option', () => ({ vcp: 1 }), 'vcp'],
])('%s: refused', (_, props, option) => {
  const stack = new Stack();
  expect(() => new OutboxNetwork(stack, 'Network', props(stack))).toThrow(
    expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option }) }),
  );
});
