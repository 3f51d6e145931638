import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../free-port';
import { KafkaBroker, type KafkaDistribution } from './broker';
import { kafkaReady } from './ready';

const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qg';
const READY_TIMEOUT_MS = 60_000;

/**
 * Runs one broker until it is ready and lets the JVM write the classes it loaded into `archive`. Measured on two cores:
 * a broker starts in 2 s with it and in 6 s without.
 */
export async function recordClassArchive(distribution: KafkaDistribution, archive: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-kafka-'));
  const draft = `${archive}.${randomUUID()}`;
  const [port = 0, ...controllerPorts] = await freePorts(2);
  const flags = [...distribution.jvmFlags, `-XX:ArchiveClassesAtExit=${draft}`];
  const broker = new KafkaBroker(
    distribution,
    { nodeId: 1, port, controllerPorts, folder },
    join(folder, 'out.log'),
    flags,
  );
  try {
    broker.format(CLUSTER_ID);
    await broker.start();
    await kafkaReady([broker.address], READY_TIMEOUT_MS, () => broker.assertRunning());
    await broker.stop();
    await rename(draft, archive);
  } finally {
    await broker.kill();
    await rm(draft, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
}
