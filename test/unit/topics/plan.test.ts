import { OutboxError } from '../../../lib/event/errors';
import { planTopic, type FoundTopic } from '../../../lib/topics/plan';
import type { WantedTopic } from '../../../lib/topics/request';

const wanted = (changed: Partial<WantedTopic> = {}): WantedTopic => ({
  topic: 'orders',
  partitions: 12,
  configs: {},
  keyed: true,
  ...changed,
});
const found = (changed: Partial<FoundTopic> = {}): FoundTopic => ({
  partitions: 12,
  replicationFactor: 3,
  configs: {},
  ...changed,
});

test('a topic that is not there is created', () => {
  expect(planTopic(wanted(), undefined)).toEqual([{ kind: 'create' }]);
});

test('a topic that is as it should be is left alone', () => {
  const configs = { 'retention.ms': '1000' };
  expect(planTopic(wanted({ configs, replicationFactor: 3 }), found({ configs }))).toEqual([]);
});

describe('properties', () => {
  test('are set, and what somebody else has set stays', () => {
    expect(
      planTopic(
        wanted({ configs: { 'retention.ms': '2000' } }),
        found({ configs: { 'retention.ms': '1000', 'segment.ms': '60000' } }),
      ),
    ).toEqual([{ kind: 'configure', configs: { 'retention.ms': '2000', 'segment.ms': '60000' } }]);
  });

  test('that are not wanted any more get their default back', () => {
    const configs = { 'retention.ms': '1000', 'segment.ms': '60000' };
    expect(planTopic(wanted(), found({ configs }), { configs: { 'retention.ms': '1000' } })).toEqual([
      { kind: 'configure', configs: { 'segment.ms': '60000' } },
    ]);
  });
});

describe('more partitions', () => {
  test('of a topic with keys are refused, and the reason and the way are named', () => {
    expect(() => planTopic(wanted({ partitions: 24 }), found())).toThrow(
      /topic "orders": growing it from 12 to 24 .* overtake .* set acknowledgedPartitions to 24/,
    );
  });

  test('are refused when another number was acknowledged', () => {
    expect(() => planTopic(wanted({ partitions: 24, acknowledgedPartitions: 18 }), found())).toThrow(OutboxError);
  });

  test('are made when exactly this number was acknowledged', () => {
    expect(planTopic(wanted({ partitions: 24, acknowledgedPartitions: 24 }), found())).toEqual([
      { kind: 'grow', partitions: 24 },
    ]);
  });

  test('of a topic without keys are made', () => {
    expect(planTopic(wanted({ partitions: 24, keyed: false }), found())).toEqual([{ kind: 'grow', partitions: 24 }]);
  });
});

test('fewer partitions of a topic that is managed are left as they are: a rollback asks for them', () => {
  expect(planTopic(wanted({ partitions: 6 }), found(), wanted())).toEqual([]);
});

test.each<[string, Partial<WantedTopic>, RegExp]>([
  ['fewer partitions', { partitions: 6 }, /has 12 partitions and 6 are wanted: Kafka cannot take any away/],
  ['another number of replicas', { replicationFactor: 2 }, /has 3 replicas and 2 are wanted/],
])('%s: refused', (_, changed, message) => {
  expect(() => planTopic(wanted(changed), found())).toThrow(message);
});
