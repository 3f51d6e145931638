import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleChildren } from '../bundles';
import { insertRecord, orderItem } from '../events';
import { EVENTS_PER_BATCH } from '../options';
import { startDynamoDbStub, type DynamoDbStub } from '../stub';
import type { LoadEvent } from './load';
import { commitBacklog, relayPool, type Ours } from './ours';
import type { RelayPool } from './relay-pool';
import type { OpenSubject, Subject } from './subject';

/**
 * The same relay without the parts that are services in production: a stub of DynamoDB answers it, and it gets full
 * batches from memory. Only drains can be measured: the stub keeps no marks.
 */
export async function relayAlone(own: Ours): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-stub-'));
  const stub = await startDynamoDbStub(await bundleChildren(folder));
  return {
    name: 'this relay alone',
    versions: 'the same relay; a stub of DynamoDB that answers after 5 ms, and batches of 1,000 records from memory',
    idHeader: own.idHeader,
    isDrainOnly: true,
    open: (brokers, topics) => openAlone(own, stub, brokers, topics),
    async close() {
      await stub.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function openAlone(
  own: Ours,
  stub: DynamoDbStub,
  brokers: readonly string[],
  topics: readonly string[],
): Promise<OpenSubject> {
  const opened = await own.open(brokers, topics);
  const { stack, target } = opened;
  const pool = relayPool(stack, stub.endpoint);
  let batches: readonly Buffer[] = [];
  let delivery: Promise<void> = Promise.resolve();
  return {
    target,
    pidsOf: () => ({ relay: pool.pids, store: [stub.pid, process.pid] }),
    async commit(events) {
      batches = batchesOf(events);
      return commitBacklog(stub.endpoint, stack.tableName, events);
    },
    start() {
      delivery = deliver(pool, batches);
      // `stop` reports the failure; until then it must not end the process.
      delivery.catch(() => undefined);
      return Promise.resolve();
    },
    kill: () => pool.kill(),
    stop: () => delivery,
    async close() {
      await pool.stop();
      await opened.close();
    },
  };
}

/** @throws Error if an invocation fails. */
async function deliver(pool: RelayPool, batches: readonly Buffer[]): Promise<void> {
  for (const batch of batches) {
    const { outcome } = await pool.invokeJson(batch);
    if (outcome.kind === 'error') throw new Error(`The relay did not publish a batch: ${outcome.message}`);
  }
}

/** The events of the invocations, as JSON: a poller of Lambda has the next batch while a function works. */
const batchesOf = (events: readonly LoadEvent[]): readonly Buffer[] =>
  Array.from({ length: Math.ceil(events.length / EVENTS_PER_BATCH) }, (_, at) => {
    const batch = events.slice(at * EVENTS_PER_BATCH, (at + 1) * EVENTS_PER_BATCH);
    const Records = batch.map((event) => insertRecord(orderItem({ ...event, committedAt: Date.now() })));
    return Buffer.from(JSON.stringify({ Records }));
  });
