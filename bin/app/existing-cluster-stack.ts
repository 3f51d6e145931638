import { Annotations, CfnOutput, CfnParameter, Fn, Stack, type StackProps } from 'aws-cdk-lib';
import { TableV2, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import { SecurityGroup, Subnet, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Secret, type ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { BootstrapBrokers } from '../../lib/infra/cluster/bootstrap-brokers';
import { addressInsideVpc } from '../../lib/infra/cluster/broker-reach';
import { KafkaAuthentication } from '../../lib/infra/cluster/kafka-authentication';
import { requireLeftOut, requireOption } from '../../lib/infra/options/invalid-option';
import { Outbox } from '../../lib/infra/outbox/outbox';
import type { OutboxProps } from '../../lib/infra/outbox/outbox-props';
import {
  list,
  oneOf,
  readContext,
  text,
  withDefault,
  outboxOptions,
  outboxOutputs,
  checkNotifiedRegions,
  OUTBOX_KEYS,
  type Context,
  type ContextOf,
} from './outbox-context';

/** Value of `vpcId` for a relay outside of any VPC. */
export const NO_VPC = 'none';

/** CDK context for an existing cluster (`-c key=value`, cdk.json). Lists are JSON arrays or comma-separated texts. */
const KEYS = {
  ...OUTBOX_KEYS,
  /**
   * `host:port` of brokers, separated by commas. By default the stack looks them up by `clusterArn`, or else declares
   * the parameter `BootstrapBrokers`.
   */
  bootstrapBrokers: text,
  auth: withDefault(oneOf('iam', 'scram', 'tls', 'none'), 'iam'),
  /** Topics that the relay may publish to. By default the parameter `Topic` names one. */
  topics: list,
  /** For `iam` (otherwise the parameter `ClusterArn`), and for looking up the brokers. */
  clusterArn: text,
  /** For `scram` (otherwise the parameter `KafkaUserArn`), and for `tls` if clients have certificates. */
  secretArn: text,
  /** KMS key of the secret, if it is a customer managed key (MSK requires one for `scram`). */
  secretKeyArn: text,
  /** VPC of the relay (otherwise the parameter `VpcId`). `none` requires `bootstrapBrokers` reachable from outside. */
  vpcId: text,
  /** Subnets of the relay; otherwise the parameter `PrivateSubnetIds`. */
  privateSubnetIds: list,
  /** The availability zone of each of `privateSubnetIds`, in the same order. */
  availabilityZones: list,
  /** Security groups of the relay. By default the stack makes one, which the brokers' group must let in. */
  securityGroupIds: list,
  /** An existing table. By default the stack makes one. */
  tableArn: text,
  tableStreamArn: text,
  /** KMS key of `tableArn`, if it is a customer managed key. */
  tableKeyArn: text,
};

export type ExistingClusterContext = ContextOf<typeof KEYS>;

/** @throws OutboxError `invalid-option` for a value or a combination that cannot work, and for a misspelt key. */
export function parseExistingClusterContext(context: Context): ExistingClusterContext {
  const parsed = readContext(context, KEYS);
  checkNotifiedRegions(parsed);
  refuseUnused(parsed);
  refuseIncompleteNetwork(parsed);
  refuseOutOfReach(parsed);
  return parsed;
}

function refuseUnused(context: ExistingClusterContext): void {
  const { auth, bootstrapBrokers, clusterArn, secretArn, secretKeyArn, tableArn, tableStreamArn, tableKeyArn } =
    context;
  if (bootstrapBrokers !== undefined && auth !== 'iam') {
    requireLeftOut(
      { clusterArn },
      `left out with bootstrapBrokers and auth "${auth}"`,
      'Only auth "iam" authorises by it, and the brokers need no look-up.',
    );
  }
  requireOption(
    (tableArn === undefined) === (tableStreamArn === undefined),
    tableArn === undefined ? 'tableArn' : 'tableStreamArn',
    undefined,
    'given together with the other one of tableArn and tableStreamArn',
    'The relay reads the stream of the table that services write to.',
  );
  if (auth !== 'scram' && auth !== 'tls') {
    requireLeftOut({ secretArn }, `left out with auth "${auth}"`, 'Did you mean auth "scram" or "tls"?');
  }
  // With `scram` the secret may be a parameter.
  if (secretArn === undefined && auth !== 'scram') {
    requireLeftOut({ secretKeyArn }, 'given together with secretArn', 'It is the key of that secret.');
  }
  if (tableArn === undefined) {
    requireLeftOut({ tableKeyArn }, 'given together with tableArn', 'It is the key of that table.');
  }
}

function refuseIncompleteNetwork(context: ExistingClusterContext): void {
  const { vpcId, privateSubnetIds, availabilityZones, securityGroupIds } = context;
  if (vpcId === undefined || vpcId === NO_VPC) {
    const network = { privateSubnetIds, availabilityZones, securityGroupIds };
    requireLeftOut(network, 'given together with vpcId', 'Add the id of the VPC that it belongs to.');
  }
  requireOption(
    availabilityZones === undefined || availabilityZones.length === privateSubnetIds?.length,
    'availabilityZones',
    availabilityZones,
    `as many zones as privateSubnetIds has subnets (${privateSubnetIds?.length ?? 0})`,
    'Name the zone of each subnet, in the same order, or leave them out.',
  );
}

/** Brokers of Amazon MSK listen inside a VPC. With public access they have additional, public addresses. */
function refuseOutOfReach({ vpcId, bootstrapBrokers }: ExistingClusterContext): void {
  if (vpcId !== NO_VPC) return;
  requireOption(
    bootstrapBrokers !== undefined,
    'bootstrapBrokers',
    bootstrapBrokers,
    'given with vpcId "none"',
    'The addresses that the deployment looks up are not reachable from outside of the VPC of the cluster. Give the VPC and its subnets, or the public addresses of the brokers (BootstrapBrokerStringPublic… of "aws kafka get-bootstrap-brokers").',
  );
  const inside = addressInsideVpc(bootstrapBrokers);
  requireOption(
    inside === undefined,
    'vpcId',
    vpcId,
    `the VPC from which ${inside ?? ''} is reached`,
    'That is an address inside the VPC of the cluster: from outside every connection would time out. Give the VPC and its subnets, or the public addresses of the brokers (ports 9194, 9196, 9198).',
  );
}

export interface ExistingClusterStackProps extends StackProps, Pick<OutboxProps, 'relayCode' | 'sweeperCode'> {
  readonly context: ExistingClusterContext;
}

type Network = Pick<OutboxProps, 'vpc' | 'vpcSubnets' | 'securityGroups'>;

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
      ...network,
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
      vpcSubnets: {
        subnets: subnetIds.map((subnetId, index) =>
          Subnet.fromSubnetAttributes(this, `Subnet${index + 1}`, {
            subnetId,
            availabilityZone: availabilityZones?.[index],
          }),
        ),
      },
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
