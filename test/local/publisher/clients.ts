import type { KafkaAuth } from '../../../lib/kafka/broker-config';
import { kafkaClient } from '../../../lib/kafka/client';
import type { ReadSecret } from '../../../lib/kafka/secrets';
import { createKafkaPublisher } from '../../../lib/relay/kafkajs/publisher';
import { platformaticClient } from '../../../lib/relay/platformatic/client';
import { createPlatformaticPublisher } from '../../../lib/relay/platformatic/publisher';
import type { Compression } from '../../../lib/relay/environment';
import type { KafkaPublisher, PublisherOptions } from '../../../lib/relay/publishing/publisher';

interface TestedOptions extends Pick<PublisherOptions, 'brokers' | 'requestTimeoutMs' | 'onRebuilt'> {
  readonly compression?: Compression;
  /** Default: none, in plain text. */
  readonly auth?: KafkaAuth;
  readonly readSecret?: ReadSecret;
  readonly region?: string;
  /** Called when a client is made. */
  readonly onConnect?: () => void;
}

type OpenPublisher = (options: TestedOptions) => KafkaPublisher;

const noSecrets = (): Promise<never> => Promise.reject(new Error('there are no secrets'));

const kafkajs: OpenPublisher = ({ compression = 'none', onConnect, ...options }) => {
  const { auth = { kind: 'none' }, readSecret = noSecrets, region } = options;
  const connect = kafkaClient({ ...options, name: 'test', auth }, readSecret, { region });
  return createKafkaPublisher({
    ...{ ...options, compression, clock: { now: Date.now } },
    connect: (brokers) => {
      onConnect?.();
      return connect(brokers);
    },
  });
};

const platformatic: OpenPublisher = ({ compression = 'none', onConnect, ...options }) => {
  const { auth = { kind: 'none' }, readSecret = noSecrets, region } = options;
  const connect = platformaticClient({ ...options, name: 'test', auth }, readSecret, region);
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
