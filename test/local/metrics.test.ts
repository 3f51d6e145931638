import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Template } from 'aws-cdk-lib/assertions';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import {
  consumerTelemetry,
  createConsumer,
  deadLetterTopic,
  handleKafkaEvent,
  kafkajsDeadLetters,
  type ConsumedRecord,
} from '../../lib/consumer';
import { METRICS_NAMESPACE } from '../../lib/event/metrics';
import { encodeHold } from '../../lib/event/control';
import { newSignal } from '../../lib/event/signal';
import { uuidV7 } from '../../lib/event/uuid';
import { aRecord, events, kafkaEventOf } from '../builders/consume';
import { consumerStack } from '../infra/consumer-stack';
import { metricAlarms, metricsOf } from '../infra/monitoring/template';
import { outboxStack, propertiesOf } from '../infra/stack';
import { createConsumerTables, INBOX_TABLE, kafkaOf } from './harness/consumers';
import { allArrived, Committed, keysNamed, startWorld, STARTUP_MS, until, write, type World } from './harness/world';

const PUBLISH_WITHIN_MS = 1_000;

let world: World;
beforeAll(async () => {
  // A test stops the broker.
  world = await startWorld({
    ownKafka: true,
    environment: { OUTBOX_PUBLISH_WITHIN_MS: String(PUBLISH_WITHIN_MS) },
  });
}, STARTUP_MS);
afterAll(() => world.stop());

/** A document in CloudWatch's embedded metric format, as a function prints it. */
interface Emf {
  readonly [name: string]: unknown;
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string }[];
    }[];
  };
}

const documentsIn = (log: string): Emf[] =>
  (existsSync(log) ? readFileSync(log, 'utf8') : '')
    .split('\n')
    .filter((line) => line.startsWith('{"_aws"') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Emf);

/** Namespace, name and dimensions identify a metric in CloudWatch, here without the outbox's name. */
const identity = (namespace: string, name: string, dimensions: Readonly<Record<string, unknown>>): string =>
  JSON.stringify([namespace, name, Object.keys(dimensions).toSorted(), dimensions['service']]);

/** The sum of every metric in the documents. */
function sumsOf(documents: readonly Emf[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const document of documents) {
    for (const { Namespace, Dimensions, Metrics } of document._aws.CloudWatchMetrics) {
      for (const [{ Name }, names] of Metrics.flatMap((metric) => Dimensions.map((each) => [metric, each] as const))) {
        const dimensions = Object.fromEntries(names.map((name) => [name, document[name]]));
        const key = identity(Namespace, Name, dimensions);
        const sum = [document[Name]].flat().reduce((total: number, value) => total + Number(value), 0);
        sums.set(key, (sums.get(key) ?? 0) + sum);
      }
    }
  }
  return sums;
}

function emitted(): Map<string, number> {
  const { relayLog, sweeperLog } = world.stack;
  return sumsOf([...documentsIn(relayLog), ...documentsIn(sweeperLog)]);
}

/** Our own metrics in the alarms of a template. */
const alarmedIn = (template: Template): string[] =>
  Object.values(metricAlarms(template))
    .flatMap(metricsOf)
    .filter(({ Namespace }) => Namespace === METRICS_NAMESPACE)
    .map(({ Namespace, MetricName, Dimensions = [] }) =>
      identity(Namespace, MetricName, Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value]))),
    );

const ofRelay = (name: string): number =>
  emitted().get(identity(METRICS_NAMESPACE, name, { Outbox: '', service: 'outbox-relay' })) ?? 0;

const putLost = (key: string) =>
  world.outbox.transact(world.document, {
    changes: [{ aggregate: 'order', key, version: 1, events: [{ type: 'order.lost', data: { n: 1 } }] }],
  });

it('an event counts as late when it took longer than the objective, and only then', async () => {
  const { mapping } = world.stack;
  const committed = new Committed();
  // The first invocation connects, which takes time.
  await write(world, { keys: ['warm'], events: 1 }, committed);
  await until('the first count', () => ofRelay('PublishedEvents') === 1);
  await mapping.disable();
  await write(world, { keys: keysNamed('late', 5), events: 20, perTransaction: 2 }, committed);
  await sleep(PUBLISH_WITHIN_MS + 100);
  const before = ofRelay('LateEvents');
  mapping.enable();
  await allArrived(world, committed);
  await mapping.caughtUp();

  await until('what was counted', () => ofRelay('PublishedEvents') === 21);
  expect(ofRelay('LateEvents') - before).toBe(20);
});

it('a signal that cannot be acted on is counted', async () => {
  const request = { by: 'the test', at: Date.now(), why: 'to see it counted' };
  const { sk } = newSignal('order#odd', Date.now(), { kind: 'drain', from: '1', request });
  await world.document.put({
    TableName: world.stack.tableName,
    Item: { pk: 'order#odd', sk, kind: 'no such kind', request },
  });
  await until('the count', () => ofRelay('UnprocessableSignals') > 0);
});

it('an outage and the producer that it cost are counted', async () => {
  const [node] = world.stack.kafka?.nodes ?? [];
  const committed = new Committed();
  await node?.stop();
  await write(world, { keys: ['outage'], events: 1 }, committed);
  await until('the counts', () => ofRelay('Outages') > 0 && ofRelay('ProducerRebuilds') > 0);
  await node?.start();
  await allArrived(world, committed);
});

/** The hold of a relay that found `orders-0` unavailable a moment ago. */
const holdForPartition = (key: string) =>
  world.document.put({
    TableName: world.stack.tableName,
    Item: encodeHold(
      {
        pk: `order#${key}`,
        position: '0000000000000001',
        revision: uuidV7(Date.now()),
        state: 'holding',
        reason: 'partition-unavailable',
        message: 'NOT_ENOUGH_REPLICAS',
        attempts: 0,
        since: Date.now(),
        awaits: { topic: 'orders', partition: 0, failedAt: Date.now() },
      },
      undefined,
    ),
  });

it('every metric of ours that an alarm reads has been emitted, under the same name and dimensions', async () => {
  // More than the 25 keys that the relay may park within minutes.
  for (const key of keysNamed('lost', 26)) await putLost(key);
  await until('the breaker', () => ofRelay('BreakerOpen') > 0, 120_000);
  await holdForPartition('waits');
  await world.stack.probe();
  await world.stack.sweep();

  const template = outboxStack(() => ({ monitoring: { mskClusterName: 'orders' } })).template();
  const alarmed = alarmedIn(template);
  // Seven of the relay, seven of the sweeper.
  expect(new Set(alarmed).size).toBe(14);
  const missing = (): string[] => alarmed.filter((metric) => !emitted().has(metric));
  // A function's output may arrive after its response. The assertion names the missing metric.
  await until('every metric', () => missing().length === 0, 30_000).catch(() => undefined);
  expect(missing()).toEqual([]);
});

/** Powertools as in a consumer's function. The construct's variables set the namespace and the service. */
function telemetryOf(template: Template, documents: Emf[]) {
  const variables = propertiesOf(template, 'AWS::Lambda::Function')
    .map(({ Environment }) => (Environment as { Variables: Record<string, string> } | undefined)?.Variables)
    .find((found) => found?.['OUTBOX_CONSUMER_NAME'] === 'shipping');
  for (const name of ['POWERTOOLS_METRICS_NAMESPACE', 'POWERTOOLS_SERVICE_NAME']) process.env[name] = variables?.[name];
  const metrics = new Metrics();
  const silent = () => undefined;
  return consumerTelemetry({
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    metrics: {
      addMetric: (name, unit, value) => metrics.addMetric(name, unit, value),
      // The document that Powertools would print.
      publishStoredMetrics() {
        documents.push(metrics.serializeMetrics());
        metrics.clearMetrics();
      },
    },
  });
}

it('so has every metric of a consumer', async () => {
  const { stack } = world;
  const template = consumerStack().template();
  const documents: Emf[] = [];
  const telemetry = telemetryOf(template, documents);
  await createConsumerTables(world);
  const kafka = kafkaOf(stack.brokers);
  const deadLetters = kafkajsDeadLetters({ kafka, consumer: 'shipping' });
  const deliver = (records: readonly ConsumedRecord[], endpoint = stack.dynamodbEndpoint) => {
    const consumer = createConsumer({
      name: 'shipping',
      tableName: INBOX_TABLE,
      client: DynamoDBDocument.from(new DynamoDBClient({ ...stack.clientConfig, endpoint, maxAttempts: 1 })),
      events,
      attempts: 1,
      handlers: {
        'order.placed': () => [],
        'order.shipped': () => {
          throw new Error('no');
        },
      },
      telemetry,
    });
    return handleKafkaEvent({ consumer, deadLetters, partialBatchResponse: true })(kafkaEventOf(records), {
      getRemainingTimeInMillis: () => 30_000,
    });
  };
  const unreadable = aRecord({ headers: { ce_specversion: Buffer.from('0.3') } });

  // The port is closed: an outage.
  expect((await deliver([aRecord()], 'http://127.0.0.1:9')).batchItemFailures).toHaveLength(1);
  // The dead-letter topic does not exist yet: a refusal.
  expect((await deliver([unreadable])).batchItemFailures).toHaveLength(1);
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: deadLetterTopic('orders', 'shipping') }] });
  await admin.disconnect();
  await until('the dead letter', async () => (await deliver([unreadable])).batchItemFailures.length === 0);
  await deliver([aRecord({ key: 'parked', type: 'order.shipped', version: 1 })]);
  await deliver([aRecord({ key: 'gap', version: 1 }), aRecord({ key: 'gap', version: 3 })]);
  await deadLetters.close();

  const alarmed = alarmedIn(template);
  expect(new Set(alarmed).size).toBe(5);
  expect([...sumsOf(documents).keys()]).toEqual(expect.arrayContaining(alarmed));
});
