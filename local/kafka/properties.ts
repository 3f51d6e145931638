import { createHash } from 'node:crypto';
import { join } from 'node:path';

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
}

/**
 * The partitions of each of Kafka's own topics. Few, because a cluster is ready only when all of them respond; three,
 * so that each of three nodes coordinates some groups.
 */
export const COORDINATOR_PARTITIONS = 3;

/** `server.properties` of a broker, by default combined with a controller. */
export function serverProperties(properties: NodeProperties): string {
  const { nodeId, port, controllerPorts, folder, isBrokerOnly = false, audited } = properties;
  const replicas = Math.min(3, controllerPorts.length);
  const listener = (portOfNode: number): string => `127.0.0.1:${portOfNode}`;
  const controllerPort = controllerPorts[nodeId - 1] ?? 0;
  return Object.entries({
    'process.roles': isBrokerOnly ? 'broker' : 'broker,controller',
    'node.id': nodeId,
    'controller.quorum.voters': controllerPorts.map((own, index) => `${index + 1}@${listener(own)}`).join(','),
    listeners: `PLAINTEXT://${listener(port)}${isBrokerOnly ? '' : `,CONTROLLER://${listener(controllerPort)}`}`,
    'advertised.listeners': `PLAINTEXT://${listener(port)}`,
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
    ...(audited === true ? AUDITED : {}),
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

/** Clients without a login may do everything, and Kafka still checks and logs each permission. */
const AUDITED = {
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

/** An audited node logs each permission check. Without an authorizer, this logger writes nothing. */
export const LOG_CONFIGURATION = `Configuration:
  Appenders: { Console: { name: out, PatternLayout: { pattern: '%d %p %c{1} %m%n' } } }
  Loggers:
    Logger: { name: kafka.authorizer.logger, level: TRACE }
    Root: { level: INFO, AppenderRef: { ref: out } }
`;
