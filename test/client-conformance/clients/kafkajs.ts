import { kafkaClient } from '../../../lib/kafka/client';
import { createKafkaPublisher } from '../../../lib/relay/kafkajs/publisher';
import type { Client } from '../client';

/** The relay's publisher over kafkajs: each failure ends a producer. */
export const kafkajs: Client = {
  name: 'kafkajs',
  isControl: false,
  open({ brokers, compression, requestTimeoutMs, onRebuilt }) {
    const config = { name: 'conformance', auth: { kind: 'none' }, requestTimeoutMs } as const;
    return createKafkaPublisher({
      ...{ brokers, compression, requestTimeoutMs, onRebuilt },
      connect: kafkaClient(config, () => Promise.reject(new Error('There are no secrets.'))),
      clock: { now: Date.now },
    });
  },
};
