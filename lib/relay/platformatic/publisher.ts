import { ATTEMPT_TIMEOUTS } from '../environment';
import { withinDeadline } from '../publishing/deadline';
import { createPublisher, type KafkaPublisher, type PublisherOptions } from '../publishing/publisher';
import type { PlatformaticClient } from './client';
import { PlatformaticSession, type SessionOptions } from './session';

export interface PlatformaticPublisherOptions extends Omit<PublisherOptions, 'openSession'>, SessionOptions {
  readonly connect: () => Promise<PlatformaticClient>;
}

/** The publisher on @platformatic/kafka. */
export const createPlatformaticPublisher = ({ connect, ...options }: PlatformaticPublisherOptions): KafkaPublisher =>
  createPublisher({
    ...options,
    async openSession([broker = '']) {
      // Creating a client reads secrets, and that service may be unreachable.
      const client = await withinDeadline(connect(), 'client set-up', ATTEMPT_TIMEOUTS * options.requestTimeoutMs);
      return PlatformaticSession.open(client, options, broker);
    },
  });
