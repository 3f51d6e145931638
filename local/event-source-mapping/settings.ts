import type { FilterPattern } from './filter';

/** The mapping's settings in the template, under Lambda's own names. */
export interface MappingSettings {
  /** 1 to 10,000 records per invocation; the limit of 6 MB applies too. */
  readonly batchSize: number;
  /** How long to gather records before an invocation. */
  readonly maximumBatchingWindowSeconds: number;
  /** On a thrown error or timeout: retry in two halves, which consumes no retry. */
  readonly bisectBatchOnFunctionError: boolean;
  /** -1: until it succeeds. */
  readonly maximumRetryAttempts: number;
  /** -1: as long as the stream keeps the records. */
  readonly maximumRecordAgeSeconds: number;
  /** Whether the function's response lists failed records. */
  readonly reportBatchItemFailures: boolean;
  readonly startingPosition: 'TRIM_HORIZON' | 'LATEST';
  /** A record is delivered if one of the filters matches, or if there is none. */
  readonly filters: readonly FilterPattern[];
}

/** Lambda's payload limit, for the batch as JSON. */
export const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024;
