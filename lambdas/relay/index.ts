import { kafkaClient } from '../../lib/kafka/client';
import { secretReader } from '../../lib/kafka/secrets';
import { createKafkaPublisher } from '../../lib/relay/kafkajs/publisher';
import { relayHandler } from './handler';

/** Handles one batch of the table's stream. Lambda delivers again from the lowest failed sequence number. */
export const handler = relayHandler((parts) =>
  createKafkaPublisher({ ...parts, connect: kafkaClient(parts, secretReader()) }),
);
