import { deadLetterTopic } from '../../event/consumer-name';
import { isOpen, itemStateOf, OPEN_FILTER } from '../../event/item-state';
import { isOwnPartition } from '../../event/key';
import { isSignalKey } from '../../event/signal';
import { scanPages } from '../../relay/dynamodb/pages';
import type { NamedConsumer } from '../explain/diagnosis';
import { openKafkaMetadata, type ConsumerGroupState, type KafkaMetadata, checkReachability } from '../kafka-metadata';
import type { KafkaTarget } from '../kafka-target';
import type { OutboxTarget } from '../target';
import type { GroupBacklog, KafkaState, KafkaTopics, OpenTopics } from './deployment';
import { known, lookUp, type Unknown } from './lookup';

/** If Kafka cannot be read, each of its checks reports that reason. */
export async function readKafka(
  target: OutboxTarget,
  kafka: KafkaTarget | Unknown,
  consumers: readonly NamedConsumer[],
): Promise<KafkaState> {
  if ('because' in kafka) return { reachableBrokers: kafka, kafkaTopics: kafka, openTopics: kafka, groups: kafka };
  const probed = await checkReachability(kafka.brokers);
  const reachableBrokers = known(probed);
  if (probed.every(({ error }) => error !== undefined)) {
    const none = { because: 'no broker can be reached from here', remedy: 'Run it where the brokers can be reached.' };
    return { reachableBrokers, kafkaTopics: none, openTopics: none, groups: none };
  }
  const opened = await lookUp(() => openKafkaMetadata(kafka));
  if ('because' in opened) return { reachableBrokers, kafkaTopics: opened, openTopics: opened, groups: opened };
  const look = opened.value;
  try {
    const [kafkaTopics, openTopics] = await Promise.all([
      lookUp(() => consumedTopics(look, consumers)),
      lookUp(() => openTopicsOf(target)),
    ]);
    return { reachableBrokers, kafkaTopics, openTopics, groups: await lookUp(() => groupsOf(look, consumers)) };
  } finally {
    await look.close();
  }
}

async function consumedTopics(look: KafkaMetadata, consumers: readonly NamedConsumer[]): Promise<KafkaTopics> {
  const read = consumers.flatMap(({ consumer, topics = [] }) => topics.map((topic) => ({ consumer, topic })));
  const names = new Set(read.flatMap(({ consumer, topic }) => [topic, deadLetterTopic(topic, consumer)]));
  return { names: look.topics, maxMessageBytes: await look.maxMessageBytes([...names]), read };
}

async function groupsOf(look: KafkaMetadata, consumers: readonly NamedConsumer[]): Promise<GroupBacklog[]> {
  const found: (Omit<GroupBacklog, 'behind'> & ConsumerGroupState)[] = [];
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

async function openTopicsOf(target: OutboxTarget): Promise<OpenTopics> {
  const end = Date.now() + SCAN_MS;
  const items = new Map<string, number>();
  for await (const page of scanPages(target, { FilterExpression: OPEN_FILTER })) {
    for (const image of page.items) {
      if (isOwnPartition(image['pk']?.S ?? '') || isSignalKey(image['sk']?.S ?? '')) continue;
      if (!isOpen(itemStateOf(image).state)) continue;
      const topics = (image['events']?.L ?? []).flatMap(({ M: event }) => event?.['topic']?.S ?? []);
      for (const topic of new Set(topics)) items.set(topic, (items.get(topic) ?? 0) + 1);
    }
    if (page.next !== undefined && Date.now() >= end) return { items, isWhole: false };
  }
  return { items, isWhole: true };
}
