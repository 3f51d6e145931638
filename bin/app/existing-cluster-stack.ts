import { Annotations, CfnOutput, CfnParameter, Fn, Stack, type StackProps } from 'aws-cdk-lib';
import { TableV2, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import { SecurityGroup, Subnet, Vpc, type ISecurityGroup, type ISubnet, type IVpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { Secret, type ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { BootstrapBrokers } from '../../lib/infra/cluster/bootstrap-brokers';
import { KafkaAuthentication } from '../../lib/infra/cluster/kafka-authentication';
import { Outbox } from '../../lib/infra/outbox/outbox';
import { NO_VPC, type ExistingClusterContext } from './existing-cluster-context';
import { outboxOptions, outboxOutputs } from './outbox-context';

export interface ExistingClusterStackProps extends StackProps {
  readonly context: ExistingClusterContext;
  /** As in `OutboxProps`. */
  readonly relayCode?: Code;
  readonly sweeperCode?: Code;
}

interface Network {
  readonly vpc: IVpc;
  readonly subnets: ISubnet[];
  readonly securityGroups?: ISecurityGroup[];
}

/** An outbox for an existing Kafka cluster. Each missing required value becomes a parameter of the template. */
export class ExistingClusterStack extends Stack {
  readonly outbox: Outbox;

  constructor(scope: Construct, id: string, props: ExistingClusterStackProps) {
    super(scope, id, props);
    const { context } = props;
    const network = context.vpcId === NO_VPC ? undefined : this.#network(context);
    const topics = context.topics ?? [
      this.#parameter('Topic', 'Kafka topic that events go to. For several, synthesize with the context key "topics".'),
    ];
    this.outbox = new Outbox(this, 'Outbox', {
      topics,
      table: this.#table(context),
      bootstrapBrokers: this.#brokers(context),
      authentication: this.#authentication(context),
      vpc: network?.vpc,
      vpcSubnets: network && { subnets: network.subnets },
      securityGroups: network?.securityGroups,
      ...outboxOptions(this, context),
      relayCode: props.relayCode,
      sweeperCode: props.sweeperCode,
    });
    this.#outputs(topics, network);
  }

  #brokers({ bootstrapBrokers, clusterArn, auth }: ExistingClusterContext): string {
    if (bootstrapBrokers !== undefined) return bootstrapBrokers;
    if (clusterArn !== undefined) {
      return new BootstrapBrokers(this, 'Bootstrap', { clusterArn, access: [auth], repeatFor: auth }).of(auth);
    }
    return this.#parameter(
      'BootstrapBrokers',
      'host:port of brokers, separated by commas (aws kafka get-bootstrap-brokers).',
    );
  }

  #table({ tableArn, tableStreamArn, tableKeyArn }: ExistingClusterContext): ITable | undefined {
    if (tableArn === undefined) return undefined;
    const encryptionKey = tableKeyArn === undefined ? undefined : Key.fromKeyArn(this, 'TableKey', tableKeyArn);
    return TableV2.fromTableAttributes(this, 'Table', { tableArn, tableStreamArn, encryptionKey });
  }

  #authentication(context: ExistingClusterContext): KafkaAuthentication {
    switch (context.auth) {
      case 'iam':
        return KafkaAuthentication.iam({
          clusterArn: context.clusterArn ?? this.#parameter('ClusterArn', 'ARN of the Amazon MSK cluster.'),
        });
      case 'scram':
        return KafkaAuthentication.scram(
          this.#secret(
            context.secretArn ??
              this.#parameter('KafkaUserArn', 'ARN of the secret that holds "username" and "password", as JSON.'),
            context,
          ),
        );
      case 'tls':
        return KafkaAuthentication.tls(
          context.secretArn === undefined ? undefined : this.#secret(context.secretArn, context),
        );
      case 'none':
        return KafkaAuthentication.none();
    }
  }

  #secret(secretCompleteArn: string, { secretKeyArn }: ExistingClusterContext): ISecret {
    return Secret.fromSecretAttributes(this, 'Secret', {
      secretCompleteArn,
      encryptionKey: secretKeyArn === undefined ? undefined : Key.fromKeyArn(this, 'SecretKey', secretKeyArn),
    });
  }

  #network({ vpcId, privateSubnetIds, availabilityZones, securityGroupIds }: ExistingClusterContext): Network {
    Annotations.of(this).acknowledgeWarning(
      '@aws-cdk/aws-ec2:noSubnetRouteTableId',
      'Nothing here asks for a route table.',
    );
    const subnetIds =
      privateSubnetIds ??
      this.#listParameter('PrivateSubnetIds', 'List<AWS::EC2::Subnet::Id>', 'Subnets in which the relay runs.');
    return {
      vpc: Vpc.fromVpcAttributes(this, 'Vpc', {
        vpcId: vpcId ?? this.#parameter('VpcId', 'VPC from which the brokers are reached.', 'AWS::EC2::VPC::Id'),
        // An imported VPC must name a zone, but nothing here reads it.
        availabilityZones: availabilityZones ?? [Fn.select(0, Fn.getAzs())],
      }),
      subnets: subnetIds.map((subnetId, index) =>
        Subnet.fromSubnetAttributes(this, `Subnet${index + 1}`, {
          subnetId,
          availabilityZone: availabilityZones?.[index],
        }),
      ),
      securityGroups: securityGroupIds?.map((groupId, index) =>
        // Their owner manages the rules.
        SecurityGroup.fromSecurityGroupId(this, `SecurityGroup${index + 1}`, groupId, { mutable: false }),
      ),
    };
  }

  #parameter(id: string, description: string, type = 'String'): string {
    return new CfnParameter(this, id, {
      type,
      description,
      ...(type === 'String' ? { minLength: 1, constraintDescription: 'must not be empty' } : {}),
    }).valueAsString;
  }

  /** A list of unknown length: one token that stands for all entries wherever CDK expects a whole list. */
  #listParameter(id: string, type: string, description: string): string[] {
    return new CfnParameter(this, id, { type, description }).valueAsList;
  }

  #outputs(topics: string[], network: Network | undefined): void {
    outboxOutputs(this, this.outbox, topics);
    const { relay } = this.outbox;
    if (network !== undefined && network.securityGroups === undefined) {
      new CfnOutput(this, 'RelaySecurityGroupId', {
        value: relay.connections.securityGroups.map((group) => group.securityGroupId).join(','),
        description: "Security group of the relay: the brokers' group must let it in.",
      });
    }
  }
}
