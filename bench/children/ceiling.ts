// Measures kafkajs alone, with the relay's own settings and messages.
import { Kafka, logLevel, type Message, type TopicMessages } from 'kafkajs';
import { decodeItem } from '../../lib/event/item';
import { messagesOf } from '../../lib/event/message';
import { decodeRelayConfig } from '../../lib/relay/environment';
import { KAFKA_RETRY } from '../../lib/kafka/retry';
import { measureOnRequest } from './measure';
import { kafkaCompression } from '../../lib/relay/kafkajs/session';

const { brokers, compression, requestTimeoutMs } = decodeRelayConfig(process.env);
const kafka = new Kafka({ brokers: [...brokers], requestTimeout: requestTimeoutMs, logLevel: logLevel.NOTHING });
const producer = kafka.producer({
  idempotent: true,
  maxInFlightRequests: 1,
  allowAutoTopicCreation: false,
  retry: KAFKA_RETRY,
});
const connected = producer.connect();

measureOnRequest(({ Records: records }) => {
  const byTopic = new Map<string, Message[]>();
  for (const { dynamodb } of records) {
    for (const { topic, key, value, headers } of messagesOf(decodeItem(dynamodb?.NewImage ?? {}))) {
      const messages = byTopic.get(topic) ?? [];
      messages.push({ key, value, headers: { ...headers } });
      byTopic.set(topic, messages);
    }
  }
  const topicMessages: TopicMessages[] = [...byTopic].map(([topic, messages]) => ({ topic, messages }));
  return async () => {
    await connected;
    await producer.sendBatch({
      acks: -1,
      timeout: requestTimeoutMs,
      compression: kafkaCompression(compression),
      topicMessages,
    });
  };
});
