import type { FilterPattern } from './filter';

/** What the template says about the mapping, in Lambda's own terms. */
export interface MappingSettings {
  /** 1 to 10,000 records in one invocation; 6 MB at most whatever this says. */
  readonly batchSize: number;
  /** How long to gather records before an invocation. */
  readonly maximumBatchingWindowSeconds: number;
  /** On a thrown error or timeout: retry in two halves, which consumes no retry. */
  readonly bisectBatchOnFunctionError: boolean;
  /** -1: until it succeeds. */
  readonly maximumRetryAttempts: number;
  /** -1: as long as the stream has them. */
  readonly maximumRecordAgeSeconds: number;
  /** Whether the function's answer names failed records. */
  readonly reportBatchItemFailures: boolean;
  readonly startingPosition: 'TRIM_HORIZON' | 'LATEST';
  /** A record is delivered when one of these matches; all records when there is none. */
  readonly filters: readonly FilterPattern[];
}

/** Lambda's payload limit, for the batch as JSON. */
export const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024;
