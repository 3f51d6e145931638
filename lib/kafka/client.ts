import { Kafka, logLevel, type KafkaConfig, type LogEntry } from 'kafkajs';
import { OutboxError } from '../event/errors';
import type { KafkaAuth } from './broker-config';
import { clientCertificate, scramCredentials } from './credentials';
import { mskTokens } from './msk-token';
import { KAFKA_RETRY } from './retry';

/** The text of a secret. */
export type ReadSecret = (arn: string) => Promise<string>;

/** How to log in at the brokers, and as whom. */
export interface KafkaClientConfig {
  /** Brokers know the client as `outbox-<name>`. */
  readonly name: string;
  readonly auth: KafkaAuth;
  /** How long one request to a broker may take. */
  readonly requestTimeoutMs: number;
}

export interface KafkaClientOptions {
  /** Signs the tokens of IAM. Default: `AWS_REGION`, which Lambda sets. */
  readonly region?: string;
  /** Gets what kafkajs logs as errors, retries included. Default: nothing, because every failure is answered as well. */
  readonly log?: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/**
 * Makes kafkajs clients as the configuration says. Secrets are read anew for each client, so that a rotated one is in
 * use after the next reconnect.
 */
export function kafkaClient(
  { name, auth, requestTimeoutMs }: KafkaClientConfig,
  readSecret: ReadSecret,
  { region = process.env['AWS_REGION'], log }: KafkaClientOptions = {},
): (brokers: readonly string[]) => Promise<Kafka> {
  const base = {
    clientId: `outbox-${name}`,
    requestTimeout: requestTimeoutMs,
    // kafkajs's default of one second is short for TLS and a login from a cold start.
    connectionTimeout: requestTimeoutMs,
    authenticationTimeout: requestTimeoutMs,
    retry: KAFKA_RETRY,
    // Its warnings are about settings that are chosen on purpose.
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
