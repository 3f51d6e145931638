/** A process with an instance of each consumer. */
export interface ConsumerProcessOptions {
  readonly brokers: readonly string[];
  /** Of DynamoDB, or of a proxy before it. */
  readonly endpoint: string;
  readonly region: string;
  readonly outboxTable: string;
  /** Whether it is the deployment that reads everything. */
  readonly isLatest: boolean;
}
