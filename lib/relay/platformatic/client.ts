import { isIP } from 'node:net';
import {
  saslOAuthBearer,
  saslScramSha,
  type Connection,
  type ConnectionOptions,
  type saslAuthenticateV2,
  type SASLCustomAuthenticator,
  type SASLOptions,
} from '@platformatic/kafka';
import type { KafkaAuth } from '../../kafka/broker-config';
import { kafkaLogin, type Login, type SaslLogin } from '../../kafka/login';
import type { ReadSecret } from '../../kafka/secrets';

export interface PlatformaticClientConfig {
  /** The client id is `outbox-<name>`. */
  readonly name: string;
  readonly auth: KafkaAuth;
  readonly requestTimeoutMs: number;
}

/** Receives the lifetime of a login in milliseconds; 0 if it does not end. */
type OnLogin = (lifetimeMs: number) => void;

export interface PlatformaticClient {
  readonly clientId: string;
  optionsFor(host: string, onLogin: OnLogin): ConnectionOptions;
}

/**
 * Returns a factory of clients. Each client reads its secret again, so that a rotated secret takes effect at the next
 * reconnect; each connection signs its own token.
 *
 * @throws OutboxError `invalid-environment` if IAM tokens have no region.
 */
export function platformaticClient(
  { name, auth, requestTimeoutMs }: PlatformaticClientConfig,
  readSecret: ReadSecret,
  region = process.env['AWS_REGION'],
): () => Promise<PlatformaticClient> {
  const login = kafkaLogin(auth, region, readSecret);
  return async () => {
    const { tls, sasl } = await login();
    return {
      clientId: `outbox-${name}`,
      optionsFor: (host, onLogin) => ({
        connectTimeout: requestTimeoutMs,
        requestTimeout: requestTimeoutMs,
        // A broker answers the requests of a connection one by one: the time of the second begins after the first.
        maxInflights: 1,
        ...tlsOptions(host, tls),
        ...(sasl === undefined ? {} : { sasl: saslOptions(sasl, onLogin) }),
      }),
    };
  };
}

/** Node.js sends the name of the server only if it is given, and an address is no name. */
const tlsOptions = (host: string, tls: Login['tls']): Pick<ConnectionOptions, 'tls' | 'tlsServerName'> =>
  tls === undefined ? {} : { tls: { ...tls }, tlsServerName: isIP(host) === 0 ? host : undefined };

function saslOptions(sasl: SaslLogin, onLogin: OnLogin): SASLOptions {
  if (sasl.kind === 'scram') {
    const { username, password } = sasl;
    const logIn: LogIn = (connection, authenticate) =>
      saslScramSha.authenticate(authenticate, connection, 'SHA-512', username, password);
    return { mechanism: 'SCRAM-SHA-512', authenticate: withoutRenewal(onLogin, logIn) };
  }
  const logIn: LogIn = (connection, authenticate) =>
    saslOAuthBearer.authenticate(authenticate, connection, sasl.token, {});
  return { mechanism: 'OAUTHBEARER', authenticate: withoutRenewal(onLogin, logIn) };
}

type LogIn = (
  connection: Connection,
  authenticate: saslAuthenticateV2.SASLAuthenticationAPI,
) => Promise<saslAuthenticateV2.SaslAuthenticateResponse>;

/**
 * Logs in, and hides the lifetime of the login from the connection. The connection would renew the login by a timer:
 * next to a request, and much too late in a function that was frozen.
 */
const withoutRenewal =
  (onLogin: OnLogin, logIn: LogIn): SASLCustomAuthenticator =>
  (_mechanism, connection, authenticate, _username, _password, _token, callback) => {
    logIn(connection, authenticate).then(
      (response) => {
        onLogin(Number(response.sessionLifetimeMs));
        callback(null, { ...response, sessionLifetimeMs: 0n });
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
    );
  };
