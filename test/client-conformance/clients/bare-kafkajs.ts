import { Kafka, logLevel } from 'kafkajs';
import { messageOf } from '../../../lib/event/errors';
import type { BatchOutcome, PartitionBatch } from '../../../lib/relay/ports';
import { kafkaCompression, topicMessagesOf } from '../../../lib/relay/kafkajs/session';
import type { Client } from '../client';

const RETRY = { initialRetryTime: 100, retries: 2, maxRetryTime: 500 };

/** kafkajs as most services use it: one idempotent producer, used again after a failed send. It loses messages. */
export const bareKafkajs: Client = {
  name: 'bare-kafkajs',
  isControl: true,
  open({ brokers, compression, requestTimeoutMs }) {
    const kafka = new Kafka({
      brokers: [...brokers],
      logLevel: logLevel.NOTHING,
      requestTimeout: requestTimeoutMs,
      retry: RETRY,
    });
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry: RETRY });
    let isConnected = false;
    return {
      async publish(batches: readonly PartitionBatch[]): Promise<BatchOutcome[]> {
        try {
          if (!isConnected) await producer.connect();
          isConnected = true;
          const answers = await producer.sendBatch({
            ...{ acks: -1, compression: kafkaCompression(compression) },
            topicMessages: topicMessagesOf(batches),
          });
          return batches.map(({ topic, partition }): BatchOutcome => {
            const found = answers.find((answer) => answer.topicName === topic && answer.partition === partition);
            // It resolved, so the service believes that all is written.
            return { kind: 'acked', baseOffset: BigInt(found?.baseOffset ?? -1) };
          });
        } catch (error) {
          return batches.map((): BatchOutcome => ({ kind: 'outage', message: messageOf(error), cause: error }));
        }
      },
      close: () => producer.disconnect(),
    };
  },
};
