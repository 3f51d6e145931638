import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamoDBRecord } from 'aws-lambda';
import { bundleChildren } from '../bundles';
import { startDynamoDbStub, type DynamoDbStub } from '../stub';
import { itemOf } from './dynamodb-target';
import type { LoadEvent } from './load';
import { commitBacklog, relayPool, type Ours } from './ours';
import type { RelayPool } from './relay-pool';
import type { OpenSubject, Subject } from './subject';

/** As many records as the event source mapping passes on at most. */
const RECORDS_PER_BATCH = 1_000;

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
  let batches: readonly (readonly DynamoDBRecord[])[] = [];
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
async function deliver(pool: RelayPool, batches: readonly (readonly DynamoDBRecord[])[]): Promise<void> {
  for (const records of batches) {
    const { outcome } = await pool.invoke({ Records: records });
    if (outcome.kind === 'error') throw new Error(`The relay did not publish a batch: ${outcome.message}`);
  }
}

const batchesOf = (events: readonly LoadEvent[]): readonly (readonly DynamoDBRecord[])[] =>
  Array.from({ length: Math.ceil(events.length / RECORDS_PER_BATCH) }, (_, at) =>
    events.slice(at * RECORDS_PER_BATCH, (at + 1) * RECORDS_PER_BATCH).map(recordOf),
  );

type Image = NonNullable<NonNullable<DynamoDBRecord['dynamodb']>['NewImage']>;

const keysOf = ({ pk, sk }: Image): Image => ({ ...(pk && { pk }), ...(sk && { sk }) });

let sequence = 0;

function recordOf(event: LoadEvent): DynamoDBRecord {
  const image = itemOf(event) as Image;
  return {
    eventID: randomUUID(),
    eventName: 'INSERT',
    eventSource: 'aws:dynamodb',
    eventVersion: '1.1',
    awsRegion: 'eu-west-1',
    dynamodb: {
      ApproximateCreationDateTime: Math.floor(Date.now() / 1_000),
      SequenceNumber: String(++sequence).padStart(21, '0'),
      Keys: keysOf(image),
      NewImage: image,
      StreamViewType: 'NEW_IMAGE',
    },
  };
}
