import type { EnvironmentReader } from '../event/environment';

/** How a function authenticates to the brokers. */
export type KafkaAuth =
  /** MSK IAM: SASL/OAUTHBEARER over TLS with the function's own role. */
  | { readonly kind: 'iam' }
  /** SASL/SCRAM-SHA-512 over TLS; the secret is JSON with `username` and `password`. */
  | { readonly kind: 'scram'; readonly secretArn: string }
  /** TLS; with a secret (JSON with `certificate` and `privateKey` in PEM) the client authenticates by certificate. */
  | { readonly kind: 'tls'; readonly secretArn?: string }
  /** Plain text: for a broker on the same machine. */
  | { readonly kind: 'none' };

export interface BrokerConfig {
  /** At least one `host:port`. */
  readonly brokers: readonly string[];
  readonly auth: KafkaAuth;
}

/** Identifies a function as a relay. */
export const BROKERS_VARIABLE = 'OUTBOX_KAFKA_BROKERS';

const VARIABLES = {
  brokers: BROKERS_VARIABLE,
  auth: 'OUTBOX_KAFKA_AUTH',
  secretArn: 'OUTBOX_KAFKA_SECRET_ARN',
} as const;

/** The environment variables of a configuration. Values may be CDK tokens, so this function inspects none of them. */
export function encodeBrokerConfig({ brokers, auth }: BrokerConfig): Record<string, string> {
  const secretArn = auth.kind === 'scram' || auth.kind === 'tls' ? auth.secretArn : undefined;
  return {
    [VARIABLES.brokers]: brokers.join(','),
    [VARIABLES.auth]: auth.kind,
    ...(secretArn === undefined ? {} : { [VARIABLES.secretArn]: secretArn }),
  };
}

/** @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed. */
export function decodeBrokerConfig(read: EnvironmentReader): BrokerConfig {
  const brokers = read
    .text(VARIABLES.brokers)
    .split(',')
    .map((broker) => broker.trim());
  if (!brokers.every((broker) => /^[^\s:]+:\d{1,5}$/.test(broker))) {
    read.refuse(VARIABLES.brokers, 'a comma-separated list of host:port');
  }
  return { brokers, auth: decodeAuth(read) };
}

function decodeAuth(read: EnvironmentReader): KafkaAuth {
  const kind = read.text(VARIABLES.auth);
  switch (kind) {
    case 'iam':
    case 'none':
      return { kind };
    case 'scram':
      return { kind, secretArn: read.text(VARIABLES.secretArn) };
    case 'tls':
      return { kind, secretArn: read.optionalText(VARIABLES.secretArn) };
    default:
      return read.refuse(VARIABLES.auth, 'one of iam, scram, tls, none');
  }
}
