import type { HomeRegion } from '../event/home-region';
import { SIGNAL_PREFIX } from '../event/position';

/** Event source mapping: the construct sets these values, and `doctor` compares a deployed mapping with them. */
export const MAPPING_SETTINGS = {
  /** With LATEST, records written while the mapping is created or updated could be missed. */
  startingPosition: 'TRIM_HORIZON',
  /** Maximum that one read of a DynamoDB shard returns. */
  batchSize: 1000,
  /** With more than one, the order of each item would be kept, but not that of a key's items. */
  parallelizationFactor: 1,
  bisectBatchOnError: true,
  reportBatchItemFailures: true,
  /** Unlimited: in an outage the shard waits, because a record must never be dropped. */
  retryAttempts: -1,
  /** Unlimited, which is Lambda's default. */
  maxRecordAgeSeconds: -1,
} as const;

/**
 * The relay's own marks (MODIFY) and expiries (REMOVE) must not invoke it. On a table with several regions, neither
 * must items of other regions or the regions' control items. Signals have no region and concern every one.
 */
export function mappingFilters(home?: HomeRegion): readonly Readonly<Record<string, unknown>>[] {
  const inserts = { eventName: ['INSERT'] };
  if (home === undefined) return [inserts];
  return [
    { ...inserts, dynamodb: { NewImage: { region: { S: home.publishesFor } } } },
    { ...inserts, dynamodb: { Keys: { sk: { S: [{ prefix: SIGNAL_PREFIX }] } } } },
  ];
}

/** Major version of Node.js for which the functions are bundled. */
export const MIN_NODE_MAJOR = 24;
