import { secretReader } from '../../lib/kafka/secrets';
import { platformaticClient } from '../../lib/relay/platformatic/client';
import { createPlatformaticPublisher } from '../../lib/relay/platformatic/publisher';
import { relayHandler } from '../relay/handler';

/** As `lambdas/relay`, but over @platformatic/kafka. */
export const handler = relayHandler((parts) =>
  createPlatformaticPublisher({ ...parts, connect: platformaticClient(parts, secretReader()) }),
);
