import { jsonObject } from '../event/options';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { OutboxError } from '../event/errors';

/** Returns the text of a secret. */
export type ReadSecret = (arn: string) => Promise<string>;

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

/** @throws OutboxError `invalid-option` that names the secret and the fields that are missing, never a value. */
export const scramCredentials = (secretArn: string, secret: string): Record<'username' | 'password', string> =>
  textFields(secretArn, secret, ['username', 'password']);

/** @throws OutboxError `invalid-option` that names the secret and the fields that are missing, never a value. */
export const clientCertificate = (secretArn: string, secret: string): Record<'certificate' | 'privateKey', string> =>
  textFields(secretArn, secret, ['certificate', 'privateKey']);

function textFields<F extends string>(secretArn: string, secret: string, names: readonly F[]): Record<F, string> {
  const fields = jsonObject(secret);
  const wrong = names.filter((name) => typeof fields?.[name] !== 'string' || fields[name] === '');
  if (fields === undefined || wrong.length > 0) {
    const got = fields === undefined ? 'a text that is not a JSON object' : `no text under ${wrong.join(', ')}`;
    const allowed = `a JSON object with the texts ${names.join(' and ')}`;
    throw new OutboxError(
      'invalid-option',
      `Secret ${secretArn} holds ${got}; it must hold ${allowed}. Correct its value in Secrets Manager: the relay reads it again when it connects.`,
      { option: 'auth.secretArn', got: secretArn, allowed },
    );
  }
  return Object.fromEntries(names.map((name) => [name, fields[name]])) as Record<F, string>;
}
