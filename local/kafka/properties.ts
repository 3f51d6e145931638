import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** A further listener of one node: see `KafkaListener`. */
export interface ListenerProperties {
  readonly name: string;
  readonly port: number;
  /** `host:port` that the node tells clients. */
  readonly advertised: string;
  /** Set if clients must log in. */
  readonly login?: { readonly keystore: string; readonly sessionMs?: number };
}

/** The settings of one node. */
export interface NodeProperties {
  readonly nodeId: number;
  readonly port: number;
  /** Controller ports of every node, by index; node ids start with 1. */
  readonly controllerPorts: readonly number[];
  readonly folder: string;
  /** Whether it is a broker only, without a vote in the quorum of the controllers. */
  readonly isBrokerOnly?: boolean;
  /** Whether the node logs every permission that it checks: see `KafkaOptions.audited`. */
  readonly audited?: boolean;
  readonly listeners?: readonly ListenerProperties[];
}

/**
 * The partitions of each of Kafka's own topics. Few, because a cluster is ready only when all of them respond; three,
 * so that each of three nodes coordinates some groups.
 */
export const COORDINATOR_PARTITIONS = 3;

/** `server.properties` of a broker, by default combined with a controller. */
export function serverProperties(properties: NodeProperties): string {
  const { nodeId, port, controllerPorts, folder, isBrokerOnly = false, audited, listeners = [] } = properties;
  const replicas = Math.min(3, controllerPorts.length);
  const listener = (portOfNode: number): string => `127.0.0.1:${portOfNode}`;
  const controllerPort = controllerPorts[nodeId - 1] ?? 0;
  const needsAuthorizer = audited === true || listeners.some(({ login }) => login !== undefined);
  return Object.entries({
    'process.roles': isBrokerOnly ? 'broker' : 'broker,controller',
    'node.id': nodeId,
    'controller.quorum.voters': controllerPorts.map((own, index) => `${index + 1}@${listener(own)}`).join(','),
    listeners: [
      `PLAINTEXT://${listener(port)}`,
      ...(isBrokerOnly ? [] : [`CONTROLLER://${listener(controllerPort)}`]),
      ...listeners.map((each) => `${each.name}://${listener(each.port)}`),
    ].join(','),
    'advertised.listeners': [
      `PLAINTEXT://${listener(port)}`,
      ...listeners.map(({ name, advertised }) => `${name}://${advertised}`),
    ].join(','),
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(folder, 'data'),
    'default.replication.factor': replicas,
    'min.insync.replicas': Math.max(1, replicas - 1),
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': COORDINATOR_PARTITIONS,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.num.partitions': COORDINATOR_PARTITIONS,
    'transaction.state.log.min.isr': Math.max(1, replicas - 1),
    'auto.create.topics.enable': false,
    'group.initial.rebalance.delay.ms': 0,
    // Allows a short session timeout, so that a group misses a killed consumer soon. Kafka's default is six seconds.
    'group.min.session.timeout.ms': 1_000,
    ...IDLES_CHEAPLY,
    ...(listeners.length === 0 ? {} : listenerProperties(listeners)),
    ...(needsAuthorizer ? AUTHORIZED : {}),
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/**
 * Halves the processor time of a cluster that does nothing. With Kafka's defaults, each idle thread looks for work three
 * times a second, the controller writes a record twice a second, and each follower asks each leader twice a second.
 * None of it delays a request: a thread wakes for one at once, and a leader answers its followers as soon as it has data.
 */
const IDLES_CHEAPLY = {
  'num.network.threads': 1,
  'num.io.threads': 2,
  'background.threads': 2,
  'metadata.max.idle.interval.ms': 0,
  'replica.fetch.wait.max.ms': 2_000,
};

function listenerProperties(listeners: readonly ListenerProperties[]): Record<string, string | number> {
  const protocols = listeners.map(({ name, login }) => `${name}:${login === undefined ? 'PLAINTEXT' : 'SASL_SSL'}`);
  return {
    'listener.security.protocol.map': ['PLAINTEXT:PLAINTEXT', 'CONTROLLER:PLAINTEXT', ...protocols].join(','),
    ...Object.fromEntries(
      listeners.flatMap(({ name, login }) => {
        if (login === undefined) return [];
        return Object.entries(loginProperties(login)).map(([property, value]) => [
          `listener.name.${name.toLowerCase()}.${property}`,
          value,
        ]);
      }),
    ),
  };
}

const loginProperties = ({ keystore, sessionMs }: NonNullable<ListenerProperties['login']>) => ({
  'ssl.keystore.type': 'PKCS12',
  'ssl.keystore.location': keystore,
  'ssl.keystore.password': KEYSTORE_PASSWORD,
  'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
  'scram-sha-512.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
  ...(sessionMs === undefined ? {} : { 'scram-sha-512.connections.max.reauth.ms': sessionMs }),
});

/** The keystore lives as long as its cluster. Java has no keystores without a password. */
export const KEYSTORE_PASSWORD = 'on this machine only';

/** Clients without a login may do everything, and Kafka still checks each permission. */
const AUTHORIZED = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
};

/** `meta.properties` as `kafka-storage format` writes it. */
export function metaProperties(clusterId: string, nodeId: number): string {
  const directoryId = createHash('sha256').update(`${clusterId}/${nodeId}`).digest('base64url').slice(0, UUID_CHARS);
  // A leading hyphen is legal, but Kafka's own tools avoid it because it reads like an option.
  return `version=1\ncluster.id=${clusterId}\nnode.id=${nodeId}\ndirectory.id=${directoryId.replace(/^-/, 'A')}\n`;
}

const UUID_CHARS = 22;

/** An audited node logs each permission check. */
export const logConfiguration = ({ audited = false }: Pick<NodeProperties, 'audited'>): string => `Configuration:
  Appenders: { Console: { name: out, PatternLayout: { pattern: '%d %p %c{1} %m%n' } } }
  Loggers:
    Logger: { name: kafka.authorizer.logger, level: ${audited ? 'TRACE' : 'OFF'} }
    Root: { level: INFO, AppenderRef: { ref: out } }
`;
