import type { KafkaAuth } from '../../../lib/kafka/broker-config';
import { kafkaClient } from '../../../lib/kafka/client';
import { createKafkaPublisher } from '../../../lib/relay/kafkajs/publisher';
import type { Client } from '../client';

/** The relay's publisher over kafkajs: each failure ends a producer. */
export const kafkajs: Client = {
  name: 'kafkajs',
  isControl: false,
  open({ brokers, sasl, compression, requestTimeoutMs, onRebuilt }) {
    const auth: KafkaAuth = sasl === undefined ? { kind: 'none' } : { kind: 'scram', secretArn: 'the login' };
    const config = { name: 'conformance', auth, requestTimeoutMs };
    return createKafkaPublisher({
      ...{ brokers, compression, requestTimeoutMs, onRebuilt },
      connect: kafkaClient(config, () => Promise.resolve(JSON.stringify(sasl))),
      clock: { now: Date.now },
    });
  },
};
