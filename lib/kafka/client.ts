import { Kafka, logLevel, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';
import type { KafkaAuth } from './broker-config';
import { kafkaLogin, type Login, type SaslLogin } from './login';
import { KAFKA_RETRY } from './retry';
import type { ReadSecret } from './secrets';

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
  const login = kafkaLogin(auth, region, readSecret);
  return async (brokers) => new Kafka({ ...base, brokers: [...brokers], ...securityOf(await login()) });
}

type Security = Pick<KafkaConfig, 'ssl' | 'sasl'>;

function securityOf({ tls, sasl }: Login): Security {
  return {
    ...(tls === undefined ? {} : { ssl: tls.cert === undefined ? true : tls }),
    ...(sasl === undefined ? {} : { sasl: saslOf(sasl) }),
  };
}

function saslOf(sasl: SaslLogin): SASLOptions {
  if (sasl.kind === 'scram') {
    const { username, password } = sasl;
    return { mechanism: 'scram-sha-512', username, password };
  }
  return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await sasl.token() }) };
}
