import { GetMetricStatisticsCommand, type CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { ScanCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import { deadLetterTopic } from '../../event/consumer-name';
import { isOpen, itemStateOf } from '../../event/item-state';
import { isOwnPartition } from '../../event/key';
import { METRICS_NAMESPACE, OUTBOX_DIMENSION, SWEEPER_METRICS, SWEEPER_SERVICE } from '../../event/metrics';
import { isSignalKey } from '../../event/signal';
import { decodeSweeperConfig } from '../../sweep/environment';
import type { NamedConsumer } from '../explain';
import { KafkaLook, type GroupLook } from '../kafka-look';
import type { KafkaTarget } from '../kafka-target';
import { probeBrokers, type ProbedBroker } from '../probe-brokers';
import type { OutboxTarget } from '../target';
import { decoded, variablesOf } from './judge-functions';
import type { ConsumerGroup, KafkaTopics, OpenTopics, SweeperRuns } from './judge-kafka';
import { learn, NOT_LOCAL } from './learn';
import { existing, known, then, type Fact, type Unknown } from './line';

/** The facts that were read from Kafka. */
export interface KafkaFacts {
  readonly reachableBrokers: Fact<readonly ProbedBroker[]>;
  readonly kafkaTopics: Fact<KafkaTopics>;
  readonly openTopics: Fact<OpenTopics>;
  readonly groups: Fact<readonly ConsumerGroup[]>;
}

/** If Kafka cannot be read, each of its checks reports that reason. */
export async function kafkaFactsOf(
  target: OutboxTarget,
  kafka: KafkaTarget | Unknown,
  consumers: readonly NamedConsumer[],
): Promise<KafkaFacts> {
  if ('because' in kafka) return { reachableBrokers: kafka, kafkaTopics: kafka, openTopics: kafka, groups: kafka };
  const probed = await probeBrokers(kafka.brokers);
  const reachableBrokers = known(probed);
  if (probed.every(({ error }) => error !== undefined)) {
    const none = { because: 'no broker can be reached from here', remedy: 'Run it where the brokers can be reached.' };
    return { reachableBrokers, kafkaTopics: none, openTopics: none, groups: none };
  }
  const opened = await learn(() => KafkaLook.open(kafka));
  if ('because' in opened) return { reachableBrokers, kafkaTopics: opened, openTopics: opened, groups: opened };
  const look = opened.value;
  try {
    const [kafkaTopics, openTopics] = await Promise.all([
      learn(() => topicsOf(look, consumers)),
      learn(() => openTopicsOf(target)),
    ]);
    return { reachableBrokers, kafkaTopics, openTopics, groups: await learn(() => groupsOf(look, consumers)) };
  } finally {
    await look.close();
  }
}

async function topicsOf(look: KafkaLook, consumers: readonly NamedConsumer[]): Promise<KafkaTopics> {
  const read = consumers.flatMap(({ consumer, topics = [] }) => topics.map((topic) => ({ consumer, topic })));
  const names = new Set(read.flatMap(({ consumer, topic }) => [topic, deadLetterTopic(topic, consumer)]));
  return { names: look.topics, maxMessageBytes: await look.maxMessageBytes([...names]), read };
}

async function groupsOf(look: KafkaLook, consumers: readonly NamedConsumer[]): Promise<ConsumerGroup[]> {
  const found: (Omit<ConsumerGroup, 'behind'> & GroupLook)[] = [];
  for (const { consumer, topics = [], groups = {} } of consumers) {
    const byGroup = Map.groupBy(topics, (topic) => groups[topic] ?? consumer);
    for (const [group, read] of byGroup.size === 0 ? [[consumer, []] as const] : byGroup) {
      found.push({ consumer, group, ...(await look.group(group, read)) });
    }
  }
  // Groups share topics: each topic is asked once.
  const ends = await look.ends([...new Set(consumers.flatMap(({ topics = [] }) => topics))]);
  return found.map(({ committed, ...group }) => ({ ...group, behind: behindOf(committed, ends) }));
}

/** Sums over the partitions of which the group has committed an offset. */
const behindOf = (committed: ReadonlyMap<string, bigint>, ends: ReadonlyMap<string, bigint>): bigint =>
  [...committed].reduce((sum, [partition, next]) => {
    const end = ends.get(partition) ?? next;
    return end > next ? sum + end - next : sum;
  }, 0n);

/** The limit for the scan: a table may have many GB, and a fault of a topic shows early. */
const SCAN_MS = 20_000;

/** The topics of items that are not acknowledged. */
async function openTopicsOf({ client, tableName }: OutboxTarget): Promise<OpenTopics> {
  const end = Date.now() + SCAN_MS;
  const items = new Map<string, number>();
  let from: Record<string, AttributeValue> | undefined;
  do {
    const page = await client.send(
      new ScanCommand({
        TableName: tableName,
        FilterExpression: 'attribute_not_exists(processedAt) AND attribute_not_exists(discarded)',
        ExclusiveStartKey: from,
      }),
    );
    for (const image of page.Items ?? []) {
      if (isOwnPartition(image['pk']?.S ?? '') || isSignalKey(image['sk']?.S ?? '')) continue;
      if (!isOpen(itemStateOf(image).state)) continue;
      const topics = (image['events']?.L ?? []).flatMap(({ M: event }) => event?.['topic']?.S ?? []);
      for (const topic of new Set(topics)) items.set(topic, (items.get(topic) ?? 0) + 1);
    }
    from = page.LastEvaluatedKey;
  } while (from !== undefined && Date.now() < end);
  return { items, isWhole: from === undefined };
}

/**
 * Whether the sweeper runs, as its own metric shows: a schedule that is disabled or gone starts no run. Its invocations
 * prove nothing, because the probe of partitions invokes it each minute.
 */
export async function sweeperRunsOf(
  client: CloudWatchClient | undefined,
  sweeper: Fact<FunctionConfiguration | undefined>,
): Promise<Fact<SweeperRuns>> {
  const found = existing(sweeper, 'function');
  if ('because' in found) return found;
  if (client === undefined) return NOT_LOCAL;
  const { LastModified: modified } = found.value;
  const config = then(variablesOf(found.value), (variables) => decoded(variables, decodeSweeperConfig));
  if ('because' in config) return config;
  const everyMs = config.value.sweepEverySeconds * 1000;
  const now = Date.now();
  const from = now - RUNS_SEEN * everyMs - METRIC_DELAY_MS;
  const runs = await learn(() =>
    client.send(
      new GetMetricStatisticsCommand({
        ...{ Namespace: METRICS_NAMESPACE, MetricName: SWEEPER_METRICS.complete, Statistics: ['SampleCount'] },
        Dimensions: [
          { Name: OUTBOX_DIMENSION, Value: config.value.outboxName },
          { Name: 'service', Value: SWEEPER_SERVICE },
        ],
        ...{ StartTime: new Date(from), EndTime: new Date(now), Period: periodOf(now - from) },
      }),
    ),
  );
  return then(runs, ({ Datapoints = [] }) =>
    known({
      everyMs,
      isSeen: Datapoints.some(({ SampleCount = 0 }) => SampleCount > 0),
      // A sweeper that was deployed just now cannot have run yet.
      isNew: modified !== undefined && Date.parse(modified) > from,
    }),
  );
}

/** A healthy sweeper has run within this many periods. */
const RUNS_SEEN = 2;
/** CloudWatch shows a run some minutes later. */
const METRIC_DELAY_MS = 300_000;
/** CloudWatch returns at most 1,440 periods, each a multiple of a minute. */
const periodOf = (ms: number): number => Math.max(60, Math.ceil(ms / 1_440 / 60_000) * 60);
