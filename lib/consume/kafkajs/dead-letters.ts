import type { IHeaders, Kafka, Producer, RecordMetadata } from 'kafkajs';
import { deadLetterTopic } from '../../event/consumer-name';
import { KAFKA_RETRY } from '../../kafka/retry';
import type { Aside, DeadLetters } from '../ports';
import type { ConsumedRecord } from '../record';

/** Dead letters that can be closed. */
export interface KafkaDeadLetters extends DeadLetters {
  /** Resolves when what is being sent has ended and the producer is gone. */
  close(): Promise<void>;
}

/** Whose dead letters are sent, and by which client. */
export interface DeadLetterOptions {
  readonly kafka: Pick<Kafka, 'producer'>;
  /** The consumer's name: its dead letters go to `<topic>.<consumer>.dlt`. */
  readonly consumer: string;
}

/** Kafka resolved a send without saying where the message lies: kafkajs does so when a leader moves between its retries. */
class DeadLetterUnacknowledged extends Error {
  override readonly name = 'DeadLetterUnacknowledged';
}

/**
 * Sends dead letters by kafkajs, one at a time, acknowledged by all in-sync replicas. The topics must exist and take as
 * large messages as the ones they belong to, and 4 KB more.
 *
 * A producer whose send failed, or was not answered with the place of the message, is thrown away: an idempotent producer
 * uses the sequence numbers of a failed send again, and brokers take new records for duplicates.
 */
export function kafkajsDeadLetters({ kafka, consumer }: DeadLetterOptions): KafkaDeadLetters {
  let current: Promise<Producer> | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const connected = async (): Promise<Producer> => {
    const producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: KAFKA_RETRY,
    });
    try {
      await producer.connect();
      return producer;
    } catch (error) {
      discard(producer);
      throw error;
    }
  };

  const send = async (record: ConsumedRecord, aside: Aside): Promise<void> => {
    const made = (current ??= connected());
    try {
      const producer = await made;
      const topic = deadLetterTopic(record.topic, consumer);
      const { key, value } = record;
      const answer = await producer.send({
        topic,
        acks: -1,
        messages: [{ key, value, headers: headersOf(record, aside) }],
      });
      if (!isAcknowledged(answer, topic)) {
        throw new DeadLetterUnacknowledged(`The send resolved, but the answer gives no offset on ${topic}.`);
      }
    } catch (error) {
      current = undefined;
      // One that never connected was thrown away where that failed.
      made.then(discard, () => undefined);
      throw error;
    }
  };

  return {
    send(record, aside) {
      const sent = turn.then(() => send(record, aside));
      // Who sent it is told; the next one only waits for its turn.
      turn = sent.catch(() => undefined);
      return sent;
    },
    async close() {
      await turn;
      const made = current;
      current = undefined;
      // Everything that was sent is acknowledged or has rejected: a goodbye that fails can lose nothing any more.
      await made?.then((producer) => producer.disconnect()).catch(() => undefined);
    },
  };
}

/** Whether a producer that is not used any more says goodbye well or badly concerns nobody. */
const discard = (producer: Producer): void => void producer.disconnect().catch(() => undefined);

/** One message has one partition, which the answer must name with the message's place. */
const isAcknowledged = (answer: readonly RecordMetadata[], topic: string): boolean =>
  answer.length === 1 &&
  answer.every(
    ({ topicName, errorCode, baseOffset }) =>
      topicName === topic && errorCode === 0 && baseOffset !== undefined && /^\d+$/.test(baseOffset),
  );

/** The message's own headers as they are, and behind them why it is here. */
const headersOf = (record: ConsumedRecord, { reason, message, stack }: Aside): IHeaders => ({
  ...(record.headers as IHeaders),
  'outbox-dlt-reason': reason,
  'outbox-dlt-message': message,
  'outbox-dlt-topic': record.topic,
  'outbox-dlt-partition': String(record.partition),
  'outbox-dlt-offset': String(record.offset),
  'outbox-dlt-timestamp': String(record.timestamp),
  ...(stack === undefined ? {} : { 'outbox-dlt-stack': stack }),
});
