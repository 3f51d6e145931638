import { Lazy } from 'aws-cdk-lib';
import { checkBrokerReach } from '../../../lib/infra/cluster/broker-reach';
import { checkBatchLimit, checkWriterLimit } from '../../../lib/infra/cluster/topic-rules';
import { checkServerlessQuotas, type SizedTopic } from '../../../lib/infra/cluster/serverless';

const LATER = Lazy.string({ produce: () => 'known at deployment' });

describe('brokers inside a VPC', () => {
  const reach = {
    inVpc: false,
    bootstrapBrokers: 'b-1.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9098',
    areLookedUp: false,
  };

  test('are reached from a VPC only', () => {
    expect(() => checkBrokerReach({ ...reach, inVpc: true })).not.toThrow();
    expect(() => checkBrokerReach(reach)).toThrow(
      'Option "vpc" is not set; it must be given, from where the brokers are reached. From outside of the cluster\'s VPC nothing leads to b-1.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9098: every connection would time out. Give vpc, or the cluster its network;',
    );
    expect(() => checkBrokerReach({ ...reach, bootstrapBrokers: 'any:1', areLookedUp: true })).toThrow(
      /nothing leads to the addresses that the cluster is asked for/,
    );
  });

  test.each([
    'b-1-public.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9198',
    'kafka.example.com:9092',
    'kafka.eu-west-1.amazonaws.com.example.com:9098',
  ])('are not meant by %s', (bootstrapBrokers) => {
    expect(() => checkBrokerReach({ ...reach, bootstrapBrokers })).not.toThrow();
  });
});

describe('MSK Serverless', () => {
  const topic = (changed: Partial<SizedTopic> = {}): SizedTopic => ({
    topic: 'orders',
    partitions: 12,
    configs: {},
    ...changed,
  });

  test('accepts values within its quotas, and values known at deployment', () => {
    const largest = topic({ partitions: 2_400, configs: { 'max.message.bytes': String(8 * 1024 * 1024) } });
    expect(() => checkServerlessQuotas([largest])).not.toThrow();
    expect(() => checkServerlessQuotas([topic({ configs: { 'max.message.bytes': LATER } })])).not.toThrow();
  });

  test('has no more partitions', () => {
    expect(() => checkServerlessQuotas([topic({ partitions: 2_000 }), topic({ partitions: 401 })])).toThrow(
      'Option "topics" is "2 topics with 2401 partitions"; it must be at most 2400 partitions together. That is the quota of a cluster of MSK Serverless. Lower their partitions, or use OutboxCluster.express.',
    );
    expect(() => checkServerlessQuotas([topic({ partitions: 121, configs: { 'cleanup.policy': 'compact' } })])).toThrow(
      /at most 120 partitions of compacted topics together/,
    );
  });

  test('accepts no larger messages', () => {
    expect(() => checkServerlessQuotas([topic({ configs: { 'max.message.bytes': '9000000' } })])).toThrow(
      'Option "topics["orders"].configs["max.message.bytes"]" is 9000000; it must be at most 8388608. MSK Serverless takes messages of up to 8 MiB. Send a reference',
    );
  });
});

describe('the size of messages', () => {
  const topic = (bytes: string) => ({ topic: 'orders', configs: { 'max.message.bytes': bytes } });

  test('must fit the largest event that the service may write', () => {
    expect(() => checkWriterLimit(topic('2000'), 2_000)).not.toThrow();
    expect(() => checkWriterLimit(topic('1999'), 2_000)).toThrow(
      /is 1999; it must be at least 2000, the maxMessageBytes of its events\. .* which parks its key\. Raise it/,
    );
  });

  test('must fit the batches of the relay', () => {
    expect(() => checkBatchLimit([topic('2000')], 2_000)).not.toThrow();
    expect(() => checkBatchLimit([topic('1999')], 2_000)).toThrow(
      /"maxBatchBytes" is 2000; it must be at most 1999, .* Kafka applies that limit to a whole batch: .* Lower maxBatchBytes/,
    );
  });

  test('is not judged when it is known only at deployment', () => {
    expect(() => checkWriterLimit(topic(LATER), 2_000)).not.toThrow();
    expect(() => checkBatchLimit([topic(LATER)], 2_000)).not.toThrow();
  });
});
