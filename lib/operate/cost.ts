import { encodeItem, isoTime, type OutboxItem } from '../event/item';
import { itemBytes } from '../event/item-size';
import { positionOfVersion } from '../event/position';
import { formatReceipt } from '../event/receipt';
import { DYNAMODB_LIMITS } from '../event/transaction-size';
import { uuidV7 } from '../event/uuid';
import { SWEEPER_DEFAULTS } from '../sweep/environment';
import { refuse } from './target';

/** What a service writes, on average. */
export interface Workload {
  readonly eventsPerSecond: number;
  /** Of an event's data as it is sent. */
  readonly eventBytes: number;
  /** Events of one key in one transaction: they share an item. Default 1. */
  readonly eventsPerTransaction?: number;
  /** Default 36, as of a UUID. */
  readonly keyBytes?: number;
  /** Whether keys have versions. Default true. */
  readonly hasVersions?: boolean;
  /** How long processed items stay. Default one day; 0 deletes them instead of marking them. */
  readonly retentionSeconds?: number;
  /** Default one hour. */
  readonly sweepEverySeconds?: number;
}

/** Dollars: list prices of us-east-1, on demand, without free tiers. */
export interface Prices {
  readonly perMillionWriteUnits: number;
  readonly perMillionReadUnits: number;
  readonly perGbMonth: number;
  readonly perMillionInvocations: number;
  /** Of arm64. */
  readonly perMillionGbSeconds: number;
}

export const PRICES: Prices = {
  perMillionWriteUnits: 0.625,
  perMillionReadUnits: 0.125,
  perGbMonth: 0.25,
  perMillionInvocations: 0.2,
  perMillionGbSeconds: 13.3334,
};

/** Exact for the workload given; `estimated` are averages of a steady load. */
export interface Cost {
  readonly item: {
    /** As it is committed, and after its mark. */
    readonly bytes: number;
    readonly markedBytes: number;
    /** Of the put in the transaction: two for each started KB. */
    readonly commitWriteUnits: number;
    /** Of the mark, or the delete: one for each started KB of the larger of both. */
    readonly markWriteUnits: number;
  };
  readonly perSecond: {
    readonly items: number;
    readonly writeUnits: number;
    /** At least as many: a partition takes 1,000 write units a second, and each has a shard with a relay of its own. */
    readonly partitions: number;
  };
  readonly estimated: {
    readonly invocationsPerSecond: number;
    readonly storedGb: number;
    /** Runs of the sweeper, at its default rate, in which it sees the whole table. */
    readonly sweepRuns: number;
    /** Of each of them. */
    readonly sweepReadUnits: number;
  };
  /** Dollars for 730 hours; without Kafka, the business items and logs. */
  readonly perMonth: {
    readonly writeUnits: number;
    readonly readUnits: number;
    readonly storage: number;
    readonly relay: number;
    readonly total: number;
  };
}

const KB = 1024;
const GB = 1024 ** 3;
const MONTH_SECONDS = 730 * 3_600;
const PARTITION_WRITE_UNITS = 1_000;
/** Lambda asks each shard four times a second. */
const POLLS_PER_SECOND = 4;
/** As docs/benchmarks.md measures it, generously: an invocation, and each event of it. */
const RELAY_SECONDS = { invocation: 0.02, event: 0.0002 };
const RELAY_GB = 640 / 1024;
const STORAGE_OVERHEAD_BYTES = 100;
/** Of a run of the sweeper at its defaults: 15 minutes, of which it keeps one for its signals. */
const MOST_SWEEP_READ_UNITS = SWEEPER_DEFAULTS.readUnitsPerSecond * (15 - 1) * 60;

/**
 * What an outbox costs. The units are those that the tests of this package count on DynamoDB's own answers.
 *
 * @throws OutboxError `operation-refused` for a number that cannot be meant.
 */
export function costOf(workload: Workload, prices: Prices = PRICES): Cost {
  const { eventsPerSecond, retentionSeconds = 86_400, sweepEverySeconds = 3_600 } = check(workload);
  const { bytes, markedBytes, events } = sizes(workload);
  if (bytes > DYNAMODB_LIMITS.itemBytes) {
    refuse('cost', `such an item has ${bytes} bytes; DynamoDB takes ${DYNAMODB_LIMITS.itemBytes} at most.`);
  }
  const commitWriteUnits = 2 * Math.ceil(bytes / KB);
  const markWriteUnits = Math.ceil((retentionSeconds === 0 ? bytes : markedBytes) / KB);

  const items = eventsPerSecond / events;
  const writeUnits = items * (commitWriteUnits + markWriteUnits);
  const partitions = Math.max(1, Math.ceil(writeUnits / PARTITION_WRITE_UNITS));
  const invocationsPerSecond = nonEmptyPolls(items, partitions);
  const storedBytes = items * retentionSeconds * (markedBytes + STORAGE_OVERHEAD_BYTES);
  const passReadUnits = Math.ceil(storedBytes / (4 * KB)) / 2;
  const sweepRuns = Math.max(1, Math.ceil(passReadUnits / MOST_SWEEP_READ_UNITS));
  const sweepReadUnits = passReadUnits / sweepRuns;

  const month = (perSecond: number): number => perSecond * MONTH_SECONDS;
  const millions = (perSecond: number): number => month(perSecond) / 1e6;
  const gbSeconds =
    (invocationsPerSecond * RELAY_SECONDS.invocation + eventsPerSecond * RELAY_SECONDS.event) * RELAY_GB;
  const perMonth = {
    writeUnits: millions(writeUnits) * prices.perMillionWriteUnits,
    readUnits: millions(invocationsPerSecond + sweepReadUnits / sweepEverySeconds) * prices.perMillionReadUnits,
    storage: (storedBytes / GB) * prices.perGbMonth,
    relay:
      millions(invocationsPerSecond) * prices.perMillionInvocations + millions(gbSeconds) * prices.perMillionGbSeconds,
  };
  return {
    item: { bytes, markedBytes, commitWriteUnits, markWriteUnits },
    perSecond: { items, writeUnits, partitions },
    estimated: { invocationsPerSecond, storedGb: storedBytes / GB, sweepRuns, sweepReadUnits },
    perMonth: { ...perMonth, total: Object.values(perMonth).reduce((sum, dollars) => sum + dollars, 0) },
  };
}

/** Of polls that come at a rate, those in which at least one of randomly arriving items is found. */
function nonEmptyPolls(itemsPerSecond: number, shards: number): number {
  const polls = POLLS_PER_SECOND * shards;
  return polls * (1 - Math.exp(-itemsPerSecond / polls));
}

function check(workload: Workload): Workload {
  const { eventsPerSecond, eventsPerTransaction = 1, eventBytes, keyBytes = 1, retentionSeconds = 0 } = workload;
  const { sweepEverySeconds = 60 } = workload;
  const limits: readonly (readonly [string, number, number, number])[] = [
    ['events per second', eventsPerSecond, 0, 1e9],
    ['bytes of an event', eventBytes, 0, 400 * KB],
    ['events per transaction', eventsPerTransaction, 1, 10_000],
    ['bytes of a key', keyBytes, 1, 2_000],
    ['seconds of retention', retentionSeconds, 0, 10 * 365 * 86_400],
    ['seconds between sweeps', sweepEverySeconds, 60, 365 * 86_400],
  ];
  for (const [name, value, least, most] of limits) {
    if (!(value >= least && value <= most)) refuse('cost', `${name}: ${value}; it must be from ${least} to ${most}.`);
  }
  if (!Number.isInteger(eventsPerTransaction)) {
    refuse(
      'cost',
      `events per transaction: ${eventsPerTransaction}; it must be a whole number, for an item has so many.`,
    );
  }
  return workload;
}

/** Measured on an item with names of usual length. */
function sizes({ eventBytes, eventsPerTransaction = 1, keyBytes = 36, hasVersions = true }: Workload) {
  const committedAt = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const key = 'k'.repeat(keyBytes);
  const topic = 'orders';
  const id = uuidV7(committedAt);
  const event = {
    id,
    type: 'order.placed',
    topic,
    time: isoTime(committedAt),
    contentType: 'application/json',
    data: 'x'.repeat(eventBytes),
  };
  const item: OutboxItem = {
    aggregate: 'order',
    key,
    pk: `order#${key}`,
    sk: hasVersions ? positionOfVersion(1) : id,
    id,
    events: Array.from({ length: eventsPerTransaction }, () => event),
    source: '/shop/order',
    region: 'eu-central-1',
    committedAt,
  };
  const encoded = encodeItem(item);
  const marked = {
    ...encoded,
    processedAt: committedAt + 123,
    receipts: item.events.map(() => formatReceipt({ topic, partition: 11, offset: 1_000_000n })),
    expiresAt: Math.ceil(committedAt / 1000) + 86_401,
  };
  return { bytes: itemBytes(encoded), markedBytes: itemBytes(marked), events: eventsPerTransaction };
}
