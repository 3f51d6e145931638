import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { generateAuthTokenFromCredentialsProvider } from 'aws-msk-iam-sasl-signer-js';
import { OutboxError } from '../event/errors';

type Provider = Parameters<typeof generateAuthTokenFromCredentialsProvider>[0]['awsCredentialsProvider'];
type Credentials = Awaited<ReturnType<Provider>>;

/** Gets the credentials that sign; with `forceRefresh`, newer ones than before, if there are any. */
export type ReadCredentials = (options?: { readonly forceRefresh?: boolean }) => Promise<Credentials>;

/** Brokers look a token up when it arrives: it must not end on its way. */
const LEFT_MS = 60_000;

/** As every client of the SDK finds credentials. None is made before the first token. */
const sdkCredentials = (region: string): ReadCredentials => {
  let client: SecretsManagerClient | undefined;
  return (options) => (client ??= new SecretsManagerClient({ region })).config.credentials(options);
};

/**
 * Makes tokens that log in at MSK, each with fresh credentials if those at hand end within a minute.
 *
 * A token is asked for 15 minutes, also if the credentials end before. The signer would ask for the time that is left of
 * them, as a fraction of seconds, and a broker refuses such a token. What ends with the credentials is the token's use,
 * not the connection: a broker looks at it once.
 *
 * @throws OutboxError `service-unavailable` if the credentials have ended and no others are to be had.
 */
export function mskTokens(region: string, read: ReadCredentials = sdkCredentials(region)): () => Promise<string> {
  return async () => {
    const { expiration, ...credentials } = await lastingCredentials(read);
    const endedMs = expiration === undefined ? 0 : Date.now() - expiration.getTime();
    if (expiration !== undefined && endedMs >= 0) throw ended(expiration);
    const awsCredentialsProvider: Provider = () => Promise.resolve(credentials);
    return (await generateAuthTokenFromCredentialsProvider({ region, awsCredentialsProvider })).token;
  };
}

async function lastingCredentials(read: ReadCredentials): Promise<Credentials> {
  const known = await read();
  const isLasting = known.expiration === undefined || known.expiration.getTime() - Date.now() > LEFT_MS;
  return isLasting ? known : read({ forceRefresh: true });
}

function ended(expiration: Date): OutboxError {
  const why = `the AWS credentials ended at ${expiration.toISOString()}. Log in to AWS again`;
  return new OutboxError('service-unavailable', `No token for MSK can be signed: ${why}.`, {
    service: 'Kafka',
    place: 'AWS credentials',
    action: 'signing a token',
    why,
  });
}
