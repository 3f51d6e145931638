import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { OutboxError } from '../event/errors';
import type { ReadSecret } from './client';

/** Without an endpoint in its VPC the relay cannot reach Secrets Manager, and must fail soon. */
const CLIENT_OPTIONS = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
};

/**
 * Reads secrets from AWS Secrets Manager, without a cache. The first read makes the client: most relays authenticate by
 * their role and never need one.
 *
 * @throws OutboxError `invalid-option` for a binary secret, and the SDK's own errors, such as
 * `ResourceNotFoundException`.
 */
export function secretReader(newClient = () => new SecretsManagerClient(CLIENT_OPTIONS)): ReadSecret {
  let client: Pick<SecretsManagerClient, 'send'> | undefined;
  return async (arn) => {
    client ??= newClient();
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }));
    if (SecretString !== undefined) return SecretString;
    const allowed = 'a secret with a text value';
    throw new OutboxError(
      'invalid-option',
      `Secret ${arn} holds a binary value; it must be ${allowed}. Store the JSON as text.`,
      { option: 'auth.secretArn', got: arn, allowed },
    );
  };
}
