import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newLogFolder } from '../folders';
import { freePorts } from '../free-port';
import type { OnProgress } from '../progress';
import { KafkaBroker, type KafkaDistribution } from './broker';
import { makeCertificate } from './certificate';
import { makeBootstrapCheckpoint, prepareKafka, type KafkaUser } from './distribution';
import type { ListenerProperties } from './properties';
import { kafkaReady } from './ready';

const CLUSTER_ID_BYTES = 16;

/** A further way to the same nodes. */
export interface KafkaListener {
  /** In capitals; Kafka's name for it. */
  readonly name: string;
  /** `host:port` that each node tells clients, node 1 first, such as the address of a proxy. Default: its own. */
  readonly advertised?: readonly string[];
  /**
   * The only user, who logs in by SASL/SCRAM-SHA-512 over TLS and may do only what ACLs grant. Clients without a login
   * may still do everything over `brokers`. Default: plain text without a login.
   */
  readonly login?: KafkaLogin;
}

export interface KafkaLogin extends KafkaUser {
  /** After this time a client must log in again, or the broker ends its connection. Default: never. */
  readonly sessionMs?: number;
}

export interface KafkaOptions {
  /** Of Apache Kafka, such as `3.8.1`. Default: the variable `KAFKA_VERSION`, or that of `pom.xml`. */
  readonly version?: string;
  /** One node, or three with replication factor 3 and `min.insync.replicas` 2. Default 1. */
  readonly nodes?: 1 | 3;
  /**
   * Logs every permission that the brokers check, as with an authorizer that restricts. Every check succeeds. Default
   * false.
   */
  readonly audited?: boolean;
  /** Further listeners of each node. Default: none. */
  readonly listeners?: readonly KafkaListener[];
  /** Where `kafka-<node>.log` is written. Default: a new folder under `.outbox/logs`. */
  readonly logFolder?: string;
  readonly onProgress?: OnProgress;
  /** Default 60 s. */
  readonly readyTimeoutMs?: number;
}

/** Apache Kafka on free ports of 127.0.0.1. Its data is removed when it stops. */
export interface KafkaCluster {
  /** `host:port` of each node. */
  readonly brokers: readonly string[];
  /** The addresses of the further listeners, in the order of the options; for each, node 1 first. */
  readonly listeners: readonly (readonly string[])[];
  /** The certificate of the listeners with a login, in PEM; `undefined` without one. */
  readonly certificate: string | undefined;
  /** Node 1 first. Pause, kill, stop and start them one by one. */
  readonly nodes: readonly KafkaBroker[];
  /**
   * Starts a further node, which is a broker only and has no further listeners, and no partitions at first. It is not
   * among `nodes`; it ends with the cluster.
   *
   * @param options - `folder`: where its data is, such as a small disk. Default: with that of the others
   */
  addBroker(options?: { readonly folder?: string }): Promise<KafkaBroker>;
  /** Resolves when every node and every coordinator responds again. */
  ready(): Promise<void>;
  /** Ends all nodes and removes their data. A second call does nothing. */
  stop(): Promise<void>;
}

/** A cluster whose addresses are known and whose processes are not started yet. */
export interface PlannedCluster {
  readonly brokers: readonly string[];
  /** @throws LocalStackError `missing-tool`, `command-failed` (download) or `not-ready`. */
  start(): Promise<KafkaCluster>;
}

const addressOf = (port: number): string => `127.0.0.1:${port}`;

async function withUsers(
  distribution: KafkaDistribution,
  checkpoint: string,
  users: readonly KafkaUser[],
): Promise<KafkaDistribution> {
  await makeBootstrapCheckpoint(distribution.classPath, checkpoint, users);
  return { ...distribution, bootstrapCheckpoint: checkpoint };
}

/** Chooses the ports first, so that the caller can use the addresses while the brokers start. */
export async function planKafka(options: KafkaOptions = {}): Promise<PlannedCluster> {
  const { nodes: count = 1, audited, listeners = [], readyTimeoutMs = 60_000, onProgress = () => undefined } = options;
  const ports = await freePorts(count * 2);
  const brokers = ports.slice(0, count).map(addressOf);
  const listenerPorts = await Promise.all(listeners.map(() => freePorts(count)));
  const start = async (): Promise<KafkaCluster> => {
    const prepared = await prepareKafka(onProgress, options.version);
    const logFolder = options.logFolder ?? newLogFolder();
    const data = mkdtempSync(join(tmpdir(), 'outbox-kafka-'));
    const users = listeners.flatMap(({ login }) => login ?? []);
    const keystore = join(data, 'keystore');
    const [distribution, certificate] =
      users.length === 0
        ? [prepared, undefined]
        : await Promise.all([withUsers(prepared, join(data, 'checkpoint'), users), makeCertificate(keystore)]);
    const listenersOf = (nodeId: number): ListenerProperties[] =>
      listeners.map(({ name, advertised, login }, index) => {
        const port = listenerPorts[index]?.[nodeId - 1] ?? 0;
        return {
          ...{ name, port, advertised: advertised?.[nodeId - 1] ?? addressOf(port) },
          login: login === undefined ? undefined : { keystore, sessionMs: login.sessionMs },
        };
      });
    const makeNode = (
      nodeId: number,
      port: number,
      isBrokerOnly = false,
      folder = join(data, `node-${nodeId}`),
    ): KafkaBroker =>
      new KafkaBroker(
        distribution,
        {
          ...{ nodeId, port, isBrokerOnly, audited },
          listeners: isBrokerOnly ? [] : listenersOf(nodeId),
          controllerPorts: ports.slice(count),
          folder,
        },
        join(logFolder, `kafka-${nodeId}.log`),
      );
    const nodes = ports.slice(0, count).map((port, index) => makeNode(index + 1, port));
    const added: KafkaBroker[] = [];
    const ready = (): Promise<void> =>
      kafkaReady(brokers, readyTimeoutMs, () => nodes.forEach((node) => node.assertRunning()));
    const stop = async (): Promise<void> => {
      // No orderly shutdown: it would wait for a quorum that shuts down too, to save data that is removed anyway.
      await Promise.all([...nodes, ...added].map((node) => node.kill()));
      await rm(data, { recursive: true, force: true });
    };
    const clusterId = randomBytes(CLUSTER_ID_BYTES).toString('base64url').replace(/^-/, 'A');
    try {
      for (const node of nodes) node.format(clusterId);
      await Promise.all(nodes.map((node) => node.start()));
      await ready();
    } catch (error) {
      await stop();
      throw error;
    }
    const addBroker: KafkaCluster['addBroker'] = async ({ folder } = {}) => {
      const [port = 0] = await freePorts(1);
      const node = makeNode(count + added.length + 1, port, true, folder);
      added.push(node);
      node.format(clusterId);
      await node.start();
      await kafkaReady([node.address], readyTimeoutMs, () => node.assertRunning());
      return node;
    };
    const addresses = listenerPorts.map((own) => own.map(addressOf));
    return { brokers, listeners: addresses, certificate, nodes, addBroker, ready, stop };
  };
  return { brokers, start };
}

/**
 * Starts Apache Kafka and resolves when it is ready for producers and consumer groups.
 *
 * @throws LocalStackError `missing-tool`, `command-failed` (download) or `not-ready`; nothing is left running then.
 * @example
 * ```ts
 * const kafka = await startKafka({ nodes: 3 });
 * await createTopics(kafka.brokers, [{ topic: 'orders', partitions: 12 }]);
 * kafka.nodes[0]?.pause();
 * await kafka.stop();
 * ```
 */
export const startKafka = async (options: KafkaOptions = {}): Promise<KafkaCluster> =>
  (await planKafka(options)).start();
