import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { OutboxError } from '../../../../lib/event/errors';
import { positionOfVersion } from '../../../../lib/event/position';
import type { ReadTopics } from '../../../../lib/operate/kafka-topic-reader';
import type { ReadTopicsOptions } from '../../../../lib/operate/topic-consumption';
import { within } from '../../../../lib/operate/target';
import {
  REPORTED_FINDINGS,
  verifyAgainst,
  type VerifyOptions,
  type VerifyReport,
} from '../../../../lib/operate/verify/verify';
import type { VerifyFinding, SeenMessage } from '../../../../lib/operate/verify/comparison';

const NOW = Date.UTC(2026, 0, 2);

const imageOf = (n: number, topic: string) => ({
  pk: { S: `order#${n}` },
  sk: { S: positionOfVersion(1) },
  id: { S: `e${n}` },
  source: { S: '/shop/order' },
  region: { S: 'eu-central-1' },
  committedAt: { N: String(NOW) },
  processedAt: { N: String(NOW) },
  receipts: { L: [{ S: `${topic}-0@${n}` }] },
  events: {
    L: [
      {
        M: {
          id: { S: `e${n}` },
          type: { S: 'order.changed' },
          topic: { S: topic },
          time: { S: new Date(NOW).toISOString() },
          contentType: { S: 'application/json' },
          data: { S: '{}' },
        },
      },
    ],
  },
});

const clientOf = (send: () => Promise<unknown>) => ({
  target: { client: { send } as unknown as DynamoDBClient, tableName: 'orders-outbox' },
});
const tableOf = (images: readonly object[]) =>
  clientOf(() => Promise.resolve({ Items: images, ScannedCount: images.length }));

const verifyOf = (
  images: readonly object[],
  topics: Partial<ReadTopics>,
  messages: readonly SeenMessage[] = [],
  options: Partial<VerifyOptions> = {},
): Promise<VerifyReport> =>
  verifyAgainst(
    tableOf(images).target,
    ({ onMessage }: ReadTopicsOptions) => {
      for (const message of messages) onMessage(message, { key: null, value: null, headers: {} });
      return Promise.resolve({ extents: [], absentTopics: [], unread: [], ...topics });
    },
    { sinceMs: 0, ...options },
  );

const extent = (topic: string, end: number) => ({ topic, partition: 0, low: 0n, end: BigInt(end) });

it('keeps the first findings of each kind and topic, counts all, and hands all on', async () => {
  const images = Array.from({ length: 40 }, (_, n) => imageOf(n, n % 2 === 0 ? 'orders' : 'audit'));
  const all: VerifyFinding[] = [];
  const report = await verifyOf(images, { absentTopics: ['orders', 'audit'] }, [], {
    onFinding: (finding) => void all.push(finding),
  });
  expect(all).toHaveLength(40);
  expect(report.counts).toEqual([
    { kind: 'missing', topic: 'orders', count: 20 },
    { kind: 'missing', topic: 'audit', count: 20 },
  ]);
  expect(report.findings).toHaveLength(2 * REPORTED_FINDINGS);
  expect(report.findings.slice(0, 2)).toEqual(all.slice(0, 2));
});

it('waits for whoever takes a finding before it looks for the next one', async () => {
  const order: string[] = [];
  await verifyOf([imageOf(0, 'orders'), imageOf(1, 'orders')], {}, [], {
    onFinding: async ({ id }) => {
      order.push(`begin ${id}`);
      await new Promise(setImmediate);
      order.push(`end ${id}`);
    },
  });
  expect(order).toEqual(['begin e0', 'end e0', 'begin e1', 'end e1']);
});

it('a topic that could not be read is told, and its events are neither missing nor well', async () => {
  const unread = [{ topic: 'audit', partition: 0, offset: '0', why: 'A batch compressed with lz4 cannot be read.' }];
  const message = { topic: 'orders', partition: 0, offset: 0n, timestamp: NOW, key: '0', id: 'e0' };
  const report = await verifyOf(
    [imageOf(0, 'orders'), imageOf(1, 'audit')],
    { unread, extents: [extent('orders', 1), extent('audit', 0)] },
    [{ ...message, source: '/shop/order', isReplay: false }],
  );
  expect(report).toMatchObject({ counts: [], unread: 1, unreadTopics: unread, events: 2 });
});

it('asks Kafka for nothing when the table has no event in the range', async () => {
  const read = jest.fn();
  const report = await verifyAgainst(tableOf([]).target, read, { sinceMs: 0 });
  expect(read).not.toHaveBeenCalled();
  expect(report).toMatchObject({ events: 0, counts: [], unreadTopics: [] });
});

describe('a service that does not answer', () => {
  const at = { service: 'Kafka', place: 'brokers b1:9092,b2:9092', action: 'looking up topic orders' } as const;

  it('ends in an error that names it and what was being done, and is told to stop', async () => {
    let signal: AbortSignal | undefined;
    const call = within(20, at, (given) => {
      signal = given;
      return new Promise(() => undefined);
    });
    await expect(call).rejects.toMatchObject({
      code: 'service-unavailable',
      retryable: true,
      details: { ...at, why: 'no answer within 0.02 seconds' },
      message: expect.stringMatching(/b1:9092,b2:9092.*looking up topic orders/),
    });
    expect(signal?.aborted).toBe(true);
  });

  it('answers and errors in time are handed on as they are', async () => {
    await expect(within(1_000, at, () => Promise.resolve(1))).resolves.toBe(1);
    await expect(within(1_000, at, () => Promise.reject(new Error('no such topic')))).rejects.toThrow('no such topic');
  });

  it('may be DynamoDB: the error names the table', async () => {
    jest.useFakeTimers();
    const { target } = clientOf(() => new Promise(() => undefined));
    const verified = verifyAgainst(target, jest.fn(), { sinceMs: 0 }).catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(60_000);
    jest.useRealTimers();
    const error = await verified;
    expect(error).toBeInstanceOf(OutboxError);
    expect(error).toMatchObject({ code: 'service-unavailable', details: { service: 'DynamoDB' } });
    expect((error as Error).message).toContain('table orders-outbox');
  });
});

describe('a topic that was made again', () => {
  const images = [0, 1, 2].map((n) => imageOf(n, 'payments'));

  it('ends before its receipts', async () => {
    const report = await verifyOf(images, { extents: [extent('payments', 1)] });
    expect(report.counts).toEqual([{ kind: 'missing', topic: 'payments', count: 2 }]);
    expect(report.shortPartitions).toEqual([{ topic: 'payments', partition: 0, end: '1', receipt: '2' }]);
  });

  it('has no finding when replays have published its events again', async () => {
    const message = { topic: 'payments', partition: 0, timestamp: NOW, source: '/shop/order', isReplay: true };
    const messages = [2, 1, 0].map((n) => ({ ...message, offset: BigInt(2 - n), key: String(n), id: `e${n}` }));
    const report = await verifyOf(images, { extents: [extent('payments', 3)] }, messages);
    // The message of e1 happens to be where its receipt says.
    expect(report).toMatchObject({ counts: [], replaced: 2, shortPartitions: [] });
  });

  it('is not a topic whose messages an unfinished transaction of another producer holds back', async () => {
    const held = { ...extent('payments', 1), heldBack: { end: 3n } };
    expect((await verifyOf(images, { extents: [held] })).shortPartitions).toEqual([]);
  });
});
