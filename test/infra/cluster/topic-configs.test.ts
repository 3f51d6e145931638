import { App, Lazy, Stack, Stage } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import {
  Outbox,
  OutboxCluster,
  OutboxNetwork,
  OutboxTopics,
  type StandardClusterProps,
  type TopicProps,
} from '../../../lib/cdk';
import { CLUSTER_ARN, outboxProps, relayCode } from '../stack';

const stackOf = () => new Stack(new App(), 'S', { env: { account: '111122223333', region: 'eu-west-1' } });
type Kind = 'serverless' | 'express' | 'standard';

function clusterOf(stack: Stack, kind: Kind, props: Partial<StandardClusterProps> = {}): OutboxCluster {
  const network = new OutboxNetwork(stack, 'N');
  if (kind === 'serverless') return OutboxCluster.serverless(stack, 'C', { network });
  return kind === 'express'
    ? OutboxCluster.express(stack, 'C', { network })
    : OutboxCluster.standard(stack, 'C', { network, ...props });
}

function topics(given: object, kind: Kind = 'standard', props?: Partial<StandardClusterProps>): Stack {
  const stack = stackOf();
  const topic = { topic: 'orders', ...given } as TopicProps;
  new OutboxTopics(stack, 'T', { cluster: clusterOf(stack, kind, props), topics: [topic], topicsCode: relayCode() });
  return stack;
}
const configs = (given: Record<string, unknown>, kind?: Kind) => topics({ configs: given }, kind);
const warnings = (stack: Stack): unknown[] =>
  Annotations.fromStack(stack)
    .findWarning('*', Match.stringLikeRegexp('The topic "orders"'))
    .map(({ entry }) => entry.data);

describe('a property of a topic', () => {
  test.each([
    ['retention.msx', '1', /Did you mean "retention\.ms"/],
    ['cleanup.polisy', 'delete', /Did you mean "cleanup\.policy"/],
    ['min.in.sync.replicas', '2', /Did you mean "min\.insync\.replicas"/],
    ['toString', '2', /a topic property of Kafka/],
    ['retention.ms', 'abc', /a whole number from -1/],
    ['retention.ms', '1.5', /a whole number/],
    ['retention.ms', '-2', /from -1/],
    ['retention.ms', 604_800_000, /is 604800000; it must be a whole number .* as text/],
    ['retention.ms', null, /is null/],
    ['retention.ms', '9223372036854775808', /to 9223372036854775807/],
    ['segment.bytes', '3000000000', /to 2147483647/],
    ['segment.bytes', '13', /from 14/],
    ['cleanup.policy', 'compacted', /delete, compact/],
    ['compression.type', 'zip', /one of uncompressed, zstd/],
    ['message.timestamp.type', 'createTime', /CreateTime/],
    ['unclean.leader.election.enable', 'no', /"true" or "false"/],
    ['min.cleanable.dirty.ratio', '1.1', /from 0 to 1/],
    ['min.insync.replicas', '0', /from 1/],
  ])('%s = %p is refused', (name, value, message) => {
    const make = () => configs({ [name]: value });
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'invalid-option' }) as Error);
  });

  test.each([
    { 'retention.ms': '604800000', 'retention.bytes': '-1', 'cleanup.policy': 'delete' },
    { 'local.retention.ms': '-2', 'remote.storage.enable': 'TRUE', 'min.cleanable.dirty.ratio': '0.5' },
    { 'max.message.bytes': '2000000', 'compression.type': 'producer', 'segment.ms': '1000', preallocate: 'false' },
  ])('values that Kafka accepts are accepted: %p', (given) => {
    expect(warnings(configs(given))).toEqual([]);
  });

  test('configs that are no object are refused', () => {
    expect(() => topics({ configs: 'retention.ms=1' })).toThrow(/configs" is "retention\.ms=1"; it must be an object/);
  });

  test('one that MSK Serverless decides itself is refused there, and no other', () => {
    expect(() => configs({ 'segment.bytes': '1000000' }, 'serverless')).toThrow(/left out on MSK Serverless/);
    expect(warnings(configs({ 'retention.ms': '604800000' }, 'serverless'))).toEqual([]);
  });

  test('one that only the deployment knows is believed', () => {
    expect(() => configs({ 'retention.ms': Lazy.string({ produce: () => '1' }) })).not.toThrow();
  });
});

describe('acknowledged events stay', () => {
  test.each<[object, RegExp]>([
    [{ configs: { 'min.insync.replicas': '4' } }, /is 4; it must be at most 3, the number of replicas/],
    [{ replicationFactor: 1 }, /"topics\["orders"\]\.configs\["min\.insync\.replicas"\]" is 2; it must be at most 1/],
    [{ replicationFactor: 2, configs: { 'min.insync.replicas': '3' } }, /at most 2/],
  ])('%p never has enough replicas, and is refused', (given, message) => {
    expect(() => topics(given)).toThrow(message);
  });

  test('a cluster whose topics never have enough replicas is refused', () => {
    const serverProperties = { 'min.insync.replicas': '4' };
    expect(() => topics({}, 'standard', { serverProperties })).toThrow(
      /serverProperties\["min\.insync\.replicas"\]" is 4; it must be at most 3/,
    );
  });

  test.each<[object, Kind, RegExp]>([
    [{ configs: { 'cleanup.policy': 'compact' } }, 'standard', /all but the newest event of a key/],
    [{ configs: { 'cleanup.policy': 'compact,delete' } }, 'serverless', /all but the newest event of a key/],
    [{ configs: { 'min.insync.replicas': '3' } }, 'standard', /a single broker that restarts stops the topic/],
    [{ configs: { 'min.insync.replicas': '1' } }, 'standard', /can take acknowledged events/],
    [{ replicationFactor: 1, configs: { 'min.insync.replicas': '1' } }, 'standard', /With one replica/],
    [{ configs: { 'unclean.leader.election.enable': 'true' } }, 'standard', /lacks acknowledged events/],
    [{ configs: { 'retention.ms': '0' } }, 'standard', /misses events/],
    [{ replicationFactor: 2 }, 'serverless', /keeps three replicas/],
  ])('%p on %s is warned of, once', (given, kind, message) => {
    expect(warnings(topics(given, kind))).toEqual([expect.stringMatching(message)]);
  });
});

test.each(['destroy', null])('onRemoval: %p is refused', (onRemoval) => {
  expect(() => topics({ onRemoval })).toThrow(/onRemoval" is .* it must be (one of retain, delete|set or left out)/);
});

describe('names that Kafka does not let be', () => {
  const both = (names: string[]) => () => {
    const stack = stackOf();
    new OutboxTopics(stack, 'T', { cluster: clusterOf(stack, 'serverless'), topics: names, topicsCode: relayCode() });
  };
  const outbox = (names: string[]) => () => new Outbox(stackOf(), 'O', outboxProps({ topics: names }));

  test.each([both, outbox])('"a.b" and "a_b" collide in its metrics', (make) => {
    expect(make(['a.b', 'a_b'])).toThrow(/"a_b"; it must be a name that differs from "a\.b" in more than/);
    expect(make(['a.b', 'a-b'])).not.toThrow();
  });

  test.each(['__consumer_offsets', '__transaction_state', '__amazon_msk_canary'])('%s is its own', (topic) => {
    expect(both([topic])).toThrow(/topics other than those of Kafka itself/);
    expect(outbox([topic])).toThrow(/topics other than those of Kafka itself/);
  });

  test('topics of two constructs on one cluster collide too', () => {
    const stack = stackOf();
    const cluster = OutboxCluster.existing(stack, 'C', {
      clusterArn: CLUSTER_ARN,
      network: new OutboxNetwork(stack, 'N'),
    });
    for (const [index, topic] of ['orders.eu', 'orders_eu'].entries()) {
      new OutboxTopics(stack, `T${index}`, { cluster, topics: [topic], topicsCode: relayCode() });
    }
    expect(() => Stage.of(stack)?.synth()).toThrow(/"orders\.eu"; it must be a name that differs from "orders_eu"/);
  });
});
