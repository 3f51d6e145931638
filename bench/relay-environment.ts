import { OUTBOX_DEFAULTS } from '../lib/infra/outbox/outbox-props';
import { encodeRelayConfig, RELAY_DEFAULTS, type Compression } from '../lib/relay/environment';

/** The default of the construct. */
export const RELAY_MEMORY_MB = OUTBOX_DEFAULTS.relayMemorySize;

/** The environment of a deployed relay with the construct's defaults, pointed at local servers. */
export const relayEnvironment = (
  brokers: readonly string[],
  dynamodbEndpoint: string,
  compression: Compression,
): Record<string, string> => ({
  ...encodeRelayConfig({
    ...RELAY_DEFAULTS,
    tableName: 'bench',
    outboxName: 'bench',
    brokers,
    auth: { kind: 'none' },
    compression,
  }),
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(RELAY_MEMORY_MB),
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_ENDPOINT_URL_DYNAMODB: dynamodbEndpoint,
  NODE_OPTIONS: '--disable-warning=TimeoutNegativeWarning',
});
