import { OutboxError } from '../event/errors';
import type { KafkaAuth } from './broker-config';
import { mskTokens } from './msk-token';
import { clientCertificate, scramCredentials, type ReadSecret } from './secrets';

/** How a client logs in at the brokers, in no client's terms. */
export interface Login {
  /** Left out for plain text. With a certificate, the client authenticates by it; both are PEM. */
  readonly tls?: { readonly cert?: string; readonly key?: string };
  readonly sasl?: SaslLogin;
}

export type SaslLogin =
  /** SASL/OAUTHBEARER; `token` signs a new token, for each connection. */
  | { readonly kind: 'token'; readonly token: () => Promise<string> }
  /** SASL/SCRAM-SHA-512. */
  | { readonly kind: 'scram'; readonly username: string; readonly password: string };

/**
 * Returns a function that reads the login, with the secret as it is at that time.
 *
 * @throws OutboxError `invalid-environment` if IAM tokens have no region.
 */
export function kafkaLogin(auth: KafkaAuth, region: string | undefined, readSecret: ReadSecret): () => Promise<Login> {
  switch (auth.kind) {
    case 'iam': {
      const token = tokens(region);
      return () => Promise.resolve({ tls: {}, sasl: { kind: 'token', token } });
    }
    case 'scram': {
      const { secretArn } = auth;
      return async () => {
        const credentials = scramCredentials(secretArn, await readSecret(secretArn));
        return { tls: {}, sasl: { kind: 'scram', ...credentials } };
      };
    }
    case 'tls': {
      const { secretArn } = auth;
      if (secretArn === undefined) return () => Promise.resolve({ tls: {} });
      return async () => {
        const { certificate: cert, privateKey: key } = clientCertificate(secretArn, await readSecret(secretArn));
        return { tls: { cert, key } };
      };
    }
    case 'none':
      return () => Promise.resolve({});
  }
}

function tokens(region: string | undefined): () => Promise<string> {
  if (region === undefined || region === '') {
    const allowed = 'the region of the MSK cluster, such as eu-central-1';
    throw new OutboxError(
      'invalid-environment',
      `Environment variable AWS_REGION is not set; with IAM authentication it must be ${allowed}. Lambda sets it; elsewhere set it yourself.`,
      { variable: 'AWS_REGION', got: region, allowed },
    );
  }
  return mskTokens(region);
}
