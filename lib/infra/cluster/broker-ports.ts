/** The authentication methods of Amazon MSK that this package supports, and the port of each inside the VPC. */
export const BROKER_PORTS = { none: 9092, tls: 9094, scram: 9096, iam: 9098 } as const;

/** How clients authenticate to brokers. */
export type BrokerAccess = keyof typeof BROKER_PORTS;

export const BROKER_ACCESSES = Object.keys(BROKER_PORTS) as readonly BrokerAccess[];
