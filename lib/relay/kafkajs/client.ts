import type { Producer, ProducerConfig } from 'kafkajs';

/** The methods of a kafkajs producer that publishing uses. */
export type KafkaProducer = Pick<Producer, 'connect' | 'disconnect' | 'sendBatch'>;

/** The method of kafkajs's `Kafka` that publishing uses. */
export interface KafkaClient {
  producer(config: ProducerConfig): KafkaProducer;
}
