import { platformaticClient } from '../../../lib/relay/platformatic/client';
import { createPlatformaticPublisher } from '../../../lib/relay/platformatic/publisher';
import type { Client } from '../client';

/** The relay's publisher over @platformatic/kafka: each failure ends a producer. */
export const platformatic: Client = {
  name: 'platformatic',
  isControl: false,
  open({ brokers, compression, requestTimeoutMs, onRebuilt }) {
    const config = { name: 'conformance', auth: { kind: 'none' }, requestTimeoutMs } as const;
    return createPlatformaticPublisher({
      ...{ brokers, compression, requestTimeoutMs, onRebuilt },
      connect: platformaticClient(config, () => Promise.reject(new Error('There are no secrets.'))),
      clock: { now: Date.now },
    });
  },
};
