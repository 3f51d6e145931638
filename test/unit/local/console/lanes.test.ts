import { marshall } from '@aws-sdk/util-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import { Lanes } from '../../../../local/console/lanes';
import { encodeHold } from '../../../../lib/event/control';
import { encodeItem, type OutboxItem } from '../../../../lib/event/item';
import { positionOfVersion } from '../../../../lib/event/position';

const COMMITTED_AT = Date.parse('2026-01-31T08:00:00Z');

const item = (version: number, topic = 'orders'): OutboxItem => ({
  ...{ aggregate: 'order', key: '42', pk: 'order#42', sk: positionOfVersion(version), id: `event-${version}` },
  events: [
    {
      ...{ id: `event-${version}`, type: 'order.placed', topic, data: '{}' },
      ...{ time: new Date(COMMITTED_AT).toISOString(), contentType: 'application/json' },
    },
  ],
  ...{ source: '/shop/order', region: 'eu-central-1', committedAt: COMMITTED_AT },
});

function recordOf(eventName: 'INSERT' | 'MODIFY' | 'REMOVE', image: Readonly<Record<string, unknown>>): DynamoDBRecord {
  const stored = marshall(image, { removeUndefinedValues: true });
  const { pk, sk } = stored;
  return {
    eventName,
    dynamodb: { Keys: { pk, sk }, ...(eventName === 'REMOVE' ? {} : { NewImage: stored }) },
  } as DynamoDBRecord;
}

const inserted = (version: number, topic?: string) => recordOf('INSERT', encodeItem(item(version, topic)));
const hold = encodeHold(
  {
    ...{ pk: 'order#42', position: positionOfVersion(1), revision: '1', state: 'holding' },
    ...{ reason: 'message-too-large', message: 'too large', attempts: 1, since: COMMITTED_AT },
  },
  undefined,
);

let lanes: Lanes;
const all = () => lanes.changedAfter(0).events;
beforeEach(() => {
  lanes = new Lanes(['orders']);
});

it('follows an event from the table to its topic and its effect', () => {
  lanes.records([inserted(1)]);
  expect(all()).toMatchObject([{ id: 'event-1', key: 'order#42', stage: 'table', state: 'pending' }]);
  lanes.arrived({ id: 'event-1', topic: 'orders', partition: 3, offset: '7', atMs: COMMITTED_AT + 5 });
  expect(all()).toMatchObject([{ stage: 'kafka', partition: 3, offset: '7' }]);
  expect(lanes.unfinished()).toBe(1);
  lanes.records([recordOf('MODIFY', { ...encodeItem(item(1)), processedAt: COMMITTED_AT + 9 })]);
  lanes.applied('event-1', COMMITTED_AT + 12);
  expect(all()).toMatchObject([{ stage: 'applied', state: 'processed', markedAt: COMMITTED_AT + 9 }]);
  expect(lanes.unfinished()).toBe(0);
  expect(lanes.counts).toEqual({ committed: 1, arrived: 1, applied: 1, marked: 1 });
});

it('an event of a topic without a consumer ends on its topic', () => {
  lanes.records([inserted(1, 'audit')]);
  lanes.arrived({ id: 'event-1', topic: 'audit', partition: 0, offset: '0', atMs: COMMITTED_AT });
  expect(lanes.unfinished()).toBe(0);
});

it('takes reports in any order, and counts repeated ones once', () => {
  for (let time = 0; time < 2; time += 1) {
    lanes.applied('event-1', COMMITTED_AT + 12);
    lanes.arrived({ id: 'event-1', topic: 'orders', partition: 3, offset: '7', atMs: COMMITTED_AT + 5 });
    lanes.records([inserted(1)]);
  }
  expect(all()).toMatchObject([{ stage: 'applied', partition: 3 }]);
  expect(lanes.counts).toMatchObject({ committed: 1, arrived: 1, applied: 1 });
});

it('shows a held key until its hold is removed', () => {
  lanes.records([inserted(1), recordOf('INSERT', hold)]);
  expect(lanes.waiting()).toEqual([{ key: 'order#42', reason: 'message-too-large', sinceMs: COMMITTED_AT }]);
  lanes.records([recordOf('REMOVE', hold)]);
  expect(lanes.waiting()).toEqual([]);
});

it('shows an item that no relay can decode under its key', () => {
  lanes.records([recordOf('INSERT', { pk: 'order#42', sk: positionOfVersion(1), id: 'odd', events: 'none' })]);
  expect(all()).toMatchObject([{ key: 'order#42', type: 'undecodable', stage: 'table' }]);
});

it('reports each change once', () => {
  lanes.records([inserted(1), inserted(2)]);
  expect(all().map(({ id }) => id)).toEqual(['event-1', 'event-2']);
  const { revision } = lanes.changedAfter(0);
  expect(lanes.changedAfter(revision)).toEqual({ events: [], revision });
  lanes.applied('event-2', COMMITTED_AT);
  expect(lanes.changedAfter(revision).events.map(({ id }) => id)).toEqual(['event-2']);
});

it('forgets finished events first', () => {
  lanes.records([inserted(1)]);
  for (let version = 2; version <= 2_100; version += 1) {
    lanes.records([inserted(version)]);
    lanes.applied(`event-${version}`, COMMITTED_AT);
  }
  expect(all()).toHaveLength(2_000);
  expect(all()[0]).toMatchObject({ id: 'event-1', stage: 'table' });
});

it('divides the events on their way into unpublished and unapplied ones', () => {
  lanes.records([inserted(1), inserted(2)]);
  expect(lanes.backlog()).toEqual({ unpublished: 2, unapplied: 0 });
  lanes.arrived({ id: 'event-1', topic: 'orders', partition: 3, offset: '7', atMs: COMMITTED_AT });
  expect(lanes.backlog()).toEqual({ unpublished: 1, unapplied: 1 });
  lanes.applied('event-1', COMMITTED_AT);
  expect(lanes.backlog()).toEqual({ unpublished: 1, unapplied: 0 });
});

it('measures the time from the commit to each station', () => {
  expect(lanes.latency('appliedAt', 0)).toEqual({ count: 0, p50Ms: 0, p99Ms: 0 });
  for (let version = 1; version <= 100; version += 1) {
    lanes.records([inserted(version)]);
    lanes.applied(`event-${version}`, COMMITTED_AT + version);
  }
  expect(lanes.latency('appliedAt', 0)).toEqual({ count: 100, p50Ms: 50, p99Ms: 99 });
  expect(lanes.latency('appliedAt', COMMITTED_AT + 91)).toEqual({ count: 10, p50Ms: 95, p99Ms: 100 });
  expect(lanes.latency('arrivedAt', 0).count).toBe(0);
});

it('returns the events of a key in the order of their commits', () => {
  lanes.records([inserted(1), inserted(2)]);
  expect(lanes.eventsOf('order#42').map(({ id }) => id)).toEqual(['event-1', 'event-2']);
  expect(lanes.eventsOf('order#43')).toEqual([]);
});
