import { once } from 'node:events';
import { copyFileSync, createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LocalStackError } from '../errors';
import { spawnSupervised, type SupervisedProcess } from '../supervised-process';
import { LOG_CONFIGURATION, metaProperties, serverProperties, type NodeProperties } from './properties';

const STOP_GRACE_MS = 20_000;

/** Jars and what makes a broker of them start fast. */
export interface KafkaDistribution {
  readonly classPath: string;
  readonly jvmFlags: readonly string[];
  /** The first record of a new cluster's metadata log. */
  readonly bootstrapCheckpoint: string;
}

/** One node of the local cluster: broker and controller in one JVM. */
export class KafkaBroker {
  readonly nodeId: number;
  /** `host:port` for clients; the same after a restart. */
  readonly address: string;
  private readonly distribution: KafkaDistribution;
  private readonly properties: NodeProperties;
  private readonly logFile: string;
  private readonly jvmFlags: readonly string[];
  private process: SupervisedProcess | undefined;

  constructor(
    distribution: KafkaDistribution,
    properties: NodeProperties,
    logFile: string,
    jvmFlags: readonly string[] = distribution.jvmFlags,
  ) {
    this.distribution = distribution;
    this.properties = properties;
    this.logFile = logFile;
    this.jvmFlags = jvmFlags;
    this.nodeId = properties.nodeId;
    this.address = `127.0.0.1:${properties.port}`;
  }

  /** Process id while it runs. */
  get pid(): number | undefined {
    return this.process?.running() === true ? this.process.pid : undefined;
  }

  /**
   * Writes what `kafka-storage format` would write. A JVM of its own for each node would take longer than the broker
   * itself needs to start; the checkpoint, which names the feature levels, was made once by the real tool.
   */
  format(clusterId: string): void {
    const { folder } = this.properties;
    mkdirSync(join(folder, 'data'), { recursive: true });
    writeFileSync(join(folder, 'server.properties'), serverProperties(this.properties));
    writeFileSync(join(folder, 'log4j2.yaml'), LOG_CONFIGURATION);
    writeFileSync(join(folder, 'data', 'meta.properties'), metaProperties(clusterId, this.nodeId));
    copyFileSync(this.distribution.bootstrapCheckpoint, join(folder, 'data', 'bootstrap.checkpoint'));
  }

  /** Starts the process, with the data it had when it ran before; resolves before it answers. */
  async start(): Promise<void> {
    if (this.pid !== undefined) return;
    const { folder } = this.properties;
    const log = createWriteStream(this.logFile, { flags: 'a' });
    await once(log, 'open');
    this.process = await spawnSupervised(
      'java',
      [
        '-Xmx512m',
        ...this.jvmFlags,
        `-Dlog4j2.configurationFile=${join(folder, 'log4j2.yaml')}`,
        '-cp',
        this.distribution.classPath,
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
      throw new LocalStackError('not-ready', `Kafka node ${this.nodeId} ended while it started: see ${this.logFile}.`);
    }
  }

  /** SIGSTOP: connections stay open and nothing answers, like a broker in a long garbage collection. */
  pause(): void {
    this.process?.signal('SIGSTOP');
  }

  /** SIGCONT: goes on after `pause()`. */
  resume(): void {
    this.process?.signal('SIGCONT');
  }

  /** SIGKILL; resolves when the process is gone. Its data stays. */
  async kill(): Promise<void> {
    await this.process?.end(0);
  }

  /** An orderly shutdown that moves leadership away first; resolves when the process is gone. Its data stays. */
  async stop(): Promise<void> {
    this.resume();
    await this.process?.end(STOP_GRACE_MS);
  }
}
