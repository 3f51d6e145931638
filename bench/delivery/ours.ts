import { join } from 'node:path';
import { DynamoDBClient, CreateTableCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { LOCAL_REGION } from '../../local/dynamodb';
import { EventSourceMapping } from '../../local/event-source-mapping/mapping';
import { startSimulatedDynamoDb, type SimulatedDynamoDb } from '../../local/simulated-dynamodb/start';
import { PROBE_EVERY_MS, schedule } from '../../local/schedule';
import { startStack, type Stack } from '../../local/stack';
import { messageOf } from '../../lib/event/errors';
import type { Commit } from '../../test/chaos/history';
import { tell } from '../main';
import { DynamoDbCalls, itemOf, ORDERS_TABLE } from './dynamodb-target';
import { commitOf } from './judge';
import type { LoadEvent } from './load';
import { RelayPool } from './relay-pool';
import type { OpenSubject, Subject } from './subject';

/** A stream is read four times a second for each shard. */
export const STREAM_POLL_MS = 250;

export interface OursOptions {
  readonly logFolder: string;
  /** The shards of a new table's stream. Default 1. */
  readonly shards?: number;
  /** Default: that of a real stream. */
  readonly pollIntervalMs?: number;
  readonly name?: string;
}

/** This project's outbox with the controls of its table and stream. */
export interface OpenOurs extends OpenSubject {
  readonly stack: Stack;
  readonly dynamodb: SimulatedDynamoDb;
  readonly mapping: EventSourceMapping;
}

export interface Ours extends Subject {
  open(brokers: readonly string[], topics: readonly string[]): Promise<OpenOurs>;
}

/**
 * The bundles that deploy, with the template's settings, behind an event source mapping and a simulated DynamoDB. The
 * relay writes its marks.
 */
export async function ours(options: OursOptions): Promise<Ours> {
  const { logFolder, shards = 1 } = options;
  const dynamodb = await startSimulatedDynamoDb({ shards, logFolder });
  await createOrdersTable(dynamodb.endpoint);
  return {
    name: options.name ?? 'this outbox',
    versions: `the relay as deployed, Node.js ${process.versions.node}, simulated DynamoDB with ${shards} ${shards === 1 ? 'shard' : 'shards'}`,
    idHeader: 'ce_id',
    open: (brokers, topics) => openOurs(options, dynamodb, brokers, topics),
    close: () => dynamodb.stop(),
  };
}

async function openOurs(
  { pollIntervalMs = STREAM_POLL_MS }: OursOptions,
  dynamodb: SimulatedDynamoDb,
  brokers: readonly string[],
  topics: readonly string[],
): Promise<OpenOurs> {
  const stack = await startStack({
    brokers,
    topics: topics.map((topic) => ({ topic })),
    dynamodbEndpoint: dynamodb.endpoint,
    mapping: false,
  });
  const pool = relayPool(stack, dynamodb.endpoint);
  const streams = new DynamoDBStreamsClient(stack.clientConfig);
  const mapping = new EventSourceMapping({
    ...{ client: streams, streamArn: stack.streamArn, region: LOCAL_REGION, settings: stack.settings, pollIntervalMs },
    invoke: (event) => pool.invoke(event),
  });
  const { tableName } = stack;
  let started = false;
  let endSchedule: (() => void) | undefined;
  return {
    ...{ stack, dynamodb, mapping },
    target: { kind: 'dynamodb', endpoint: dynamodb.endpoint, tableName },
    // The event source mapping runs in this process.
    pidsOf: () => ({ relay: pool.pids, store: [dynamodb.pid, process.pid] }),
    commit: (events) => commitBacklog(dynamodb.endpoint, tableName, events),
    start: async () => {
      if (started) mapping.enable();
      else await mapping.start();
      started = true;
      endSchedule ??= schedule(stack, {
        ...{ sweepEveryMs: stack.template.sweeper.everyMs, probeEveryMs: PROBE_EVERY_MS },
        onSweepFailure: (error) => tell(`The sweep failed: ${messageOf(error)}`),
        onProbeFailure: (error) => tell(`Partitions could not be tried: ${messageOf(error)}`),
      });
    },
    kill: () => pool.kill(),
    stop: () => mapping.disable(),
    close: async () => {
      endSchedule?.();
      await Promise.all([mapping.stop(), pool.stop()]);
      streams.destroy();
      await stack.stop();
    },
  };
}

/** The relay of the stack's template, which reads and marks at `endpoint`. */
export const relayPool = ({ template, tableName, credentials, logFolder }: Stack, endpoint: string): RelayPool =>
  new RelayPool({
    function: template.relay,
    region: LOCAL_REGION,
    environment: {
      ...template.relay.environment(tableName, LOCAL_REGION),
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL_DYNAMODB: endpoint,
    },
    logFile: join(logFolder, 'relay.log'),
  });

async function createOrdersTable(endpoint: string): Promise<void> {
  const client = new DynamoDBClient({
    ...{ endpoint, region: LOCAL_REGION },
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  try {
    await client.send(
      new CreateTableCommand({
        TableName: ORDERS_TABLE,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      }),
    );
    await waitUntilTableExists({ client, minDelay: 1, maxWaitTime: 30 }, { TableName: ORDERS_TABLE });
  } finally {
    client.destroy();
  }
}

const ITEMS_PER_CALL = 25;
/** Fewer items than a load has keys, so that no two of a key are written at once. */
const CALLS_AT_ONCE = 8;

/** Writes the items of a backlog by BatchWriteItem. */
export async function commitBacklog(
  endpoint: string,
  tableName: string,
  events: readonly LoadEvent[],
): Promise<readonly Commit[]> {
  const calls = new DynamoDbCalls(endpoint);
  for (let from = 0; from < events.length; from += CALLS_AT_ONCE * ITEMS_PER_CALL) {
    const group = events.slice(from, from + CALLS_AT_ONCE * ITEMS_PER_CALL);
    const parts = Array.from({ length: CALLS_AT_ONCE }, (_, at) =>
      group.slice(at * ITEMS_PER_CALL, (at + 1) * ITEMS_PER_CALL),
    );
    await Promise.all(
      parts
        .filter((part) => part.length > 0)
        .map((part) =>
          calls.call('BatchWriteItem', {
            RequestItems: { [tableName]: part.map((event) => ({ PutRequest: { Item: itemOf(event) } })) },
          }),
        ),
    );
  }
  const at = Date.now();
  return events.map((event) => commitOf(event, at));
}
