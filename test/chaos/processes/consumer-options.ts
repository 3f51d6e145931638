import type { ClientConfig } from './writer-options';

/** A process with an instance of each consumer. */
export interface ConsumerProcessOptions {
  readonly brokers: readonly string[];
  /** For DynamoDB, or a proxy before it. */
  readonly clientConfig: ClientConfig;
  readonly region: string;
  readonly outboxTable: string;
  /** Whether it is the deployment that reads everything. */
  readonly isLatest: boolean;
}
