import { relayHandler } from '../../../lambdas/relay/handler';
import { kafkaClient } from '../../../lib/kafka/client';
import { secretReader } from '../../../lib/kafka/secrets';
import { createKafkaPublisher } from '../../../lib/relay/kafkajs/publisher';
import { bareKafkajs } from '../../client-conformance/clients/bare-kafkajs';

/** The relay with one producer of kafkajs that is used again after a failed send, and whose answers are not checked. */
export const handler = relayHandler((parts) => {
  const { brokers, compression, requestTimeoutMs, onRebuilt } = parts;
  const bare = bareKafkajs.open({ brokers, compression, requestTimeoutMs, onRebuilt });
  return {
    ...createKafkaPublisher({ ...parts, connect: kafkaClient(parts, secretReader()) }),
    publish: (batches) => bare.publish(batches),
  };
});
