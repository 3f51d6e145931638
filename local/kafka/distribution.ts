import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { cp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalStackError } from '../errors';
import { CACHE } from '../folders';
import { reportStep, type OnProgress } from '../progress';
import { runCommand } from '../run-command';
import type { KafkaDistribution } from './broker';
import { recordClassArchive } from './class-archive';
import { distributionFolder, kafkaVersion, POM } from './distribution-folder';
import { serverProperties } from './properties';
import { javaVersion, requireTools } from './tools';

/** A user that logs in by SCRAM-SHA-512; both texts without `,` and `]`. */
export interface KafkaUser {
  readonly username: string;
  readonly password: string;
}

/** A quick start matters more here than peak throughput. */
const JVM_FLAGS = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const BOOTSTRAP_CHECKPOINT = 'bootstrap.checkpoint';
/** Pinned, so that the download does not change by itself. */
const MAVEN_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const ANY_CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qg';

/**
 * Downloads the jars of Apache Kafka once. Several processes may call it at once: each works in a folder of its own,
 * and the first to finish wins.
 *
 * @param version - Default: the variable `KAFKA_VERSION`, or that of `pom.xml`
 * @throws LocalStackError `missing-tool`, `invalid-option` or `command-failed`.
 */
export async function prepareKafka(onProgress: OnProgress, version = kafkaVersion()): Promise<KafkaDistribution> {
  requireTools(undefined, { ...process.env, KAFKA_VERSION: version });
  const folder = distributionFolder(version);
  if (!existsSync(folder)) {
    await reportStep(onProgress, `download Apache Kafka ${version}`, (detail) => download(version, folder, detail));
  }
  const distribution = {
    classPath: join(folder, 'lib', '*'),
    jvmFlags: JVM_FLAGS,
    bootstrapCheckpoint: join(folder, BOOTSTRAP_CHECKPOINT),
  };
  // Another version than the process's own is started too seldom to pay for the recording of its archive.
  if (version !== kafkaVersion()) return distribution;
  const archive = join(
    folder,
    `java-${createHash('sha256')
      .update(javaVersion() ?? '')
      .digest('hex')
      .slice(0, 12)}.jsa`,
  );
  if (!existsSync(archive)) {
    await reportStep(onProgress, 'record a class archive for fast starts', () =>
      recordClassArchive(distribution, archive),
    );
  }
  return { ...distribution, jvmFlags: [...JVM_FLAGS, `-XX:SharedArchiveFile=${archive}`] };
}

async function download(version: string, folder: string, detail: (text: string) => void): Promise<void> {
  const draft = join(CACHE, `draft-${randomUUID()}`);
  const lib = join(draft, 'lib');
  mkdirSync(lib, { recursive: true });
  let jars = 0;
  const onLine = (line: string): void => {
    if (/Downloaded from .*\.jar/.test(line)) detail(`${(jars += 1)} jars`);
  };
  try {
    const goal = [MAVEN_GOAL, `-Dkafka.version=${version}`, '-DincludeScope=runtime', `-DoutputDirectory=${lib}`];
    await runCommand('mvn', ['--batch-mode', '--file', POM, ...goal], { onLine });
    await makeBootstrapCheckpoint(join(lib, '*'), join(draft, BOOTSTRAP_CHECKPOINT));
    await rename(draft, folder).catch((cause: unknown) => {
      if (existsSync(folder)) return;
      throw new LocalStackError('command-failed', `Cannot move the jars of Apache Kafka to ${folder}.`, { cause });
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Writes the file with which a new cluster's metadata log begins; with users for logins by SCRAM-SHA-512. */
export async function makeBootstrapCheckpoint(
  classPath: string,
  checkpoint: string,
  users: readonly KafkaUser[] = [],
): Promise<void> {
  const folder = `${checkpoint}.draft`;
  mkdirSync(folder, { recursive: true });
  const properties = join(folder, 'server.properties');
  await writeFile(properties, serverProperties({ nodeId: 1, port: 1, controllerPorts: [2], folder }));
  await runCommand('java', [
    ...[...JVM_FLAGS, '-cp', classPath, 'kafka.tools.StorageTool', 'format'],
    ...['--cluster-id', ANY_CLUSTER_ID, '--config', properties],
    ...users.flatMap(({ username, password }) => [
      '--add-scram',
      `SCRAM-SHA-512=[name=${username},password=${password}]`,
    ]),
  ]);
  await cp(join(folder, 'data', BOOTSTRAP_CHECKPOINT), checkpoint);
  await rm(folder, { recursive: true });
}
