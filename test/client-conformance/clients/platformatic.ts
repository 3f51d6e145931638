import type { KafkaAuth } from '../../../lib/kafka/broker-config';
import { platformaticClient } from '../../../lib/relay/platformatic/client';
import { createPlatformaticPublisher } from '../../../lib/relay/platformatic/publisher';
import type { Client } from '../client';

/** The relay's publisher over @platformatic/kafka: each failure ends a producer. */
export const platformatic: Client = {
  name: 'platformatic',
  isControl: false,
  open({ brokers, sasl, compression, requestTimeoutMs, onRebuilt }) {
    const auth: KafkaAuth = sasl === undefined ? { kind: 'none' } : { kind: 'scram', secretArn: 'the login' };
    const config = { name: 'conformance', auth, requestTimeoutMs };
    return createPlatformaticPublisher({
      ...{ brokers, compression, requestTimeoutMs, onRebuilt },
      connect: platformaticClient(config, () => Promise.resolve(JSON.stringify(sasl))),
      clock: { now: Date.now },
    });
  },
};
