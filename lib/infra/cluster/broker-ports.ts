/** The ways into a cluster of Amazon MSK that this package knows, and the port of each inside the VPC. */
export const BROKER_PORTS = { none: 9092, tls: 9094, scram: 9096, iam: 9098 } as const;

/** How clients authenticate themselves to brokers. */
export type BrokerAccess = keyof typeof BROKER_PORTS;

export const BROKER_ACCESSES = Object.keys(BROKER_PORTS) as readonly BrokerAccess[];
