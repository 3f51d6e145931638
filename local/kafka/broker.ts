import { once } from 'node:events';
import { copyFileSync, createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LocalStackError } from '../errors';
import { spawnSupervised, type SupervisedProcess } from '../supervised-process';
import { logConfiguration, metaProperties, serverProperties, type NodeProperties } from './properties';

const STOP_GRACE_MS = 20_000;

/** The jars of Apache Kafka, and the flags and files that make a broker start fast. */
export interface KafkaDistribution {
  readonly classPath: string;
  readonly jvmFlags: readonly string[];
  /** The file with which a new cluster's metadata log begins. */
  readonly bootstrapCheckpoint: string;
}

/** One node of the local cluster: broker and controller in one JVM. */
export class KafkaBroker {
  readonly nodeId: number;
  /** `host:port` for clients; the same after a restart. */
  readonly address: string;
  readonly #distribution: KafkaDistribution;
  readonly #properties: NodeProperties;
  readonly #logFile: string;
  readonly #jvmFlags: readonly string[];
  #process: SupervisedProcess | undefined;

  constructor(
    distribution: KafkaDistribution,
    properties: NodeProperties,
    logFile: string,
    jvmFlags: readonly string[] = distribution.jvmFlags,
  ) {
    this.#distribution = distribution;
    this.#properties = properties;
    this.#logFile = logFile;
    this.#jvmFlags = jvmFlags;
    this.nodeId = properties.nodeId;
    this.address = `127.0.0.1:${properties.port}`;
  }

  /** Process id while it runs. */
  get pid(): number | undefined {
    return this.#process?.running() === true ? this.#process.pid : undefined;
  }

  /**
   * Writes the files that `kafka-storage format` would write. Running that tool for each node would take longer than
   * the start of a broker. The tool wrote the checkpoint, which has the feature levels, once for all nodes.
   */
  format(clusterId: string): void {
    const { folder } = this.#properties;
    mkdirSync(join(folder, 'data'), { recursive: true });
    writeFileSync(join(folder, 'server.properties'), serverProperties(this.#properties));
    writeFileSync(join(folder, 'log4j2.yaml'), logConfiguration(this.#properties));
    writeFileSync(join(folder, 'data', 'meta.properties'), metaProperties(clusterId, this.nodeId));
    copyFileSync(this.#distribution.bootstrapCheckpoint, join(folder, 'data', 'bootstrap.checkpoint'));
  }

  /** Starts the process, with the data of its last run; resolves before it accepts requests. */
  async start(): Promise<void> {
    if (this.pid !== undefined) return;
    const { folder } = this.#properties;
    const log = createWriteStream(this.#logFile, { flags: 'a' });
    await once(log, 'open');
    this.#process = await spawnSupervised(
      'java',
      [
        '-Xmx512m',
        ...this.#jvmFlags,
        `-Dlog4j2.configurationFile=${join(folder, 'log4j2.yaml')}`,
        '-cp',
        this.#distribution.classPath,
        'kafka.Kafka',
        join(folder, 'server.properties'),
      ],
      { stdio: ['ignore', log, log] },
    );
    log.close();
  }

  /** @throws LocalStackError `not-ready` when the process has ended. */
  assertRunning(): void {
    if (this.pid === undefined) {
      throw new LocalStackError('not-ready', `Kafka node ${this.nodeId} ended while it started: see ${this.#logFile}.`);
    }
  }

  /** SIGSTOP: connections stay open without a response, like those of a broker in a long garbage collection. */
  pause(): void {
    this.#process?.signal('SIGSTOP');
  }

  /** SIGCONT: continues after `pause()`. */
  resume(): void {
    this.#process?.signal('SIGCONT');
  }

  /** SIGKILL; resolves when the process is gone. Its data stays. */
  async kill(): Promise<void> {
    await this.#process?.end(0);
  }

  /** An orderly shutdown that moves leadership to other nodes first; resolves when the process is gone. Its data stays. */
  async stop(): Promise<void> {
    this.resume();
    await this.#process?.end(STOP_GRACE_MS);
  }
}
