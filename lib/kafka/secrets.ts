import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { OutboxError } from '../event/errors';
import type { ReadSecret } from './client';

/** Without an endpoint in its VPC the relay cannot reach the service, and has to learn that soon. */
const CLIENT_OPTIONS = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
};

/**
 * Reads secrets from AWS Secrets Manager, each time anew. The client is made with the first read: most relays log in
 * with their role and never need one.
 *
 * @throws OutboxError `invalid-option` for a binary secret, and what the SDK throws, such as `ResourceNotFoundException`.
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
