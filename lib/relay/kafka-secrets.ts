import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { OutboxError } from '../event/errors';
import type { ReadSecret } from './kafka-client';

/**
 * Reads secrets from AWS Secrets Manager, each time anew. The client is made with the first read: most relays log in
 * with their role and never need one.
 *
 * @throws OutboxError `invalid-option` for a binary secret, and what the SDK throws, such as `ResourceNotFoundException`.
 */
export function secretReader(newClient = () => new SecretsManagerClient({})): ReadSecret {
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
