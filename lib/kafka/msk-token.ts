import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { generateAuthTokenFromCredentialsProvider } from 'aws-msk-iam-sasl-signer-js';
import { OutboxError } from '../event/errors';

type Provider = Parameters<typeof generateAuthTokenFromCredentialsProvider>[0]['awsCredentialsProvider'];
type Credentials = Awaited<ReturnType<Provider>>;

/** Returns the credentials that sign tokens. With `forceRefresh` it fetches newer ones, if available. */
export type ReadCredentials = (options?: { readonly forceRefresh?: boolean }) => Promise<Credentials>;

/** A broker checks a token when it arrives: the credentials must not expire in transit. */
const LEFT_MS = 60_000;

/** The SDK's default credential chain. The first token creates the client. */
const sdkCredentials = (region: string): ReadCredentials => {
  let client: SecretsManagerClient | undefined;
  return (options) => (client ??= new SecretsManagerClient({ region })).config.credentials(options);
};

/**
 * Returns a function that signs tokens for MSK. If the current credentials expire within a minute, it refreshes them.
 *
 * Each token requests 15 minutes, even if the credentials expire earlier. Otherwise the signer would request the
 * remaining time, as a fraction of seconds, which brokers refuse. Expired credentials end the use of a token but not
 * its connection: a broker checks the token once.
 *
 * @throws OutboxError `service-unavailable` if the credentials have expired and there are no newer ones.
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
