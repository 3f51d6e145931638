import { partitionName } from '../event/topic-partition';
import { messageBytes, type Message } from '../event/message';
import type { ConsumedRecord } from '../consume/record';
import type { BatchOutcome, Failure, PartitionBatch, Publisher, TopicLookup } from '../relay/ports';
import { partitionOf } from '../relay/plan-round';

/** The reason for which Kafka refuses a message permanently. */
export type KafkaRefusal = 'message-too-large' | 'message-refused';

/** A message as its producer sends it, before it has a place on its topic. */
type Appended = Pick<ConsumedRecord, 'topic' | 'key' | 'value' | 'headers'>;

/** A message of the relay, with its headers as a consumer reads them. */
export const asConsumed = ({ topic, key, value, headers }: Message): Appended => ({
  topic,
  key,
  value,
  headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
});

/** Topics in memory that answer as Kafka does: a partition's batch is appended or refused as a whole. */
export class MemoryKafka implements Publisher {
  isAway = false;
  refuses: (message: Message) => KafkaRefusal | undefined = () => undefined;
  /** All messages in the order of their appends. */
  readonly log: ConsumedRecord[] = [];
  readonly #topics: ReadonlyMap<string, number>;
  readonly #partitions = new Map<string, ConsumedRecord[]>();
  readonly #now: () => number;

  /** @param topics - number of partitions by topic */
  constructor(topics: ReadonlyMap<string, number>, now: () => number) {
    this.#topics = topics;
    this.#now = now;
  }

  partitionCount(topic: string): Promise<TopicLookup> {
    const partitions = this.#topics.get(topic);
    if (this.isAway) return Promise.resolve(AWAY);
    if (partitions !== undefined) return Promise.resolve({ kind: 'topic', partitions });
    const known = [...this.#topics.keys()].join(', ');
    return Promise.resolve({
      kind: 'poison',
      reason: 'unknown-topic',
      message: `There is no topic "${topic}", only ${known}. Name it in "topics" of createTestOutbox.`,
    });
  }

  publish(batches: readonly PartitionBatch[]): Promise<readonly BatchOutcome[]> {
    return Promise.resolve(batches.map((batch) => (this.isAway ? AWAY : this.#append(batch))));
  }

  otherPartitionsInSync(topic: string): Promise<boolean> {
    const others = [...this.#topics].some(([name, partitions]) => name !== topic || partitions > 1);
    return Promise.resolve(!this.isAway && others);
  }

  #append({ topic, partition, messages }: PartitionBatch): BatchOutcome {
    const reason = messages.map((message) => this.refuses(message)).find((refusal) => refusal !== undefined);
    if (reason !== undefined) return { kind: 'poison', reason, message: refusalText(topic, messages) };
    const baseOffset = BigInt(this.partition(topic, partition).length);
    for (const message of messages) this.#add({ ...asConsumed(message), partition });
    return { kind: 'acked', baseOffset };
  }

  /** Appends a message of any producer unchanged. Its key decides the partition. */
  append(message: Appended): ConsumedRecord {
    const partition = partitionOf(message.key ?? Buffer.alloc(0), this.#topics.get(message.topic) ?? 1);
    return this.#add({ ...message, partition });
  }

  #add(message: Omit<ConsumedRecord, 'offset' | 'timestamp'>): ConsumedRecord {
    const records = this.partition(message.topic, message.partition);
    const record = { ...message, offset: BigInt(records.length), timestamp: this.#now() };
    records.push(record);
    this.log.push(record);
    return record;
  }

  /** The messages of a partition. The array grows as messages are appended. */
  partition(topic: string, partition: number): ConsumedRecord[] {
    const name = partitionName({ topic, partition });
    const known = this.#partitions.get(name) ?? [];
    this.#partitions.set(name, known);
    return known;
  }
}

const AWAY: Failure = { kind: 'outage', message: 'The brokers are unavailable.' };

const refusalText = (topic: string, messages: readonly Message[]): string => {
  const bytes = messages.reduce((sum, message) => sum + messageBytes(message), 0);
  return `Topic "${topic}" refuses a batch of ${messages.length} messages with ${bytes} bytes.`;
};
