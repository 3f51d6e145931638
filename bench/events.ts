import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { encodeItem, isoTime, type OutboxItem } from '../lib/event/item';
import { partitionKeyOf } from '../lib/event/key';
import { positionOfVersion } from '../lib/event/position';
import { uuidV7 } from '../lib/event/uuid';
import { EVENTS_PER_BATCH } from './options';

export const EVENT_BYTES = 1_024;

const AGGREGATE = 'order';
const LINES = 4;

/**
 * The JSON of an order of exactly `bytes` bytes, at least 500: field names and amounts that compress, as in real life,
 * and identifiers and a signature that do not.
 */
export function eventData(bytes = EVENT_BYTES): string {
  const order = {
    orderId: randomUUID(),
    customerId: randomUUID(),
    status: 'PLACED',
    currency: 'EUR',
    total: randomInt(1_000_000) / 100,
    lines: Array.from({ length: LINES }, () => ({
      sku: randomBytes(6).toString('hex'),
      quantity: randomInt(1, 10),
      unitPrice: randomInt(100_000) / 100,
    })),
    signature: '',
  };
  const missing = bytes - Buffer.byteLength(JSON.stringify(order));
  return JSON.stringify({ ...order, signature: randomBytes(missing).toString('base64url').slice(0, missing) });
}

/** One DynamoDB partition writes about 330 such items a second. */
const MS_BETWEEN_COMMITS = 3;

/**
 * A batch of the table's stream as Lambda passes it on: items of one event, each of another key, committed one after
 * the other as fast as one partition can.
 */
export function streamBatch(topic: string, count = EVENTS_PER_BATCH): DynamoDBStreamEvent {
  const firstCommit = Date.now() - count * MS_BETWEEN_COMMITS;
  return {
    Records: Array.from({ length: count }, (_, at) => newRecord(topic, firstCommit + at * MS_BETWEEN_COMMITS)),
  };
}

let sequence = 0;

export interface OrderItem {
  readonly topic: string;
  readonly key: string;
  readonly version: number;
  readonly committedAt: number;
  /** Default: a new one. */
  readonly id?: string;
  /** Default: the JSON of an order. */
  readonly data?: string;
}

/** The outbox item of one event. */
export function orderItem({
  topic,
  key,
  version,
  committedAt,
  id = uuidV7(committedAt),
  data = eventData(),
}: OrderItem): OutboxItem {
  return {
    aggregate: AGGREGATE,
    key,
    pk: partitionKeyOf({ aggregate: AGGREGATE, key }),
    sk: positionOfVersion(version),
    id,
    events: [
      {
        id,
        type: 'order.placed',
        topic,
        time: isoTime(committedAt),
        contentType: 'application/json',
        data,
      },
    ],
    source: '/bench/order',
    region: 'eu-west-1',
    committedAt,
    traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
  };
}

function newRecord(topic: string, committedAt: number): DynamoDBRecord {
  const key = randomUUID();
  return insertRecord(orderItem({ topic, key, version: 1, committedAt, id: key }));
}

/** The stream record of an item that was inserted when it was committed. */
export function insertRecord(item: OutboxItem): DynamoDBRecord {
  const { pk, sk, committedAt } = item;
  return {
    eventID: randomUUID(),
    eventName: 'INSERT',
    eventSource: 'aws:dynamodb',
    eventVersion: '1.1',
    awsRegion: 'eu-west-1',
    dynamodb: {
      ApproximateCreationDateTime: Math.floor(committedAt / 1000),
      SequenceNumber: String(++sequence).padStart(21, '0'),
      Keys: { pk: { S: pk }, sk: { S: sk } },
      NewImage: marshall(encodeItem(item), { removeUndefinedValues: true }) as NonNullable<
        DynamoDBRecord['dynamodb']
      >['NewImage'],
      StreamViewType: 'NEW_IMAGE',
    },
  };
}
