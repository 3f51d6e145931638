import { Token } from 'aws-cdk-lib';
import { CfnSecurityGroup, Vpc, type ISecurityGroup, type IVpc, type SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { requireOption } from '../options/invalid-option';

/** Where functions run. */
export interface NetworkParts {
  readonly vpc?: IVpc;
  readonly vpcSubnets?: SubnetSelection;
  readonly securityGroups?: ISecurityGroup[];
}

/**
 * Checks what the app makes: the VPC of an imported subnet or security group is unknown.
 *
 * @throws OutboxError `invalid-option` for subnets and security groups without a VPC or of another VPC.
 */
export function checkNetworkParts({ vpc, vpcSubnets, securityGroups = [] }: NetworkParts): void {
  if (vpc === undefined) {
    for (const [option, got] of Object.entries({ vpcSubnets, securityGroups })) {
      const isLeftOut = got === undefined || (Array.isArray(got) && got.length === 0);
      requireOption(isLeftOut, option, 'given without vpc', 'left out without vpc', 'Give the VPC that it belongs to.');
    }
    return;
  }
  const foreignSubnet = vpcSubnets?.subnets?.find(({ node: { scope } }) => scope instanceof Vpc && scope !== vpc);
  requireOption(
    foreignSubnet === undefined,
    'vpcSubnets',
    `one with the subnet ${foreignSubnet?.node.path ?? ''}`,
    `subnets of the VPC ${vpc.node.path}`,
    'Lambda refuses subnets of another VPC. Select them from the vpc that is given.',
  );
  const foreignGroup = securityGroups.find((group) => isOfAnotherVpc(group, vpc));
  requireOption(
    foreignGroup === undefined,
    'securityGroups',
    `one with the group ${foreignGroup?.node.path ?? ''}`,
    `groups of the VPC ${vpc.node.path}`,
    'EC2 attaches a security group only in its own VPC. Make the group with the vpc that is given.',
  );
}

function isOfAnotherVpc({ node: { defaultChild: group } }: ISecurityGroup, { vpcId }: IVpc): boolean {
  if (!(group instanceof CfnSecurityGroup) || group.vpcId === undefined || group.vpcId === vpcId) return false;
  // A token and a plain id may name the same VPC.
  return Token.isUnresolved(group.vpcId) === Token.isUnresolved(vpcId);
}
