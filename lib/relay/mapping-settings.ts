import type { HomeRegion } from '../event/home-region';
import { SIGNAL_PREFIX } from '../event/position';

/** How Lambda hands the stream to the relay: the construct sets it so, and `doctor` compares a deployed mapping with it. */
export const MAPPING_SETTINGS = {
  /** With LATEST, what is written while the mapping is created or updated could be missed. */
  startingPosition: 'TRIM_HORIZON',
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

/**
 * The relay's own marks (MODIFY) and expiries (REMOVE) must not invoke it. Of a table with several regions, neither must
 * items of other regions nor what each keeps about itself; signals carry no region and concern every one.
 */
export function mappingFilters(home?: HomeRegion): readonly Readonly<Record<string, unknown>>[] {
  const inserts = { eventName: ['INSERT'] };
  if (home === undefined) return [inserts];
  return [
    { ...inserts, dynamodb: { NewImage: { region: { S: home.publishesFor } } } },
    { ...inserts, dynamodb: { Keys: { sk: { S: [{ prefix: SIGNAL_PREFIX }] } } } },
  ];
}

/** The functions are bundled for this major version of Node.js. */
export const MIN_NODE_MAJOR = 24;
