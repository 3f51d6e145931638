import type { Compression } from '../../lib/relay/environment';
import type { Publisher } from '../../lib/relay/ports';

/** A login by SASL/SCRAM-SHA-512 over TLS. The process trusts the brokers' certificates while a case runs. */
export interface SaslLogin {
  readonly mechanism: 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

export interface ClientOptions {
  readonly brokers: readonly string[];
  /** Left out for plain text without a login. */
  readonly sasl?: SaslLogin;
  readonly compression: Compression;
  readonly requestTimeoutMs: number;
  /** Called when the client has replaced a producer. */
  readonly onRebuilt: (cause: unknown) => void;
}

/** A Kafka client behind the relay's port, as the suite opens it. */
export interface Client {
  readonly name: string;
  /** A control is expected to break promises: it shows that the suite can see that. */
  readonly isControl: boolean;
  open(options: ClientOptions): OpenClient;
}

export interface OpenClient extends Pick<Publisher, 'publish'> {
  close(): Promise<unknown>;
}
