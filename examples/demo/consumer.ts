import type { IHeaders } from 'kafkajs';
import { registerCodecs } from '../../lib/kafka/codecs/codecs';
import { adminClient } from '../../local/kafka/topics';
import { DemoError } from './options';
import type { Undo } from './read-model';
import { streamOf, type Delivery } from './record';

export interface ConsumerOptions {
  readonly brokers: readonly string[];
  readonly topics: readonly string[];
  /** Epoch milliseconds. Earlier events are skipped, because a cluster may be used again. */
  readonly since: number;
  /** Every fifth event of this topic is published again: rare enough that the demo still shows first deliveries. */
  readonly repeatedTopic: string;
  readonly undo: Undo;
  readonly onDelivery: (delivery: Delivery) => void;
  readonly onFailure: (error: DemoError) => void;
}

const REPEATED_EVERY = 5;

/**
 * Starts a plain kafkajs consumer in a group of its own. It delivers every fifth event of a topic a second time, byte
 * for byte, like a relay that dies between publishing an event and marking it. Resolves when it has its partitions.
 */
export async function startConsumer(options: ConsumerOptions) {
  const { brokers, topics, since, repeatedTopic, undo, onDelivery, onFailure } = options;
  // The relay compresses with zstd by default, and kafkajs reads zstd only with a codec.
  registerCodecs();
  const kafka = adminClient(brokers);
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumer = kafka.consumer({ groupId: `demo-${process.pid}-${since}`, maxWaitTimeInMs: 500 });
  const joined = new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (restart) return;
      const failure = new DemoError('consumer-failed', `The consumer gave up: ${error.message}`, { cause: error });
      onFailure(failure);
      reject(failure);
    });
  });
  const seen = new Set<string>();
  const counts = { repeated: 0 };
  undo(() => Promise.all([consumer.disconnect(), producer.disconnect()]));
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, partition, message: { key, value, headers = {}, offset } }) => {
      const id = header(headers, 'ce_id');
      if (Date.parse(header(headers, 'ce_time')) < since) return;
      onDelivery({
        ...{ id, topic, partition, offset: BigInt(offset), arrivedAt: Date.now() },
        stream: streamOf(header(headers, 'ce_source'), key?.toString() ?? ''),
        sequence: header(headers, 'ce_sequence'),
      });
      if (topic !== repeatedTopic || seen.has(id) || seen.add(id).size % REPEATED_EVERY > 0) return;
      await producer.send({ topic, acks: -1, messages: [{ partition, key, value, headers }] });
      counts.repeated += 1;
    },
  });
  await joined;
  /** `repeated`: how many events were delivered a second time. */
  return counts as Readonly<typeof counts>;
}

/** A missing header counts as empty, so that its event counts as unknown to every writer. */
const header = (headers: IHeaders, name: string): string => [headers[name]].flat()[0]?.toString() ?? '';
