/** How Lambda hands the stream to the relay: the construct sets it so, and `doctor` compares a deployed mapping with it. */
export const MAPPING_SETTINGS = {
  /** With LATEST, what is written while the mapping is created or updated could be missed. */
  startingPosition: 'TRIM_HORIZON',
  /** The relay's own marks (MODIFY) and expiries (REMOVE) must not invoke it. */
  filter: { eventName: ['INSERT'] },
  /** The most that one read of a DynamoDB shard returns. */
  batchSize: 1000,
  /** More than one would keep the order of each item only, not of a key's items. */
  parallelizationFactor: 1,
  bisectBatchOnError: true,
  reportBatchItemFailures: true,
  /** Without an end: an outage makes the shard wait; a record must never be given up. */
  retryAttempts: -1,
  /** Without an end, which is Lambda's default. */
  maxRecordAgeSeconds: -1,
} as const;

/** The functions are bundled for this major version of Node.js. */
export const MIN_NODE_MAJOR = 24;
