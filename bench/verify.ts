import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { positionOfVersion } from '../lib/event/position';
import type { ReadTopics } from '../lib/operate/kafka-topic-reader';
import type { ReadTopicsOptions } from '../lib/operate/topic-consumption';
import { verifyAgainst } from '../lib/operate/verify/verify';

/**
 * Memory and time of `outbox verify` for many events, without DynamoDB and Kafka: table and topics are generated while
 * they are read. Every thousandth event is missing, and every hundredth is on its topic twice.
 *
 * `node --max-old-space-size=400 --import tsx bench/verify.ts [events]`
 */
const EVENTS = Number(process.argv[2] ?? 1_000_000);
const PARTITIONS = 12;
/** A multiple of `PARTITIONS`, so that the events of a key are in one partition. */
const KEYS = PARTITIONS * Math.ceil(EVENTS / 4 / PARTITIONS);
const PAGE = 1_000;
const COMMITTED_AT = Date.UTC(2026, 0, 2);

const keyOf = (event: number): string => `0c6f2c1e-7d3b-4a58-9f10-${String(event % KEYS).padStart(12, '0')}`;
const idOf = (event: number): string => `7d3b0c6f-2c1e-4a58-9f10-${String(event).padStart(12, '0')}`;
const placeOf = (event: number): { partition: number; offset: number } => {
  const partition = (event % KEYS) % PARTITIONS;
  return { partition, offset: Math.floor(event / PARTITIONS) };
};

function imageOf(event: number): Record<string, unknown> {
  const { partition, offset } = placeOf(event);
  const id = idOf(event);
  return {
    pk: { S: `order#${keyOf(event)}` },
    sk: { S: positionOfVersion(1 + Math.floor(event / KEYS)) },
    id: { S: id },
    source: { S: '/shop/order' },
    region: { S: 'eu-central-1' },
    committedAt: { N: String(COMMITTED_AT) },
    processedAt: { N: String(COMMITTED_AT) },
    receipts: { L: [{ S: `orders-${partition}@${offset}` }] },
    events: {
      L: [
        {
          M: {
            id: { S: id },
            type: { S: 'order.changed' },
            topic: { S: 'orders' },
            time: { S: new Date(COMMITTED_AT).toISOString() },
            contentType: { S: 'application/json' },
            data: { S: '{}' },
          },
        },
      ],
    },
  };
}

const client = {
  send: ({ input }: { input: { ExclusiveStartKey?: { at: number } } }) => {
    const from = input.ExclusiveStartKey?.at ?? 0;
    const to = Math.min(EVENTS, from + PAGE);
    const Items = Array.from({ length: to - from }, (_, at) => imageOf(from + at));
    return Promise.resolve({
      Items,
      ScannedCount: Items.length,
      ...(to < EVENTS ? { LastEvaluatedKey: { at: to } } : {}),
    });
  },
};

async function read({ onMessage }: ReadTopicsOptions): Promise<ReadTopics> {
  const ends = Array.from({ length: PARTITIONS }, () => 0);
  const show = (partition: number, offset: number, event: number, isThere: boolean): void =>
    onMessage(
      {
        ...{ topic: 'orders', partition, offset: BigInt(offset), timestamp: COMMITTED_AT, isReplay: false },
        ...{ key: keyOf(event), id: isThere ? idOf(event) : 'of another', source: '/shop/order' },
      },
      { key: null, value: null, headers: {} },
    );
  for (let event = 0; event < EVENTS; event++) {
    const { partition, offset } = placeOf(event);
    show(partition, offset, event, event % 1_000 !== 0);
    ends[partition] = offset + 1;
    if (event % 100_000 === 0) await new Promise(setImmediate);
  }
  for (let event = 1; event < EVENTS; event += 100) {
    const { partition } = placeOf(event);
    const offset = Math.max(ends[partition] ?? 0, EVENTS);
    show(partition, offset, event, true);
    ends[partition] = offset + 1;
  }
  const extents = ends.map((end, partition) => ({ topic: 'orders', partition, low: 0n, end: BigInt(end) }));
  return { extents, absentTopics: [], unread: [] };
}

async function main(): Promise<void> {
  let peak = 0;
  const watch = (): void => void (peak = Math.max(peak, process.memoryUsage.rss()));
  const started = process.cpuUsage();
  const target = { client: client as unknown as DynamoDBClient, tableName: 'orders-outbox' };
  let handed = 0;
  const report = await verifyAgainst(target, read, {
    sinceMs: 0,
    onProgress: watch,
    onFinding: () => {
      handed++;
      watch();
    },
  });
  watch();
  const { user, system } = process.cpuUsage(started);
  const { events, counts, findings, messages } = report;
  console.log(JSON.stringify({ events, messages: messages.read, counts, kept: findings.length, handed }));
  console.log(`peak RSS ${Math.round(peak / 2 ** 20)} MiB, CPU ${((user + system) / 1e6).toFixed(1)} s`);
}

void main();
