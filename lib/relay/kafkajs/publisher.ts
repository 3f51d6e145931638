import { ATTEMPT_TIMEOUTS } from '../environment';
import { withinDeadline } from '../publishing/deadline';
import { createPublisher, type KafkaPublisher, type PublisherOptions } from '../publishing/publisher';
import type { KafkaClient } from './partition-answers';
import { KafkajsSession, type SessionOptions } from './session';

/** Creates a client for these brokers; the client contacts the first one first. */
type ConnectKafka = (brokers: readonly string[]) => KafkaClient | Promise<KafkaClient>;

export interface KafkaPublisherOptions extends Omit<PublisherOptions, 'openSession'>, SessionOptions {
  readonly connect: ConnectKafka;
}

/** The publisher on kafkajs. */
export const createKafkaPublisher = ({ connect, ...options }: KafkaPublisherOptions): KafkaPublisher =>
  createPublisher({
    ...options,
    async openSession(brokers, topic) {
      // Creating a client reads secrets, and that service may be unreachable.
      const making = Promise.resolve(connect(brokers));
      const client = await withinDeadline(making, 'client set-up', ATTEMPT_TIMEOUTS * options.requestTimeoutMs);
      return KafkajsSession.open(client, options, topic);
    },
  });
