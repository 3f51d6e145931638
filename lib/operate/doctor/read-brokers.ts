import {
  GetBootstrapBrokersCommand,
  paginateListClustersV2,
  paginateListNodes,
  type Cluster,
  type GetBootstrapBrokersCommandOutput,
  type KafkaClient,
} from '@aws-sdk/client-kafka';
import type { KafkaAuth } from '../../kafka/broker-config';
import { mskDomainOf } from './check-brokers';
import type { FunctionBrokers, MskBrokers } from './deployment';
import { known, type Lookup, lookUp, NOT_LOCAL } from './lookup';

export interface KafkaFunction {
  readonly functionName: string;
  readonly brokers: readonly string[];
  readonly auth: KafkaAuth;
}

/** A function does not name its cluster. It is the one whose brokers have the same domain. */
export async function brokersOf(
  client: KafkaClient | undefined,
  functions: readonly KafkaFunction[],
): Promise<Lookup<readonly FunctionBrokers[]>> {
  if (client === undefined) return NOT_LOCAL;
  const domains = new Set(functions.flatMap(({ brokers }) => brokers.flatMap((broker) => mskDomainOf(broker) ?? [])));
  const clusters = domains.size === 0 ? known([]) : await lookUp(() => bootstrapOf(client, domains));
  const compared = functions.map(async ({ functionName, brokers, auth }): Promise<FunctionBrokers> => {
    const domain = brokers.flatMap((broker) => mskDomainOf(broker) ?? [])[0];
    if (domain === undefined) return { functionName, brokers, cluster: known(undefined) };
    if ('because' in clusters) return { functionName, brokers, cluster: clusters };
    const found = clusters.value.find(({ answers }) => allOf(answers).some((broker) => mskDomainOf(broker) === domain));
    if (found === undefined) {
      const because = `no cluster of this account and Region has brokers of ${domain}`;
      return { functionName, brokers, cluster: { because, remedy: 'Compare them in the account of the cluster.' } };
    }
    return { functionName, brokers, cluster: await lookUp(() => mskBrokers(client, found, auth)) };
  });
  return known(await Promise.all(compared));
}

interface Bootstrap {
  readonly cluster: Cluster;
  readonly answers: GetBootstrapBrokersCommandOutput;
}

const listOf = (text = ''): string[] =>
  text.split(',').flatMap((broker) => (broker.trim() === '' ? [] : broker.trim()));

const allOf = (answers: GetBootstrapBrokersCommandOutput): string[] =>
  Object.entries(answers).flatMap(([name, value]) =>
    name.startsWith('BootstrapBrokerString') && typeof value === 'string' ? listOf(value) : [],
  );

/** The clusters whose brokers are in the domains. Requests the brokers of one cluster after the other until all are found. */
async function bootstrapOf(client: KafkaClient, domains: ReadonlySet<string>): Promise<Bootstrap[]> {
  const found: Bootstrap[] = [];
  const missing = new Set(domains);
  for await (const { ClusterInfoList = [] } of paginateListClustersV2({ client }, {})) {
    for (const cluster of ClusterInfoList) {
      if (cluster.State !== 'ACTIVE' && cluster.State !== 'UPDATING' && cluster.State !== 'MAINTENANCE') continue;
      const answers = await client.send(new GetBootstrapBrokersCommand({ ClusterArn: cluster.ClusterArn }));
      const own = new Set(allOf(answers).flatMap((broker) => mskDomainOf(broker) ?? []));
      if ([...own].every((domain) => !domains.has(domain))) continue;
      found.push({ cluster, answers });
      for (const domain of own) missing.delete(domain);
      if (missing.size === 0) return found;
    }
  }
  return found;
}

/** Fields of the response by login. A relay outside of the cluster's VPC may use the public addresses. */
const ANSWERS = {
  none: ['BootstrapBrokerString'],
  tls: ['BootstrapBrokerStringTls', 'BootstrapBrokerStringPublicTls'],
  scram: ['BootstrapBrokerStringSaslScram', 'BootstrapBrokerStringPublicSaslScram'],
  iam: ['BootstrapBrokerStringSaslIam', 'BootstrapBrokerStringPublicSaslIam'],
} as const satisfies Readonly<Record<KafkaAuth['kind'], readonly (keyof GetBootstrapBrokersCommandOutput)[]>>;

async function mskBrokers(client: KafkaClient, { cluster, answers }: Bootstrap, auth: KafkaAuth): Promise<MskBrokers> {
  const { ClusterName: clusterName = '', ClusterArn, ClusterType } = cluster;
  const current = ANSWERS[auth.kind].flatMap((name) => listOf(answers[name]));
  const hosts: string[] = [];
  // The response names three brokers of a cluster that may have more.
  if (ClusterType === 'PROVISIONED') {
    for await (const { NodeInfoList = [] } of paginateListNodes({ client }, { ClusterArn })) {
      hosts.push(...NodeInfoList.flatMap(({ BrokerNodeInfo: broker }) => broker?.Endpoints ?? []));
    }
  }
  return { clusterName, current, hosts };
}
