import { kafkaClient } from '../../../lib/kafka/client';
import { createKafkaPublisher } from '../../../lib/relay/kafkajs/publisher';
import { platformaticClient } from '../../../lib/relay/platformatic/client';
import { createPlatformaticPublisher } from '../../../lib/relay/platformatic/publisher';
import type { Compression } from '../../../lib/relay/environment';
import type { KafkaPublisher, PublisherOptions } from '../../../lib/relay/publishing/publisher';

interface TestedOptions extends Pick<PublisherOptions, 'brokers' | 'requestTimeoutMs' | 'onRebuilt'> {
  readonly compression?: Compression;
  /** Called when a client is made. */
  readonly onConnect?: () => void;
}

type OpenPublisher = (options: TestedOptions) => KafkaPublisher;

const noSecrets = (): Promise<never> => Promise.reject(new Error('there are no secrets'));

const kafkajs: OpenPublisher = ({ compression = 'none', onConnect, ...options }) => {
  const connect = kafkaClient({ ...options, name: 'test', auth: { kind: 'none' } }, noSecrets);
  return createKafkaPublisher({
    ...{ ...options, compression, clock: { now: Date.now } },
    connect: (brokers) => {
      onConnect?.();
      return connect(brokers);
    },
  });
};

const platformatic: OpenPublisher = ({ compression = 'none', onConnect, ...options }) => {
  const connect = platformaticClient({ ...options, name: 'test', auth: { kind: 'none' } }, noSecrets);
  return createPlatformaticPublisher({
    ...{ ...options, compression, clock: { now: Date.now } },
    connect: () => {
      onConnect?.();
      return connect();
    },
  });
};

/** The publishers of all clients: each must pass the same tests. */
export const PUBLISHERS = Object.entries({ kafkajs, platformatic });
