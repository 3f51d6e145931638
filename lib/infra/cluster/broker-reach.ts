import { Token } from 'aws-cdk-lib';
import { requireOption } from '../options/invalid-option';

/** The authentication methods of Amazon MSK that this package supports, and the port of each inside the VPC. */
export const BROKER_PORTS = { none: 9092, tls: 9094, scram: 9096, iam: 9098 } as const;

/** How clients authenticate to brokers. */
export type BrokerAccess = keyof typeof BROKER_PORTS;

export const BROKER_ACCESSES = Object.keys(BROKER_PORTS) as readonly BrokerAccess[];

/** `b-1.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com`, `boot-a1b2c3.c1.kafka-serverless.…`. */
const MSK_HOST = /\.kafka(-[a-z]+)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/;

/**
 * Ports for IPv4 and IPv6. With public access, brokers listen on 9194, 9196 and 9198 instead.
 * https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html
 */
const PORTS_INSIDE_VPC: ReadonlySet<number> = new Set(
  Object.values(BROKER_PORTS).flatMap((port) => [port, port + 11_000]),
);

/** The first address that only the VPC of its MSK cluster can reach; `undefined` if there is none. */
export function addressInsideVpc(bootstrapBrokers: string): string | undefined {
  if (Token.isUnresolved(bootstrapBrokers)) return undefined;
  return bootstrapBrokers
    .split(',')
    .map((address) => address.trim())
    .find((address) => {
      const [host = '', port] = address.split(':');
      return MSK_HOST.test(host) && PORTS_INSIDE_VPC.has(Number(port));
    });
}

export interface BrokerReach {
  readonly inVpc: boolean;
  readonly bootstrapBrokers: string;
  /** Whether the deployment looks the brokers up by the cluster's ARN, which yields addresses inside its VPC. */
  readonly areLookedUp: boolean;
}

/** @throws OutboxError `invalid-option` for a function outside of any VPC whose brokers listen inside one. */
export function checkBrokerReach({ inVpc, bootstrapBrokers, areLookedUp }: BrokerReach): void {
  if (inVpc) return;
  const inside = areLookedUp ? 'the addresses that the cluster is asked for' : addressInsideVpc(bootstrapBrokers);
  requireOption(
    inside === undefined,
    'vpc',
    undefined,
    'given, from where the brokers are reached',
    `From outside of the cluster's VPC nothing leads to ${inside ?? ''}: every connection would time out. Give vpc, or the cluster its network; to a cluster with public access, give bootstrapBrokers with its public addresses.`,
  );
}

/** The host names of Amazon MSK name the region: `b-1.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9098`. */
export function regionOfBrokers(bootstrapBrokers: string): string | undefined {
  if (Token.isUnresolved(bootstrapBrokers)) return undefined;
  return /\.kafka(?:-[a-z]+)?\.([a-z0-9-]+)\.amazonaws\.com/.exec(bootstrapBrokers)?.[1];
}
