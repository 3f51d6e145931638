import { Kafka, logLevel, type KafkaConfig, type LogEntry } from 'kafkajs';
import { OutboxError } from '../event/errors';
import type { KafkaAuth } from './broker-config';
import { clientCertificate, scramCredentials, type ReadSecret } from './secrets';
import { mskTokens } from './msk-token';
import { KAFKA_RETRY } from './retry';

export interface KafkaClientConfig {
  /** The client id is `outbox-<name>`. */
  readonly name: string;
  readonly auth: KafkaAuth;
  readonly requestTimeoutMs: number;
}

export interface KafkaClientOptions {
  /** The region that IAM tokens are signed for. Default: `AWS_REGION`, which Lambda sets. */
  readonly region?: string;
  /** Receives the errors that kafkajs logs, retries included. Default: none, because failures reject anyway. */
  readonly log?: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/**
 * Returns a factory of kafkajs clients for a configuration. Each client reads its secret again, so that a rotated
 * secret takes effect at the next reconnect.
 */
export function kafkaClient(
  { name, auth, requestTimeoutMs }: KafkaClientConfig,
  readSecret: ReadSecret,
  { region = process.env['AWS_REGION'], log }: KafkaClientOptions = {},
): (brokers: readonly string[]) => Promise<Kafka> {
  const base = {
    clientId: `outbox-${name}`,
    requestTimeout: requestTimeoutMs,
    // kafkajs's default of one second is too short for TLS and authentication from a cold start.
    connectionTimeout: requestTimeoutMs,
    authenticationTimeout: requestTimeoutMs,
    // kafkajs's default is ten seconds. With sessions that are no longer, it would log in before each request, and a
    // broker refuses a second login within a second.
    reauthenticationThreshold: requestTimeoutMs,
    retry: KAFKA_RETRY,
    // The warnings of kafkajs concern settings that are chosen on purpose.
    logLevel: log === undefined ? logLevel.NOTHING : logLevel.ERROR,
    logCreator: () => (entry: LogEntry) => {
      const { message, ...fields } = entry.log;
      log?.(message, { ...fields, namespace: entry.namespace });
    },
  };
  const security = securityOf(auth, region, readSecret);
  return async (brokers) => new Kafka({ ...base, brokers: [...brokers], ...(await security()) });
}

type Security = Pick<KafkaConfig, 'ssl' | 'sasl'>;

function securityOf(auth: KafkaAuth, region: string | undefined, readSecret: ReadSecret): () => Promise<Security> {
  switch (auth.kind) {
    case 'iam': {
      const oauthBearerProvider = tokenProvider(region);
      return () => Promise.resolve({ ssl: true, sasl: { mechanism: 'oauthbearer', oauthBearerProvider } });
    }
    case 'scram': {
      const { secretArn } = auth;
      return async () => {
        const credentials = scramCredentials(secretArn, await readSecret(secretArn));
        return { ssl: true, sasl: { mechanism: 'scram-sha-512', ...credentials } };
      };
    }
    case 'tls': {
      const { secretArn } = auth;
      if (secretArn === undefined) return () => Promise.resolve({ ssl: true });
      return async () => {
        const { certificate: cert, privateKey: key } = clientCertificate(secretArn, await readSecret(secretArn));
        return { ssl: { cert, key } };
      };
    }
    case 'none':
      return () => Promise.resolve({});
  }
}

function tokenProvider(region: string | undefined): () => Promise<{ value: string }> {
  if (region === undefined || region === '') {
    const allowed = 'the region of the MSK cluster, such as eu-central-1';
    throw new OutboxError(
      'invalid-environment',
      `Environment variable AWS_REGION is not set; with IAM authentication it must be ${allowed}. Lambda sets it; elsewhere set it yourself.`,
      { variable: 'AWS_REGION', got: region, allowed },
    );
  }
  const token = mskTokens(region);
  return async () => ({ value: await token() });
}
