import { Stack } from 'aws-cdk-lib';
import { locationOf, partsOfArn } from '../options/arn';
import { REGION_ONLY, type LocatedResource } from '../options/locations';
import type { ResolvedBrokers } from './broker-props';
import { regionOfBrokers } from './broker-reach';

/** Regions and accounts of the brokers, their login and their network, with the options that name them. */
export function locationsOfBrokers({
  cluster,
  authentication,
  bootstrapBrokers,
  vpc,
}: ResolvedBrokers): LocatedResource[] {
  const { settings, clusterArn } = authentication;
  const located: LocatedResource[] = [];
  const advice =
    'No event source mapping, trigger or permission of this stack reaches it there. Give each region and account its own cluster and stack.';
  if (cluster !== undefined) {
    const location = locationOf(cluster.clusterArn, cluster.exists ? undefined : Stack.of(cluster));
    located.push({ option: 'cluster', name: `the cluster ${cluster.node.path}`, location, advice });
  }
  if (clusterArn !== undefined) {
    const location = partsOfArn(clusterArn);
    located.push({ option: 'authentication', name: 'IAM of a cluster', location, advice });
    located.push({
      option: 'bootstrapBrokers',
      name: 'brokers',
      location: { region: regionOfBrokers(bootstrapBrokers) },
      advice: 'A login by IAM is signed for the region of the function. Use brokers of that region.',
    });
  }
  if ('secretArn' in settings && settings.secretArn !== undefined) {
    located.push({
      option: 'authentication',
      name: 'a login in a secret',
      location: partsOfArn(settings.secretArn),
      compared: REGION_ONLY,
      advice: 'Functions read the secret from Secrets Manager of their own region. Replicate it there.',
    });
  }
  if (vpc !== undefined) {
    located.push({
      option: 'vpc',
      name: `the VPC ${vpc.node.path}`,
      location: vpc.env,
      compared: REGION_ONLY,
      advice: 'A function runs in a VPC of its own region.',
    });
  }
  return located;
}
