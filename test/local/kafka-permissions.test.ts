import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { createOutbox } from '../../lib';
import { positionOfVersion } from '../../lib/event/position';
import { encodeSignal, newSignal } from '../../lib/event/signal';
import { OutboxCluster } from '../../lib/infra/cluster/outbox-cluster';
import { OutboxNetwork } from '../../lib/infra/cluster/outbox-network';
import { OutboxTopics } from '../../lib/infra/cluster/outbox-topics';
import type { OutboxTopicsProps } from '../../lib/infra/cluster/outbox-topics-props';
import { PUBLISHERS } from '../../lib/infra/outbox/outbox-props';
import { kafkaClient } from '../../lib/kafka/client';
import { TOPICS_DEFAULTS } from '../../lib/topics/environment';
import { handleTopic, type ResourceEvent } from '../../lib/topics/handle';
import { withTopicAdmin } from '../../lib/topics/kafka-admin';
import { encodeTopicRequest, type TopicRequest } from '../../lib/topics/request';
import { newLogFolder } from '../../local/folders';
import { startKafka, type KafkaCluster } from '../../local/kafka/cluster';
import { startStack, type Stack as LocalStack } from '../../local/stack';
import { outboxStack, relayCode } from '../infra/stack';
import { grantedActions } from './harness/granted';
import { KafkaAudit, mskActions, type AskedPermission } from './harness/kafka-audit';
import { emptyDatabase } from './harness/shared-servers';
import { events, STARTUP_MS, TOPICS, until } from './harness/world';

/** Compares the permissions that brokers check for relay and topics function with the IAM grants of their roles. */

let kafka: KafkaCluster;
let audit: KafkaAudit;
beforeAll(async () => {
  const logFolder = newLogFolder();
  // Not shared, because a shared node does not log the permissions that it checks.
  kafka = await startKafka({ audited: true, logFolder });
  audit = new KafkaAudit(join(logFolder, 'kafka-1.log'));
}, STARTUP_MS);
afterAll(() => kafka.stop());

/** The Kafka actions that a role is granted, on a cluster with IAM authorization. */
const granted = (template: Template, role: RegExp): string[] =>
  grantedActions(template.toJSON(), role, 'kafka-cluster');

/** Topics with another check than for existence, which brokers run for every topic of a list. */
const touched = (asked: readonly AskedPermission[]): string[] =>
  [
    ...new Set(
      asked
        .filter(({ resourceType, operation }) => resourceType === 'Topic' && operation !== 'DESCRIBE')
        .map(({ resource }) => resource),
    ),
  ].toSorted();

describe.each(PUBLISHERS)('the relay with %s', (publisher) => {
  let stack: LocalStack;
  beforeAll(async () => {
    stack = await startStack({
      topics: TOPICS,
      brokers: kafka.brokers,
      ...(await emptyDatabase()),
      pollIntervalMs: 100,
      // Without compression, so that the size of a too large message is certain.
      context: { compression: 'none', publisher },
    });
    audit.asked();
  }, STARTUP_MS);
  afterAll(() => stack.stop());

  it('may do on Kafka what it does, and nothing else', async () => {
    const { tableName, region, clientConfig } = stack;
    const client = new DynamoDBClient(clientConfig);
    const document = DynamoDBDocument.from(client, { marshallOptions: { removeUndefinedValues: true } });
    const outbox = createOutbox({ tableName, service: 'shop', region, events });
    type Type = 'order.changed' | 'order.noted' | 'order.lost';
    const put = (key: string, version: number, type: Type, text?: string) =>
      outbox.transact(document, {
        changes: [{ aggregate: 'order', key, version, events: [{ type, data: { n: version, text } }] }],
      });
    const stateOf = async (key: string, version = 1) =>
      (await document.get({ TableName: tableName, Key: { pk: `order#${key}`, sk: positionOfVersion(version) } })).Item;
    // Covers a plain publish, a halved batch, a refusal for size and for topic, and one more publish.
    for (const version of [1, 2]) await put('a', version, 'order.changed');
    for (const key of ['b', 'c']) await put(key, 1, 'order.noted', 'x'.repeat(key === 'b' ? 5_000 : 10));
    await put('d', 1, 'order.lost');
    await until('the receipts', async () => (await stateOf('a', 2))?.['receipts'] !== undefined);
    await until('the receipt after halving', async () => (await stateOf('c'))?.['receipts'] !== undefined);
    for (const key of ['b', 'd']) await until('the park', async () => (await stateOf(key))?.['parked'] !== undefined);
    const request = { by: 'the test', at: Date.now(), why: 'to see it' };
    const replay = newSignal('order#a', Date.now(), { kind: 'replay', replayId: 'r', topic: 'audit', request });
    await document.put({ TableName: tableName, Item: encodeSignal(replay) });
    const signal = { TableName: tableName, Key: { pk: replay.pk, sk: replay.sk } };
    await until('the replay', async () => (await document.get(signal)).Item === undefined);
    client.destroy();

    const asked = audit.asked();
    expect(mskActions(asked)).toEqual(granted(outboxStack().template(), /Relay/));
    expect(touched(asked)).toEqual(['audit', 'orders', 'small']);
  });
});

describe('the function that makes topics', () => {
  const CLUSTER = 'local';
  const topic = 'made';
  // As lambdas/topics/index.ts composes it.
  const connect = kafkaClient({ ...TOPICS_DEFAULTS, auth: { kind: 'none' }, name: 'topics' }, () =>
    Promise.reject(new Error('There is no secret.')),
  );

  async function asks(type: ResourceEvent['RequestType'], changed: Partial<TopicRequest>): Promise<void> {
    const request: TopicRequest = {
      cluster: CLUSTER,
      topic,
      partitions: 3,
      configs: {},
      keyed: true,
      mode: 'apply',
      onRemoval: 'retain',
      ...changed,
    };
    const event = { RequestType: type, ResourceProperties: encodeTopicRequest(request) };
    await withTopicAdmin(await connect(kafka.brokers), (admin) => handleTopic(event, CLUSTER, admin));
  }

  /** The grants of the topics function's role, on a cluster with IAM authorization. */
  function grantedFor(kind: 'serverless' | 'express', props: OutboxTopicsProps): string[] {
    const stack = new Stack(new App(), 'Orders', { env: { region: 'eu-west-1' } });
    const cluster = OutboxCluster[kind](stack, 'Cluster', { network: new OutboxNetwork(stack, 'Network') });
    new OutboxTopics(stack, 'Topics', { cluster, topicsCode: relayCode(), ...props });
    return granted(Template.fromStack(stack), /^TopicsRole/);
  }

  it('may make and change topics', async () => {
    audit.asked();
    await asks('Create', { configs: { 'retention.ms': '1000' } });
    await asks('Update', { configs: { 'retention.ms': '2000' } });
    await asks('Update', { partitions: 6, acknowledgedPartitions: 6 });
    await asks('Update', {});
    await asks('Delete', {});
    const asked = audit.asked();
    expect(mskActions(asked)).toEqual(grantedFor('serverless', { topics: ['orders'] }));
    expect(touched(asked)).toEqual([topic]);
  });

  it('may only read them, where CloudFormation creates them', async () => {
    audit.asked();
    await asks('Create', { mode: 'check', partitions: 6 });
    await asks('Update', { mode: 'check', partitions: 6 });
    await asks('Delete', { mode: 'check' });
    const asked = audit.asked();
    expect(mskActions(asked)).toEqual(grantedFor('express', { topics: ['orders'] }));
    expect(touched(asked)).toEqual([topic]);
  });

  it('may delete those that are configured for it', async () => {
    const needed = grantedFor('serverless', { topics: [{ topic: 'orders', onRemoval: 'delete' }] });
    const kept = grantedFor('serverless', { topics: ['orders'] });
    audit.asked();
    await asks('Delete', { onRemoval: 'delete' });
    const asked = mskActions(audit.asked());
    expect(needed.filter((action) => !kept.includes(action))).toEqual(['kafka-cluster:DeleteTopic']);
    expect(asked).toContain('kafka-cluster:DeleteTopic');
    expect(needed).toEqual(expect.arrayContaining(asked));
  });
});
