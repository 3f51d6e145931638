import { setTimeout as sleep } from 'node:timers/promises';
import type { DynamoDBRecord } from 'aws-lambda';
import { Random } from '../../../../lib/testing/random';
import { LOCAL_REGION } from '../../../../local/dynamodb';
import { parseFilter } from '../../../../local/event-source-mapping/filter';
import { EventSourceMapping } from '../../../../local/event-source-mapping/mapping';
import { runServer, TableName, type RunningServer } from './server';

let server: RunningServer;
let mapping: EventSourceMapping;
/** `key/position` of every delivered record. */
let delivered: string[];

beforeEach(async () => {
  server = await runServer({ interleaving: 'within-call' });
  delivered = [];
  mapping = new EventSourceMapping({
    client: server.streams,
    streamArn: await server.streamArn(),
    region: LOCAL_REGION,
    pollIntervalMs: 5,
    settings: {
      batchSize: 10,
      maximumBatchingWindowSeconds: 0,
      bisectBatchOnFunctionError: true,
      maximumRetryAttempts: -1,
      maximumRecordAgeSeconds: -1,
      reportBatchItemFailures: true,
      startingPosition: 'TRIM_HORIZON',
      filters: [parseFilter('{"eventName":["INSERT"]}')],
    },
    invoke: (event) => {
      const { Records } = event as { readonly Records: readonly DynamoDBRecord[] };
      delivered.push(
        ...Records.map(({ dynamodb }) => `${dynamodb?.Keys?.['pk']?.S ?? ''}/${dynamodb?.Keys?.['sk']?.S ?? ''}`),
      );
      return Promise.resolve({
        outcome: { kind: 'answered', response: null },
        requestId: '',
        durationMs: 1,
        maxRssBytes: 0,
      });
    },
  });
});

afterEach(async () => {
  await mapping.stop();
  await server.stop();
});

/** Writes the next positions of random keys. Resolves with all of them. */
async function write(count: number, random: Random, positions: Map<string, number>): Promise<string[]> {
  const written: string[] = [];
  for (let at = 0; at < count; at++) {
    const pk = `order#${random.integer(15)}`;
    const position = (positions.get(pk) ?? 0) + 1;
    positions.set(pk, position);
    await server.put(pk, String(position).padStart(4, '0'));
    written.push(`${pk}/${String(position).padStart(4, '0')}`);
  }
  return written;
}

function expectInOrder(written: readonly string[]): void {
  expect(delivered.toSorted()).toEqual(written.toSorted());
  const byKey = Map.groupBy(delivered, (name) => name.split('/')[0]);
  for (const names of byKey.values()) expect(names).toEqual(names.toSorted());
}

describe('an event source mapping over shards that split', () => {
  it('delivers every record once, in order per key, while shards split and are replaced', async () => {
    const random = new Random(3);
    const positions = new Map<string, number>();
    await mapping.start();
    const written: string[] = [];
    for (let round = 0; round < 8; round++) {
      written.push(...(await write(30, random, positions)));
      await server.control.splitShard(TableName);
      if (round % 3 === 2) await server.control.rollShard(TableName);
    }
    await mapping.caughtUp();
    expectInOrder(written);
    expect(written).toHaveLength(240);
  });

  it('is caught up only when the children of a closed shard are read too', async () => {
    const random = new Random(4);
    const positions = new Map<string, number>();
    const written = await write(20, random, positions);
    for (let generation = 0; generation < 3; generation++) {
      const open = (await server.control.shards(TableName)).filter(({ isOpen }) => isOpen);
      // The others are read to their end at once, and must not hide that children are missing.
      for (const { shardId } of open.slice(1)) await server.control.rollShard(TableName, shardId);
      written.push(...(await write(20, random, positions)));
    }
    server.streams.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName === 'DescribeStreamCommand') await sleep(150);
          return next(args);
        },
      { step: 'initialize' },
    );
    await mapping.start();
    await mapping.caughtUp();
    expectInOrder(written);
  });

  it('goes on with the oldest records left after others were dropped', async () => {
    const random = new Random(5);
    const positions = new Map<string, number>();
    await mapping.start();
    await write(20, random, positions);
    await mapping.disable();
    await write(20, random, positions);
    const seen = delivered.length;
    expect(await server.control.trim(TableName)).toBeGreaterThanOrEqual(40);
    const left = await write(20, random, positions);
    mapping.enable();
    await mapping.caughtUp();
    expect(delivered.slice(seen).toSorted()).toEqual(left.toSorted());
  });
});
